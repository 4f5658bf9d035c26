import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A script of bench/ as a process of its own, which answers one question. */
export interface BenchChild<Answer> {
  readonly pid: number;
  readonly answer: Promise<Answer>;
  /** Kills it. A server has no other end. */
  stop(): void;
}

/** Starts `script` (of this folder) and sends it `question`. It ends when this process does. */
export function startChild<Answer>(
  script: string,
  question: object,
  nodeArgs: readonly string[] = [],
): BenchChild<Answer> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), {
    execArgv: [...nodeArgs],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const answer = answerOf<Answer>(child, script);
  // Heard by whoever waits for it; a child that is stopped before has none.
  answer.catch(() => undefined);
  child.send(question, () => undefined);
  return { pid: child.pid ?? 0, answer, stop: () => void child.kill('SIGKILL') };
}

/** Asks a child that ends when it has answered. */
export async function askChild<Answer>(
  script: string,
  question: object,
  nodeArgs: readonly string[] = [],
): Promise<Answer> {
  return await startChild<Answer>(script, question, nodeArgs).answer;
}

async function answerOf<Answer>(child: ChildProcess, script: string): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    child.once('message', (answer) => resolve(answer as Answer));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(new Error(`${script} ended without an answer: ${code ?? signal}`));
    });
  });
}

/** In a child: what it was asked. */
export async function readQuestion<Question>(): Promise<Question> {
  process.once('disconnect', () => process.exit());
  return await new Promise((resolve) => {
    process.once('message', (question) => resolve(question as Question));
  });
}

/** In a child: its answer. Resolves when it is on its way, so that the child may end. */
export async function giveAnswer(answer: object): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const noteSent = (error: Error | null): void => (error === null ? resolve() : reject(error));
    if (process.send === undefined) throw new Error('it is no child of a bench');
    process.send(answer, noteSent);
  });
}

// A process of its own: the HTTP client that webhooks are sent with, and nothing else. So many requests are always
// under way, to the endpoints in turn; the bytes of each are the same.
import { Agent, request } from 'undici';
import { giveAnswer, readQuestion } from './child.ts';

export interface BareClientLoad {
  readonly urls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly concurrency: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface BareClientAnswers {
  readonly perSecond: number;
  readonly cpuMicrosEach: number;
}

const load = await readQuestion<BareClientLoad>();
const dispatcher = new Agent({ allowH2: false });
let turn = 0;
let answered = 0;
const over = new AbortController();

async function loop(): Promise<void> {
  while (!over.signal.aborted) {
    turn += 1;
    const url = load.urls[turn % load.urls.length] ?? '';
    const { headers, body } = load;
    const answer = await request(url, { method: 'POST', dispatcher, headers, body });
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
    await answer.body.text();
    answered += 1;
  }
}

async function measure(seconds: number): Promise<BareClientAnswers> {
  const before = answered;
  const cpu = process.cpuUsage();
  const from = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const taken = (performance.now() - from) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const count = answered - before;
  return { perSecond: count / taken, cpuMicrosEach: (user + system) / count };
}

const loops = Array.from({ length: load.concurrency }, loop);
await measure(load.warmUpSeconds);
const answers = await measure(load.seconds);
over.abort();
await Promise.all(loops);
await dispatcher.destroy();
await giveAnswer(answers);
process.disconnect();

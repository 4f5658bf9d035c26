// The guard's own process, started by guard.ts. It imports nothing of the project, so that it starts
// fast and cannot fail with it.
import { readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuardOrder } from './guard.ts';

interface Watched {
  readonly pid: number;
  readonly signal: NodeJS.Signals;
  readonly startedAt: string | undefined;
}

const PATIENCE_MS = 5_000;
const watched: Watched[] = [];
const folders: string[] = [];

// It ends by itself as soon as the pipe closes; a signal meant for its parent must not end it before.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as GuardOrder;
  if ('remove' in order) folders.push(order.remove);
  else watched.push({ pid: order.watch, signal: order.signal, startedAt: startOf(order.watch) });
}
await Promise.all(watched.map(end));
for (const folder of folders) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

async function end(process: Watched): Promise<void> {
  for (const signal of [process.signal, 'SIGKILL'] as const) {
    if (!lives(process)) return;
    kill(process.pid, signal);
    const deadline = Date.now() + PATIENCE_MS;
    while (lives(process) && Date.now() < deadline) await sleep(20);
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in between.
  }
}

/** The kernel gives a process's number to another one later; the moment of its start tells them apart. */
function lives({ pid, startedAt }: Watched): boolean {
  return startedAt !== undefined && startOf(pid) === startedAt;
}

/** Clock ticks from boot to the start of a process (proc(5), field 22); undefined where it has ended. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { KnitService } from './knit-service.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Processes that run, and are then killed and stalled at random, and started again each time. */
export interface UnrulyProcesses {
  readonly counts: Record<'api killed' | 'worker killed' | 'worker stalled', number>;
  /** Everything that is an alarm or an error in their logs. */
  readonly complaints: () => string[];
  /** From now on they are harmed. */
  begin(): void;
  /** Lets what is down come up, and harms nothing more. Throws where one ended by itself. */
  calm(): Promise<void>;
}

export interface ProcessSources {
  readonly startApi: () => Promise<KnitService>;
  readonly startWorker: () => KnitService;
}

const SHORTEST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 4_000;
/** Not for ever: the nodes may keep it from being so. */
const READY_WITHIN_MS = 6_000;
/** Longer than a lease of a test worker, so that others take over what it holds. */
const STALL_MS = 3_000;
const LONGEST_ABSENCE_MS = 1_000;

export async function startUnrulyProcesses(
  sources: ProcessSources,
  about: { random: SeededRandom; workers: number },
): Promise<UnrulyProcesses> {
  const { random } = about;
  const halt = new AbortController();
  const counts = { 'api killed': 0, 'worker killed': 0, 'worker stalled': 0 };
  const all: KnitService[] = [];
  const keep = (service: KnitService): KnitService => {
    all.push(service);
    return service;
  };
  let api = keep(await sources.startApi());
  const workers = Array.from({ length: about.workers }, () => keep(sources.startWorker()));
  const killApi = async (): Promise<void> => {
    await kill(api);
    await sleep(random.between(0, LONGEST_ABSENCE_MS));
    api = keep(await sources.startApi());
  };
  const killWorker = async (index: number): Promise<void> => {
    // Mostly one that is at work: those that are killed while they start harm nobody.
    if (random.chance(0.8)) await untilAtWork(workers[index]);
    await kill(workers[index]);
    await sleep(random.between(0, LONGEST_ABSENCE_MS));
    workers[index] = keep(sources.startWorker());
  };
  const harm = async (): Promise<void> => {
    const what = random.pick(['api killed', 'worker killed', 'worker killed', 'worker stalled']);
    const index = random.between(0, workers.length - 1);
    if (what === 'api killed') await killApi();
    else if (what === 'worker killed') await killWorker(index);
    else await stall(workers[index]);
    counts[what as keyof typeof counts] += 1;
  };
  const run = async (): Promise<void> => {
    while (!halt.signal.aborted) {
      await sleep(random.between(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS));
      await harm();
    }
  };
  let ended = Promise.resolve();
  return {
    counts,
    complaints: () => all.flatMap((service) => service.complaints),
    begin: () => {
      ended = run();
      // Heard when it is calmed; before that it must not end the process.
      ended.catch(() => undefined);
    },
    calm: async () => {
      halt.abort();
      await ended;
    },
  };
}

async function untilAtWork(worker: KnitService | undefined): Promise<void> {
  const isReady = worker?.said('settlement is ready').catch(() => undefined);
  await Promise.race([isReady, sleep(READY_WITHIN_MS)]);
}

async function kill(service: KnitService | undefined): Promise<void> {
  if (service === undefined) return;
  const { exitCode } = service.child;
  if (exitCode !== null) throw new Error(`a process ended with ${exitCode}: ${lastWords(service)}`);
  await service.end('SIGKILL');
}

async function stall(service: KnitService | undefined): Promise<void> {
  service?.child.kill('SIGSTOP');
  await sleep(STALL_MS);
  service?.child.kill('SIGCONT');
}

function lastWords(service: KnitService): string {
  return service.lines.slice(-5).join('\n');
}

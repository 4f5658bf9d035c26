import type { Clock } from '../base/clock.ts';
import type { IdSource } from '../base/id.ts';
import { CHECK_OK } from '../base/readiness.ts';
import type { DeliverDeps } from './deliver.ts';
import { createDeliverer, type Deliverer, type DeliveryLimits } from './deliver-due.ts';
import { createFanOut } from './fan-out-events.ts';
import { watchBacklog } from './watch-backlog.ts';

/** `sender` is closed when the worker stops. */
export interface WorkerDeps extends DeliverDeps {
  readonly ids: IdSource;
}

export interface WorkerOptions {
  /** How long to wait before looking again where nothing was due. */
  readonly pollMs?: number;
  /** How long a stop waits for what is being sent; more than an attempt can take. */
  readonly stopPatienceMs?: number;
  readonly limits?: DeliveryLimits;
}

export interface WebhookWorker {
  start(): void;
  /** `ok` while its rounds come round, or what is wrong: for a readiness check. */
  readonly condition: () => string;
  /**
   * Claims nothing more, waits for what is being sent and recorded, and closes the connections. What
   * is still being sent after the patience is broken off: that counts as a failed attempt.
   */
  stop(): Promise<void>;
}

const POLL_MS = 250;
const ERROR_PAUSE_MS = 2000;
const STOP_PATIENCE_MS = 15_000;
/** A round waits for the database, and for nothing else that takes long. */
const ROUND_WITHIN_MS = 60_000;

/** Turns payout events into webhooks until it is stopped. Any number of workers may run. */
export function createWebhookWorker(deps: WorkerDeps, options: WorkerOptions = {}): WebhookWorker {
  const pollMs = options.pollMs ?? POLL_MS;
  const deliverer = createDeliverer(deps, options.limits);
  const fanOut = createFanOut(deps);
  watchBacklog(deps.meter, deps);
  const pauses = [createPause(deps.clock), createPause(deps.clock)] as const;
  const [fanOutPause, deliverPause] = pauses;
  const stopping = new AbortController();
  let loops: Promise<unknown> | undefined;
  const beganAt = deps.clock.now();
  const roundAt = new Map<Pause, Date>();

  const loop = async (pause: Pause, step: () => Promise<void>): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await step();
        roundAt.set(pause, deps.clock.now());
      } catch (error) {
        // A database that is away must not end the worker: it says so and goes on looking.
        deps.log.error({ err: error }, 'the webhook worker could not work');
        if (!stopping.signal.aborted) await pause.take(ERROR_PAUSE_MS);
      }
    }
  };
  const fanOutStep = async (): Promise<void> => {
    const count = await fanOut.step();
    if (count > 0) deliverPause.end();
    else if (!stopping.signal.aborted) await fanOutPause.take(pollMs);
  };
  const deliverStep = async (): Promise<void> => {
    const started = await deliverer.startDue();
    if (started > 0 || stopping.signal.aborted) return;
    // A place that falls free is a reason to look again: its lane may have more.
    await Promise.race([deliverPause.take(pollMs), nextOrNever(deliverer)]);
    deliverPause.end();
  };

  return {
    condition: () => {
      const oldest = Math.min(...pauses.map((pause) => (roundAt.get(pause) ?? beganAt).getTime()));
      const isLate = deps.clock.now().getTime() - oldest > ROUND_WITHIN_MS;
      return isLate ? `no round has ended well for ${ROUND_WITHIN_MS / 1000} s` : CHECK_OK;
    },
    start: () => {
      loops ??= Promise.all([loop(fanOutPause, fanOutStep), loop(deliverPause, deliverStep)]);
    },
    stop: async () => {
      stopping.abort();
      for (const pause of pauses) pause.end();
      await loops;
      const patience = new AbortController();
      await Promise.race([
        settled(deliverer),
        deps.clock.sleep(options.stopPatienceMs ?? STOP_PATIENCE_MS, patience.signal),
      ]);
      patience.abort();
      await deps.sender.close();
      await settled(deliverer);
    },
  };
}

async function nextOrNever(deliverer: Deliverer): Promise<void> {
  if (deliverer.inFlight() === 0) await new Promise<never>(() => undefined);
  await deliverer.next();
}

async function settled(deliverer: Deliverer): Promise<void> {
  while (deliverer.inFlight() > 0) await deliverer.next();
}

interface Pause {
  /** Waits, at most `ms`. */
  take(ms: number): Promise<void>;
  /** Ends the wait that is on. */
  end(): void;
}

function createPause(clock: Clock): Pause {
  let current: AbortController | undefined;
  return {
    take: async (ms) => {
      current = new AbortController();
      await clock.sleep(ms, current.signal);
    },
    end: () => current?.abort(),
  };
}

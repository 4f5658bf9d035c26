import { createIdSource } from '../../src/base/id.ts';
import { noMeter } from '../../src/base/meter.ts';
import type { Log } from '../../src/base/log.ts';
import type { Database } from '../../src/database/database.ts';
import { createSettlementMetrics } from '../../src/settlement/settlement-metrics.ts';
import type { Settlement, SettlementPace } from '../../src/settlement/settlement.ts';
import { startSettlementWorker } from '../../src/settlement/settlement-worker.ts';
import type { SeededRandom } from '../harness/seeded-random.ts';
import type { CrewMember } from './crew.ts';
import type { Faults } from './faults.ts';
import type { Findings } from './findings.ts';
import { gateDatabase, type Written } from './gated-database.ts';
import { gateEndpoint } from './gated-endpoint.ts';
import type { Outages } from './outages.ts';
import type { Plant } from './plant.ts';
import type { Scheduler } from './scheduler.ts';
import type { Shape } from './shape.ts';
import type { SentTransaction, SimulatedNetwork } from './simulated-network.ts';

export interface LogLine {
  readonly worker: string;
  readonly level: 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface WorkerPlace {
  readonly shape: Shape;
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly outages: Outages;
  readonly chain: SimulatedNetwork;
  readonly real: Database;
  readonly plant: Plant | null;
  readonly onWritten: (written: Written) => void;
  readonly onSend: (sent: SentTransaction) => Promise<void>;
  readonly log: LogLine[];
  readonly findings: Findings;
}

const KEPT_LINES = 400;

/** Starts the real settlement worker, with everything that reaches outside behind a gate. */
export function startWorker(place: WorkerPlace, member: CrewMember): void {
  const { scheduler, shape, plant, chain } = place;
  const { actor, clock } = member;
  const random = place.random.fork(member.name);
  const gated = gateDatabase(place.real, {
    scheduler,
    actor,
    faults: place.faults,
    random: random.fork('database'),
    onWritten: place.onWritten,
    isMortal: true,
  });
  const { sentBy, summaryOf } = chain;
  const endpoints = chain.nodes.map((node) => {
    const way = { ...place, sentBy, summaryOf, actor, random: random.fork(node.label) };
    return gateEndpoint(node, way);
  });
  const log = createWorkerLog(place, member.name);
  const tools = { endpoints, now: () => clock.now(), random: random.fork('plant') };
  const reached = plant?.nodes?.(endpoints, tools) ?? { endpoints };
  const driver = chain.openDriver({ ...reached, clock, log, random: random.fork('driver') });
  const ids = createIdSource(clock, random.fork('ids'));
  const settlement: Settlement = {
    database: plant?.database?.(gated, tools) ?? gated,
    driver: plant?.driver?.(driver, tools) ?? driver,
    assetOf: (_, token) => chain.assets.find((asset) => asset.token === token),
    clock,
    ids,
    log,
    metrics: createSettlementMetrics(noMeter, driver.network),
    workerId: ids.next(),
    pace: slowed(shape.pace, chain.slowness),
    maxBatchOrders: shape.maxBatchOrders,
    batchesAtOnce: shape.batchesAtOnce,
    maxWaitingTransactions: shape.maxWaitingTransactions,
    roundSize: shape.roundSize,
    reach: async (checkpoint) =>
      await scheduler.pass(actor, checkpoint, async () => await Promise.resolve()),
  };
  const worker = startSettlementWorker(settlement);
  worker.stopped.catch((error: unknown) => {
    log.error({ err: error }, 'the worker has ended');
  });
}

function slowed(pace: SettlementPace, times: number): SettlementPace {
  const entries = Object.entries(pace).map(([name, ms]: [string, number]) => [name, ms * times]);
  return Object.fromEntries(entries) as SettlementPace;
}

/** A mistake of ours, which no trouble around it excuses. */
const OWN_MISTAKES = ['AssertionFailure', 'ReferenceError', 'TypeError', 'RangeError'];

function createWorkerLog(place: WorkerPlace, worker: string): Log {
  const { log: lines, findings, plant } = place;
  const keep =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      const error: unknown = 'err' in fields ? fields.err : undefined;
      // What the code's own assertions stop of a planted mistake is no merit of the simulation's.
      if (error instanceof Error && OWN_MISTAKES.includes(error.name) && plant === null) {
        findings.add('imbalances', `${error.name}: ${error.message}`, `met ${worker}`);
      }
      lines.push({ worker, level, fields: { ...fields }, message });
      if (lines.length > 2 * KEPT_LINES) lines.splice(0, KEPT_LINES);
    };
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: keep('warn'),
    error: keep('error'),
    child: () => log,
  };
  return log;
}

import { createIdSource } from '../../src/base/id.ts';
import type { Log } from '../../src/base/log.ts';
import type { Database } from '../../src/database/database.ts';
import type { Asset } from '../../src/money/asset.ts';
import { createEvmDriver } from '../../src/networks/evm/driver.ts';
import type { EvmNetworkId } from '../../src/networks/evm/evm-network.ts';
import type { Settlement } from '../../src/settlement/settlement.ts';
import { startSettlementWorker } from '../../src/settlement/settlement-worker.ts';
import type { SimulatedChain, SimulatedNode } from '../harness/simulated-chain/simulated-chain.ts';
import type { CrewMember } from './crew.ts';
import type { Faults } from './faults.ts';
import type { Findings } from './findings.ts';
import { gateDatabase, type Written } from './gated-database.ts';
import { gateEndpoint, type Outages } from './gated-endpoint.ts';
import type { SimulatedKey } from './keys.ts';
import type { Plant } from './plant.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { Shape } from './shape.ts';

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
  readonly chain: SimulatedChain;
  readonly nodes: readonly SimulatedNode[];
  readonly real: Database;
  readonly network: EvmNetworkId;
  readonly decimals: number;
  readonly treasury: SimulatedKey;
  readonly gasKeys: readonly SimulatedKey[];
  readonly plant: Plant | null;
  readonly onWritten: (written: Written) => void;
  readonly onSend: (raw: string) => Promise<void>;
  readonly log: LogLine[];
  readonly findings: Findings;
}

const KEPT_LINES = 400;

/** Starts the real settlement worker, with everything that reaches outside behind a gate. */
export function startWorker(place: WorkerPlace, member: CrewMember): void {
  const { scheduler, shape, plant, network, chain } = place;
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
  const endpoints = place.nodes.map((node) =>
    gateEndpoint(node, { ...place, actor, random: random.fork(node.label) }),
  );
  const assets = (['USDT', 'USDC'] as const).map((token): Asset => ({
    network,
    token,
    contract: chain.tokens[token].address,
    decimals: place.decimals,
    minimumUnits: 1n,
    payoutsEnabled: true,
  }));
  const log = createWorkerLog(place, member.name);
  const driver = createEvmDriver({
    network,
    chainId: chain.chainId,
    signer: place.treasury.signer,
    gasSigners: place.gasKeys.map(({ signer }) => signer),
    assets,
    clock,
    log,
    lifetimeSeconds: shape.lifetimeSeconds,
    ...(plant?.nodes?.(endpoints) ?? { endpoints }),
  });
  const tools = { endpoints, now: () => clock.now(), random: random.fork('plant') };
  const ids = createIdSource(clock, random.fork('ids'));
  const settlement: Settlement = {
    database: plant?.database?.(gated, tools) ?? gated,
    driver: plant?.driver?.(driver, tools) ?? driver,
    assetOf: (_, token) => assets.find((asset) => asset.token === token),
    clock,
    ids,
    log,
    workerId: ids.next(),
    pace: shape.pace,
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

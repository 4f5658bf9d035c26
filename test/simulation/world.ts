import { present } from '../../src/base/assert.ts';
import { createIdSource } from '../../src/base/id.ts';
import type { Database } from '../../src/database/database.ts';
import type { NetworkId } from '../../src/money/asset.ts';
import { createSeededRandom } from '../harness/seeded-random.ts';
import { createChaos, makeBlocks } from './chaos.ts';
import { createCrew, type Crew } from './crew.ts';
import { createFaults, type Faults } from './faults.ts';
import { createFindings, type Findings } from './findings.ts';
import { gateDatabase } from './gated-database.ts';
import { openBusinesses, orderPayouts } from './merchant.ts';
import { createMoney } from './money.ts';
import { createSimulatedNetwork } from './networks.ts';
import { createOutages } from './outages.ts';
import { lookAround } from './person.ts';
import type { Plant } from './plant.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { drawShape } from './shape.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { createBooksWatch } from './watch-books.ts';
import { watchChain, type ChainWatch } from './watch-chain.ts';
import { startWorker, type LogLine, type WorkerPlace } from './worker.ts';

export interface WorldOptions {
  readonly seed: string;
  readonly payouts: number;
  readonly network: NetworkId;
  readonly plant: Plant | null;
  /** An empty, migrated database of the world's own. */
  readonly real: Database;
}

/** Everything of one world: a database, a chain, its people and its processes. */
export interface World {
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly findings: Findings;
  readonly chain: SimulatedNetwork;
  readonly watch: ChainWatch;
  readonly crew: Crew;
  readonly hasDeepReorg: () => boolean;
  /** Every payout has been ordered, and the merchants know it. */
  readonly isOrdered: () => boolean;
  /** After each step: checks what the step can have changed. */
  readonly check: () => Promise<void>;
  /** A person looks at what has stopped, once the trouble is over, and lets go on what is right again. */
  readonly look: () => Promise<void>;
  /** A mistake of the simulation itself: what a part of it has thrown. */
  readonly failure: () => unknown;
  /** All trouble ends, and the treasury has enough. */
  readonly calm: () => void;
  /** The newest warnings and errors of the workers. */
  readonly log: readonly LogLine[];
}

const START_MS = Date.UTC(2026, 0, 5);
const LEDGER_DECIMALS = 18;

export async function createWorld(options: WorldOptions): Promise<World> {
  const { seed, network, real, payouts } = options;
  const random = createSeededRandom(seed);
  const shape = drawShape(random.fork('shape'), payouts);
  const scheduler = createScheduler({ random: random.fork('order'), startMs: START_MS });
  const faults = createFaults(random.fork('faults'));
  const findings = createFindings();
  const outages = createOutages();
  const nowMs = (): number => scheduler.now();
  const chain = await createSimulatedNetwork({ network, shape, random, nowMs });
  const { decimals } = present(chain.assets[0], 'a network pays something out');
  const scale = 10n ** BigInt(LEDGER_DECIMALS - decimals);
  const watch = watchChain({ db: real, chain, findings, scale });
  const books = createBooksWatch({ db: real, findings, openCount: watch.openCount });
  const money = createMoney({ chain, faults, payouts, random: random.fork('money') });
  const log: LogLine[] = [];
  const place: WorkerPlace = {
    shape,
    random,
    scheduler,
    faults,
    outages,
    chain,
    log,
    real,
    plant: options.plant,
    findings,
    onWritten: books.note,
    onSend: watch.onSend,
  };
  const crew = createCrew({
    scheduler,
    random: random.fork('crew'),
    count: shape.workers,
    start: (member) => startWorker(place, member),
    nurse: scheduler.actor('nurse'),
  });
  const chaos = createChaos({
    scheduler,
    faults,
    chain,
    crew,
    outages,
    random: random.fork('chaos'),
    actor: scheduler.actor('chaos'),
    recipients: watch.openRecipients,
    topUp: money.topUp,
    untilSetUp: async () => await untilSetUp(place),
  });
  const state: State = { hasDeepReorg: false, isOrdered: false, failure: undefined };
  startChain(place, { watch, state });
  await startMerchants(place, { watch, state, payouts, scale });
  keepFailure(state, chaos.run());
  return {
    scheduler,
    faults,
    findings,
    chain,
    watch,
    crew,
    log,
    hasDeepReorg: () => state.hasDeepReorg,
    isOrdered: () => state.isOrdered,
    failure: () => state.failure,
    check: async () => {
      const { hasEnds } = await books.check();
      if (hasEnds) await watch.onEnds();
      for (const words of scheduler.nested()) findings.add('duplicates', words, 'was nested');
    },
    look: async () => {
      await lookAround(place, { mayMislead: chaos.mayMislead, hasDeepReorg: state.hasDeepReorg });
    },
    calm: () => {
      faults.cease();
      chaos.cease();
      chain.calm();
      money.fill();
    },
  };
}

const SET_UP_PAUSE_MS = 2_000;
const LONGEST_SET_UP_MS = 300_000;

async function untilSetUp({ scheduler, real, chain }: WorkerPlace): Promise<void> {
  const actor = scheduler.actor('set-up');
  for (let ms = 0; ms < LONGEST_SET_UP_MS; ms += SET_UP_PAUSE_MS) {
    await scheduler.sleep(actor, SET_UP_PAUSE_MS);
    const isDone = await scheduler.pass(actor, 'set up?', async () => await chain.isSetUp(real));
    if (isDone) return;
  }
}

interface State {
  hasDeepReorg: boolean;
  isOrdered: boolean;
  failure: unknown;
}

/** The loop of steps looks at it and throws it: nobody awaits these parts. */
function keepFailure(state: State, part: Promise<void>): void {
  part.catch((error: unknown) => {
    state.failure ??= error;
  });
}

/** A deep reorganisation comes when settlement has something to lose. */
const DEEP_REORG_AFTER_MS = { from: 60_000, to: 400_000 };

function startChain(place: WorkerPlace, world: { watch: ChainWatch; state: State }): void {
  const { scheduler, faults, chain } = place;
  const { watch, state } = world;
  const random = place.random.fork('blocks');
  const afterMs = random.between(DEEP_REORG_AFTER_MS.from, DEEP_REORG_AFTER_MS.to);
  const blocks = makeBlocks({
    scheduler,
    faults,
    chain,
    random,
    actor: scheduler.actor('chain'),
    onBlocks: watch.onBlocks,
    onDeepReorg: (abandoned) => {
      state.hasDeepReorg = true;
      watch.onDeepReorg(abandoned);
    },
    deepReorgAtMs: START_MS + afterMs,
  });
  keepFailure(state, blocks);
}

async function startMerchants(
  place: WorkerPlace,
  world: {
    readonly watch: ChainWatch;
    readonly state: State;
    readonly payouts: number;
    readonly scale: bigint;
  },
): Promise<void> {
  const { scheduler, faults, real, onWritten } = place;
  const { network, assets, orderUnits, addressOf } = place.chain;
  const { watch, state } = world;
  const tokens = assets.map(({ token }) => token);
  const actor = scheduler.actor('merchants');
  const random = place.random.fork('merchants');
  const ids = createIdSource(
    { now: () => new Date(scheduler.now()), sleep: async (ms) => await scheduler.sleep(actor, ms) },
    random.fork('ids'),
  );
  const opening = { tokens, at: new Date(scheduler.now()) };
  const businesses = await openBusinesses(real, ids, opening);
  const gatePlace = { scheduler, actor, faults, random: random.fork('database'), onWritten };
  const ordering = orderPayouts(
    {
      scheduler,
      actor,
      random,
      real,
      ids,
      network,
      tokens,
      orderUnits,
      addressOf,
      businesses,
      scale: world.scale,
      gated: gateDatabase(real, { ...gatePlace, isMortal: false }),
      onAcknowledged: watch.expect,
      onWritten: () => onWritten({ statements: ['INSERT INTO ledger_holds'] }),
      openCount: watch.openCount,
    },
    world.payouts,
  );
  const done = ordering.then(() => {
    state.isOrdered = true;
  });
  keepFailure(state, done);
}

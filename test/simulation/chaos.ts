import { present } from '../../src/base/assert.ts';
import type {
  Lie,
  NodeFaults,
  SimulatedChain,
  SimulatedNode,
  SimulatedTokenName,
} from '../harness/simulated-chain/simulated-chain.ts';
import type { Crew } from './crew.ts';
import type { FaultKind, Faults } from './faults.ts';
import type { FrontRunner } from './front-runner.ts';
import type { Issuer } from './issuer.ts';
import type { Outages } from './gated-endpoint.ts';
import type { Actor, Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface ChaosPlace {
  readonly scheduler: Scheduler;
  readonly actor: Actor;
  readonly random: SeededRandom;
  readonly faults: Faults;
  readonly chain: SimulatedChain;
  readonly issuer: Issuer;
  readonly nodes: readonly SimulatedNode[];
  readonly crew: Crew;
  readonly outages: Outages;
  readonly frontRunner: FrontRunner;
  /** Addresses that payouts without an end are for. */
  readonly recipients: () => readonly string[];
  /** Until the treasury has its code: what is set up once would else take all of the trouble. */
  readonly untilSetUp: () => Promise<void>;
  /** Sends the treasury some of the money that it is short of. */
  readonly topUp: () => void;
}

export interface Chaos {
  /** Makes trouble until it is told to cease. */
  readonly run: () => Promise<void>;
  /** Everything is as it should be from now on. */
  readonly cease: () => void;
  /** Whether more than one node at a time may say what is not so. */
  readonly mayMislead: boolean;
}

const LONGEST_TROUBLE_MS = 120_000;
const LONGEST_PAUSE_MS = 4_000;

/** In the other seeds at most one of the three nodes says what is not so, which Knit has to see through. */
const MISLEADING_SHARE = 0.3;

/** In the other seeds the treasury is set up in the midst of trouble. */
const SET_UP_SHARE = 0.75;

/** More than any network's ceiling. */
const DEAREST_WEI = 20_000n * 10n ** 9n;

/** What goes wrong by itself, not as the answer to a request. */
export function createChaos(place: ChaosPlace): Chaos {
  const { scheduler, actor, random, faults } = place;
  const mayMislead = random.chance(MISLEADING_SHARE);
  const troubles = [
    ...nodeTroubles(place, mayMislead),
    ...chainTroubles(place),
    ...processTroubles(place),
  ];
  let repairs: { readonly atMs: number; readonly repair: () => void }[] = [];
  const end = { isOver: false };
  return {
    mayMislead,
    run: async () => {
      if (random.chance(SET_UP_SHARE)) await place.untilSetUp();
      while (!end.isOver) {
        await scheduler.sleep(actor, random.between(1, LONGEST_PAUSE_MS));
        const due = repairs.filter(({ atMs }) => atMs <= scheduler.now());
        repairs = repairs.filter((it) => !due.includes(it));
        for (const { repair } of due) repair();
        if (end.isOver) return;
        for (const { kind, begin } of troubles) {
          if (!faults.strikes(kind)) continue;
          const repair = begin();
          const atMs = scheduler.now() + random.between(1, LONGEST_TROUBLE_MS);
          if (repair !== undefined) repairs.push({ atMs, repair });
        }
        place.topUp();
      }
    },
    cease: () => {
      end.isOver = true;
      for (const { repair } of repairs) repair();
      repairs = [];
      place.outages.end();
      for (const node of place.nodes) node.heal();
      place.crew.calm();
    },
  };
}

interface Trouble {
  readonly kind: FaultKind;
  /** Gives what ends it. */
  readonly begin: () => (() => void) | undefined;
}

const LIES: readonly Lie[] = [
  'denies-receipts',
  'denies-spent',
  'claims-spent',
  'denies-logs',
  'other-hashes',
  'ahead-in-time',
];

const DEAR_METHODS = [
  'eth_getLogs',
  'eth_getTransactionReceipt',
  'eth_getStorageAt',
  'eth_getBlockByNumber',
  'eth_call',
  'eth_sendRawTransaction',
];

function nodeTroubles(place: ChaosPlace, mayMislead: boolean): Trouble[] {
  const { random, nodes, outages, scheduler } = place;
  // One node of the three lies, knows less than it says, or is on a branch that was left. The others fail,
  // lag and stand still, but say nothing that is not so.
  const liar = random.pick(nodes);
  const change = (node: SimulatedNode, changes: Partial<NodeFaults>): (() => void) => {
    node.set(changes);
    return () => node.heal();
  };
  const ill = (changes: () => Partial<NodeFaults>) => (): (() => void) =>
    change(random.pick(nodes), changes());
  return [
    { kind: 'node-lagging', begin: ill(() => ({ lagBlocks: random.between(1, 30) })) },
    {
      kind: 'node-stalled',
      begin: () => {
        const node = random.pick(nodes);
        node.stall();
        return () => node.heal();
      },
    },
    {
      kind: 'node-lying',
      begin: () => change(liar, { lies: LIES.filter(() => random.chance(0.4)) }),
    },
    {
      kind: 'node-unindexed',
      begin: () =>
        change(mayMislead ? random.pick(nodes) : liar, {
          indexLagBlocks: random.between(0, 12),
          perMille: { unindexed: random.between(0, 300) },
        }),
    },
    {
      kind: 'node-failing',
      begin: ill(() => ({
        perMille: {
          timeout: random.between(0, 200),
          'lost-answer': random.between(0, 200),
          error: random.between(0, 300),
          malformed: random.between(0, 200),
        },
      })),
    },
    {
      kind: 'node-on-abandoned-branch',
      begin: () => change(mayMislead ? random.pick(nodes) : liar, { onAbandonedBranch: true }),
    },
    {
      kind: 'node-keeps-transactions',
      begin: ill(() => ({
        pool: {
          forBlocks: random.chance(0.3) ? null : random.between(1, 20),
          afterwards: random.pick(['forwards', 'forgets'] as const),
        },
      })),
    },
    {
      kind: 'method-outage',
      begin: () => {
        const untilMs = scheduler.now() + random.between(1, 2 * LONGEST_TROUBLE_MS);
        const methods = DEAR_METHODS.filter(() => random.chance(0.4));
        for (const node of nodes.filter(() => random.chance(0.7))) {
          for (const method of methods) outages.begin(node.label, method, untilMs);
        }
        return undefined;
      },
    },
  ];
}

function chainTroubles(place: ChaosPlace): Trouble[] {
  const { random, chain, issuer, recipients, frontRunner } = place;
  const token = (): SimulatedTokenName => random.pick(['USDT', 'USDC'] as const);
  return [
    {
      kind: 'pool-forgets',
      begin: () => {
        const pool = chain.pool();
        if (pool.length === 0 || random.chance(0.3)) chain.forget();
        else chain.forget(random.pick(pool).hash);
        return undefined;
      },
    },
    {
      kind: 'fee-spike',
      begin: () => {
        chain.setBaseFee(BigInt(random.between(1, 20)) * (DEAREST_WEI / 10n));
        return undefined;
      },
    },
    {
      kind: 'front-run',
      begin: () => {
        frontRunner.run();
        return undefined;
      },
    },
    {
      kind: 'recipient-blacklisted',
      begin: () => {
        const waiting = recipients();
        if (waiting.length === 0) return undefined;
        const [unlucky, listing] = [random.pick(waiting), token()];
        issuer.setListed(listing, unlucky, true);
        return random.chance(0.5) ? () => issuer.setListed(listing, unlucky, false) : undefined;
      },
    },
    {
      kind: 'token-paused',
      begin: () => {
        const paused = token();
        issuer.setPaused(paused, true);
        return () => issuer.setPaused(paused, false);
      },
    },
  ];
}

function processTroubles({ crew }: ChaosPlace): Trouble[] {
  const once = (work: () => void) => (): undefined => {
    work();
    return undefined;
  };
  return [
    { kind: 'crash', begin: once(() => crew.crash()) },
    { kind: 'stall', begin: once(() => crew.stall()) },
    { kind: 'clock-jump', begin: once(() => crew.jump()) },
  ];
}

/** The next block, now and then without some of what waits, and now and then another one in its place. */
export async function makeBlocks(place: {
  readonly scheduler: Scheduler;
  readonly actor: Actor;
  readonly random: SeededRandom;
  readonly faults: Faults;
  readonly chain: SimulatedChain;
  readonly blockMs: number;
  readonly onBlocks: (since: bigint) => Promise<void>;
  readonly onDeepReorg: (abandoned: { from: bigint; to: bigint }) => void;
  /** When, in milliseconds, a reorganisation that no honest chain makes may come; once. */
  readonly deepReorgAtMs: number;
}): Promise<void> {
  const { scheduler, actor, random, faults, chain, blockMs } = place;
  let deepIsDue = faults.isOn('deep-reorg');
  for (;;) {
    await scheduler.sleep(actor, random.between(blockMs / 2, (3 * blockMs) / 2));
    await scheduler.pass(actor, 'block', async (passage) => {
      const isDeep = deepIsDue && scheduler.now() >= place.deepReorgAtMs;
      if (isDeep) deepIsDue = false;
      const since = isDeep ? reorgDeeply(place) : reorgOrMine(place);
      passage.note(chain.head().hash);
      await place.onBlocks(since);
    });
  }
}

type BlockPlace = Parameters<typeof makeBlocks>[0];

function reorgOrMine({ chain, random, faults }: BlockPlace): bigint {
  if (faults.strikes('reorg')) {
    const { abandoned } = chain.reorg({
      depth: random.between(1, 12),
      transactions: random.pick(['pool', 'dropped', 'remined'] as const),
    });
    const [first] = abandoned;
    if (first !== undefined) return first.number;
  }
  const withholds = faults.strikes('blocks-withheld');
  const shuffled = random.chance(0.2);
  const { number } = chain.mine({
    shuffled,
    ...(withholds && { withhold: () => random.chance(0.5) }),
  });
  return number;
}

function reorgDeeply({ chain, random, faults, onDeepReorg }: BlockPlace): bigint {
  const final = chain.finalized().number;
  const beyond = BigInt(random.between(1, 6));
  const depth = Number(chain.head().number - final + beyond);
  const { abandoned } = chain.reorg({
    depth: Math.min(depth, Number(chain.head().number)),
    transactions: random.pick(['pool', 'dropped', 'remined'] as const),
    pastFinal: true,
  });
  faults.count('deep-reorg');
  const first = present(abandoned[0], 'a deep reorganisation abandons blocks').number;
  onDeepReorg({ from: first, to: final });
  return first;
}

import type { SeededRandom } from '../harness/seeded-random.ts';
import type { Crew } from './crew.ts';
import type { Faults } from './faults.ts';
import type { Outages } from './outages.ts';
import type { Actor, Scheduler } from './scheduler.ts';
import {
  LONGEST_TROUBLE_MS,
  type Abandoned,
  type SimulatedNetwork,
  type Trouble,
} from './simulated-network.ts';

export interface ChaosPlace {
  readonly scheduler: Scheduler;
  readonly actor: Actor;
  readonly random: SeededRandom;
  readonly faults: Faults;
  readonly chain: SimulatedNetwork;
  readonly crew: Crew;
  readonly outages: Outages;
  /** Addresses that payouts without an end are for. */
  readonly recipients: () => readonly string[];
  /** Until the treasury can pay: what is set up once would else take all of the trouble. */
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

const LONGEST_PAUSE_MS = 4_000;

/** In the other seeds at most one of the three nodes says what is not so, which Knit has to see through. */
const MISLEADING_SHARE = 0.3;

/** In the other seeds the treasury is set up in the midst of trouble. */
const SET_UP_SHARE = 0.75;

/** What goes wrong by itself, not as the answer to a request. */
export function createChaos(place: ChaosPlace): Chaos {
  const { scheduler, actor, random, faults, chain, outages, recipients } = place;
  const mayMislead = random.chance(MISLEADING_SHARE);
  const nowMs = (): number => scheduler.now();
  const troubles = [
    ...chain.troubles({ random, mayMislead, recipients, outages, nowMs }),
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
      outages.end();
      for (const node of chain.nodes) node.heal();
      place.crew.calm();
    },
  };
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

/** Block after block, and once, where the seed has it so, a reorganisation that no honest chain makes. */
export async function makeBlocks(place: {
  readonly scheduler: Scheduler;
  readonly actor: Actor;
  readonly random: SeededRandom;
  readonly faults: Faults;
  readonly chain: SimulatedNetwork;
  readonly onBlocks: (since: bigint) => Promise<void>;
  readonly onDeepReorg: (abandoned: Abandoned) => void;
  /** When, in milliseconds, finality may be broken; once. */
  readonly deepReorgAtMs: number;
}): Promise<void> {
  const { scheduler, actor, random, faults, chain } = place;
  const { blockMs } = chain;
  let deepIsDue = faults.isOn('deep-reorg');
  for (;;) {
    await scheduler.sleep(actor, random.between(blockMs / 2, (3 * blockMs) / 2));
    await scheduler.pass(actor, 'block', async (passage) => {
      const isDeep = deepIsDue && scheduler.now() >= place.deepReorgAtMs;
      if (isDeep) deepIsDue = false;
      const since = isDeep ? await breakFinality(place) : await chain.makeBlock(place);
      passage.note(chain.head().hash);
      await place.onBlocks(since);
    });
  }
}

async function breakFinality(place: Parameters<typeof makeBlocks>[0]): Promise<bigint> {
  const abandoned = await place.chain.breakFinality(place);
  place.faults.count('deep-reorg');
  place.onDeepReorg(abandoned);
  return abandoned.from;
}

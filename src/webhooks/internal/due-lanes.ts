import type { Clock } from '../../base/clock.ts';
import type { Queryable } from '../../database/database.ts';
import { dueLanes } from '../../outbox/outbox.ts';

/** While there is work in hand, this often new lanes are looked for; at most so many at once. */
const LOOK_EVERY_MS = 100;
const LANES_PER_LOOK = 500;

/** Looking takes no more than this part of the time, however many lanes there are. */
const LOOK_SHARE = 0.2;

/** Lanes that are kept in hand; of more, one that was served has to be found again. */
const MAX_IN_HAND = 2000;

/** The lanes of a topic that have something due, as far as is known. */
export interface DueLanes {
  /** Who was served longest ago comes first. */
  inTurn(): Iterable<string>;
  /** `emptied` have nothing more, and are in hand no longer. */
  served(lanes: Iterable<string>, emptied: readonly string[]): void;
  isEmpty(): boolean;
  /** Looks for more, where that is due: always while there is nothing in hand. Whether it has looked. */
  look(): Promise<boolean>;
}

export function createDueLanes(
  deps: { readonly database: Queryable; readonly clock: Clock },
  topic: string,
): DueLanes {
  const inHand = new Set<string>();
  let after = '';
  let lookedAt = 0;
  let pauseMs = 0;
  /** One page. A full one has a next one; after the last page it begins anew. */
  const lookOn = async (now: Date): Promise<void> => {
    const found = await dueLanes(deps.database, { topic, now, after, limit: LANES_PER_LOOK });
    for (const lane of found) inHand.add(lane);
    after = (found.length === LANES_PER_LOOK ? found.at(-1) : undefined) ?? '';
  };
  return {
    inTurn: () => inHand,
    served: (lanes, emptied) => {
      for (const lane of lanes) {
        inHand.delete(lane);
        if (inHand.size < MAX_IN_HAND) inHand.add(lane);
      }
      for (const lane of emptied) inHand.delete(lane);
    },
    isEmpty: () => inHand.size === 0,
    look: async () => {
      const from = deps.clock.now().getTime();
      // A clock that was put back must not end the looking.
      const isSoon = from >= lookedAt && from < lookedAt + pauseMs;
      if (inHand.size > 0 && isSoon) return false;
      const isHalfWay = after !== '';
      await lookOn(new Date(from));
      if (inHand.size === 0 && isHalfWay) await lookOn(new Date(from));
      lookedAt = deps.clock.now().getTime();
      pauseMs = Math.max(LOOK_EVERY_MS, (lookedAt - from) / LOOK_SHARE);
      return true;
    },
  };
}

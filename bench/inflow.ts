import { setTimeout as sleep } from 'node:timers/promises';
import { orderOverHttp } from '../test/harness/order-over-http.ts';
import type { Platform } from '../test/harness/platform.ts';
import { newTransfers, until, type Transfer } from './transfer-world.ts';

/** Payouts that come in at a steady rate, and when each was accepted and ended. Times are of the clock. */
export interface Inflow {
  /** All that were ordered. */
  readonly transfers: readonly Transfer[];
  /** Resolves when so many have ended. */
  untilFinal(count: number): Promise<void>;
  /** When the first one ended since then. */
  untilOneSince(fromMs: number): Promise<number>;
  /** When the last one ended of those that were accepted by then. */
  untilAllOf(acceptedByMs: number): Promise<number>;
  /** From acceptance to the end, of those that were accepted in between and have ended. */
  secondsTaken(fromMs: number, toMs: number): number[];
  /** No more of them. */
  stop(): Promise<void>;
}

interface Followed {
  readonly acceptedMs: number;
  endedMs: number | null;
}

const LOOK_EVERY_MS = 50;

export function startInflow(platform: Platform, perSecond: number): Inflow {
  const halt = new AbortController();
  const transfers: Transfer[] = [];
  const payouts = new Map<string, Followed>();
  const underWay: Promise<void>[] = [];
  const order = async (transfer: Transfer): Promise<void> => {
    transfers.push(transfer);
    payouts.set(await accept(platform, transfer), { acceptedMs: Date.now(), endedMs: null });
  };
  const ordering = (async () => {
    while (!halt.signal.aborted) {
      underWay.push(...newTransfers(1).map(order));
      await sleep(1_000 / perSecond);
    }
    await Promise.all(underWay);
  })();
  const looking = new AbortController();
  const look = async (): Promise<void> => {
    while (!looking.signal.aborted) {
      await noteEnds(platform, payouts);
      await sleep(LOOK_EVERY_MS);
    }
  };
  const watching = look();
  const ends = (): number[] =>
    [...payouts.values()].flatMap(({ endedMs }) => (endedMs === null ? [] : [endedMs]));
  return {
    transfers,
    untilFinal: async (count) =>
      await until(async () => await Promise.resolve(ends().length >= count), `${count} ends`),
    untilOneSince: async (fromMs) => {
      const since = (): number[] => ends().filter((endedMs) => endedMs > fromMs);
      await until(async () => await Promise.resolve(since().length > 0), 'an end');
      return Math.min(...since());
    },
    untilAllOf: async (acceptedByMs) => {
      const concerned = (): Followed[] =>
        [...payouts.values()].filter(({ acceptedMs }) => acceptedMs <= acceptedByMs);
      const open = (): boolean => concerned().some(({ endedMs }) => endedMs === null);
      await until(async () => await Promise.resolve(!open()), 'the end of the backlog');
      return Math.max(...concerned().map(({ endedMs }) => endedMs ?? 0));
    },
    secondsTaken: (fromMs, toMs) =>
      [...payouts.values()].flatMap(({ acceptedMs, endedMs }) =>
        endedMs !== null && acceptedMs >= fromMs && acceptedMs <= toMs
          ? [(endedMs - acceptedMs) / 1_000]
          : [],
      ),
    stop: async () => {
      halt.abort();
      await ordering;
      await until(async () => await Promise.resolve(ends().length === payouts.size), 'all ends');
      looking.abort();
      await watching;
    },
  };
}

async function accept(platform: Platform, { to, units }: Transfer): Promise<string> {
  const [merchant] = platform.merchants;
  if (merchant === undefined) throw new Error('there is no merchant');
  const order = { merchant, token: 'USDT', units, toAddress: to, idempotencyKey: to } as const;
  const outcome = await orderOverHttp(platform, order);
  if (outcome.kind !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(outcome)}`);
  return outcome.payoutId;
}

/** By the database, which is where a payout ends; the chain's logs are counted at the end. */
async function noteEnds(platform: Platform, payouts: Map<string, Followed>): Promise<void> {
  const open = [...payouts].flatMap(([payoutId, { endedMs }]) =>
    endedMs === null ? [payoutId] : [],
  );
  if (open.length === 0) return;
  const ended = await platform.database.query<{ payout_id: string }>(
    `SELECT payout_id FROM payouts WHERE payout_id = ANY($1) AND status = 'COMPLETED'`,
    [open],
  );
  for (const { payout_id: payoutId } of ended) {
    const followed = payouts.get(payoutId);
    if (followed !== undefined) followed.endedMs = Date.now();
  }
}

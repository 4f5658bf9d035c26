import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Token } from '../../src/money/asset.ts';
import { orderOverHttp, type HttpOrder } from './order-over-http.ts';
import type { Platform } from './platform.ts';
import type { SeededRandom } from './seeded-random.ts';

/** An order that the API has acknowledged with a 201. */
export interface AcknowledgedOrder extends HttpOrder {
  readonly payoutId: string;
}

/** Merchants who order payouts at a steady rate and repeat a request until it is answered. */
export interface SteadyMerchants {
  readonly acknowledged: readonly AcknowledgedOrder[];
  /** Requests that were made again, with the same key, because nobody knew what became of them. */
  readonly repeated: () => number;
  /** No new orders; resolves when every order is acknowledged. Throws where one was refused. */
  stop(): Promise<void>;
}

const REPEAT_AFTER_MS = 200;
/** A hundredth of a stablecoin, or a ten-thousandth of a bitcoin; the most is 200 times as much. */
const LEAST_UNITS = 10_000;
const MOST_UNITS = 1_999_999;

export function startSteadyMerchants(
  platform: Platform,
  about: {
    readonly random: SeededRandom;
    readonly perSecond: number;
    /** Where an order goes to. */
    readonly recipient: (token: Token) => string;
  },
): SteadyMerchants {
  const { random, perSecond, recipient } = about;
  const halt = new AbortController();
  const acknowledged: AcknowledgedOrder[] = [];
  const underWay: Promise<void>[] = [];
  let repeated = 0;
  const place = async (order: HttpOrder): Promise<void> => {
    for (;;) {
      const outcome = await orderOverHttp(platform, order);
      if (outcome.kind === 'accepted') {
        acknowledged.push({ ...order, payoutId: outcome.payoutId });
        return;
      }
      if (outcome.kind === 'refused') throw new Error(`${outcome.status} ${outcome.text}`);
      repeated += 1;
      await sleep(REPEAT_AFTER_MS);
    }
  };
  const run = async (): Promise<void> => {
    while (!halt.signal.aborted) {
      const token = random.pick(platform.chain.tokens);
      const placing = place({
        merchant: random.pick(platform.merchants),
        token,
        units: BigInt(random.between(LEAST_UNITS, MOST_UNITS)),
        toAddress: recipient(token),
        idempotencyKey: randomUUID(),
      });
      // Heard at the end; until then it must not end the process.
      placing.catch(() => undefined);
      underWay.push(placing);
      await sleep(1_000 / perSecond);
    }
  };
  const ended = run();
  return {
    acknowledged,
    repeated: () => repeated,
    stop: async () => {
      halt.abort();
      await ended;
      await Promise.all(underWay);
    },
  };
}

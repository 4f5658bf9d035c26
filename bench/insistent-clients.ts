import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { systemClock } from '../src/base/clock.ts';
import { recipientOf } from '../test/harness/fresh-recipient.ts';
import type { Platform } from '../test/harness/platform.ts';
import type { SeededRandom } from '../test/harness/seeded-random.ts';
import type { Tenant } from '../test/harness/tenant.ts';

/** A payout that was acknowledged with a 201. */
export interface Acknowledged {
  readonly merchant: Pick<Tenant, 'businessId' | 'apiKey'>;
  readonly key: string;
  readonly reference: string | null;
  /** Ledger units. */
  readonly units: bigint;
  /** No other order has it. */
  readonly toAddress: string;
  readonly payoutId: string;
  /** The answer, byte for byte. */
  readonly body: string;
}

/**
 * Clients that order as fast as they are answered. Where nobody knows what became of a request they make it
 * again with the same Idempotency-Key, until it is acknowledged.
 */
export interface InsistentClients {
  /** In the order of their answers. It grows. */
  readonly acknowledged: readonly Acknowledged[];
  /** How often which answer came; "none": the connection broke, or nothing came in time. */
  readonly answers: ReadonlyMap<string, number>;
  /** Orders that were created when nobody heard of it: their first 201 was a repetition. */
  readonly heardLate: () => number;
  /** Resolves when so many more have been acknowledged; throws where a client has given up. */
  untilMore(count: number): Promise<void>;
  /** Asks again with the key of an order: a sentence where the answer is not the first one, byte for byte. */
  askAgain(order: Acknowledged): Promise<string | undefined>;
  /** No new orders; resolves when each is acknowledged. */
  stop(): Promise<void>;
  /** Where something went wrong: they insist on nothing any more. */
  leave(): Promise<void>;
}

type Order = Omit<Acknowledged, 'payoutId' | 'body'>;

interface Answer {
  readonly status: number;
  readonly replayed: boolean;
  readonly body: string;
}

const REPEAT_AFTER_MS = 150;
const PATIENCE_MS = 15_000;
/** 10^16 ledger units are 0.01 of a token. */
const HUNDREDTH = 10n ** 16n;

export function startInsistentClients(
  platform: Platform,
  about: { readonly random: SeededRandom; readonly clients: number },
): InsistentClients {
  const { random, clients } = about;
  const halt = new AbortController();
  const left = new AbortController();
  const acknowledged: Acknowledged[] = [];
  const answers = new Map<string, number>();
  let heardLate = 0;
  const pool = new Pool(platform.apiUrl, { connections: clients, pipelining: 1 });
  const ask = async (order: Order): Promise<Answer | undefined> => {
    const answer = await send(pool, platform, order);
    const name =
      answer === undefined ? 'none' : `${answer.status}${answer.replayed ? ' again' : ''}`;
    answers.set(name, (answers.get(name) ?? 0) + 1);
    return answer;
  };
  const insist = async (order: Order): Promise<Answer> => {
    for (;;) {
      if (left.signal.aborted) throw new Error('the clients have left');
      const answer = await ask(order);
      if (answer?.status === 201) return answer;
      // 409: the same request is still under way. Below 500 all else is a refusal, which nothing here deserves.
      if (answer !== undefined && answer.status !== 409 && answer.status < 500) {
        throw new Error(`refused: ${answer.status} ${answer.body}`);
      }
      await systemClock.sleep(random.between(REPEAT_AFTER_MS / 2, REPEAT_AFTER_MS * 2));
    }
  };
  const orderOn = async (): Promise<void> => {
    while (!halt.signal.aborted) {
      const order = newOrder(platform, random);
      const { body, replayed } = await insist(order);
      if (replayed) heardLate += 1;
      acknowledged.push({ ...order, payoutId: idIn(body), body });
    }
  };
  let failure: Error | undefined;
  const ordering = Array.from({ length: clients }, async () => {
    await orderOn().catch((error: unknown) => {
      failure ??= error instanceof Error ? error : new Error(String(error), { cause: error });
    });
  });
  return {
    acknowledged,
    answers,
    heardLate: () => heardLate,
    untilMore: async (count) => {
      const enough = acknowledged.length + count;
      const giveUpAt = Date.now() + UNTIL_MORE_MS;
      while (acknowledged.length < enough) {
        if (failure !== undefined) throw failure;
        if (Date.now() > giveUpAt) throw new Error(`nothing is acknowledged: ${tellOf(answers)}`);
        await systemClock.sleep(10);
      }
    },
    askAgain: async (order) => {
      const answer = await insist(order);
      if (answer.body === order.body && answer.replayed) return undefined;
      return `${order.key} was answered ${order.body}, and then ${JSON.stringify(answer)}`;
    },
    stop: async () => {
      halt.abort();
      await Promise.all(ordering);
      await pool.close();
      if (failure !== undefined) throw failure;
    },
    leave: async () => {
      halt.abort();
      left.abort();
      await pool.destroy();
      await Promise.all(ordering);
    },
  };
}

const UNTIL_MORE_MS = 120_000;

function tellOf(answers: ReadonlyMap<string, number>): string {
  return [...answers].map(([name, count]) => `${count} times ${name}`).join(', ');
}

function newOrder(platform: Platform, random: SeededRandom): Order {
  const key = randomUUID();
  return {
    merchant: random.pick(platform.merchants),
    key,
    reference: random.chance(0.5) ? `order ${key}` : null,
    units: BigInt(random.between(1, 5)) * HUNDREDTH,
    toAddress: recipientOf(platform.chain.network, key),
  };
}

/** Undefined: no whole answer came. */
async function send(pool: Pool, platform: Platform, order: Order): Promise<Answer | undefined> {
  const { merchant, key, reference, units, toAddress } = order;
  try {
    const answer = await pool.request({
      path: '/api/v1/payouts',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-api-key': merchant.apiKey,
        'idempotency-key': key,
      },
      body: JSON.stringify({
        network: platform.chain.network,
        token: 'USDT',
        amount: Number(units / HUNDREDTH) / 100,
        toAddress,
        merchantReference: reference,
      }),
      headersTimeout: PATIENCE_MS,
      bodyTimeout: PATIENCE_MS,
    });
    const body = await answer.body.text();
    const replayed = answer.headers['idempotency-replayed'] === 'true';
    return { status: answer.statusCode, replayed, body };
  } catch {
    return undefined;
  }
}

function idIn(body: string): string {
  const { data } = JSON.parse(body) as { data: { id: string; status: string } };
  if (data.status !== 'PENDING') throw new Error(`acknowledged as ${data.status}`);
  return data.id;
}

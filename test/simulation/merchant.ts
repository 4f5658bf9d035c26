import { createHash } from 'node:crypto';
import { present } from '../../src/base/assert.ts';
import type { IdSource } from '../../src/base/id.ts';
import { createApiAccount } from '../../src/businesses/api-account.ts';
import { createBusiness } from '../../src/businesses/business.ts';
import { createUser } from '../../src/businesses/user.ts';
import type { Database } from '../../src/database/database.ts';
import { isUnavailable } from '../../src/database/sql-failure.ts';
import { Fault } from '../../src/base/fault.ts';
import { credit, fund } from '../../src/ledger/move.ts';
import type { NetworkId, Token } from '../../src/money/asset.ts';
import { createPayout } from '../../src/payouts/create-payout.ts';
import type { PayoutOrder } from '../../src/payouts/payout-order.ts';
import { createInBulk, type BulkOrder } from './bulk-intake.ts';
import type { Actor, Scheduler } from './scheduler.ts';
import type { OrderUnits } from './simulated-network.ts';
import type { SeededRandom } from '../harness/seeded-random.ts';

export interface Business {
  readonly businessId: string;
  readonly userId: string;
}

/** A payout that a merchant was told of: it must be there for ever. */
export interface Acknowledged {
  readonly payoutId: string;
  readonly businessId: string;
  readonly token: Token;
  /** Ledger units. */
  readonly units: bigint;
  readonly toAddress: string;
}

export interface MerchantPlace {
  readonly scheduler: Scheduler;
  readonly actor: Actor;
  readonly random: SeededRandom;
  /** With the faults of a database; used by the real intake. */
  readonly gated: Database;
  /** Without them; used in bulk. */
  readonly real: Database;
  readonly ids: IdSource;
  readonly network: NetworkId;
  /** What is paid out there: one token, or two. */
  readonly tokens: readonly Token[];
  /** Ledger units of one unit of the asset. */
  readonly scale: bigint;
  /** In units of the asset. */
  readonly orderUnits: OrderUnits;
  readonly addressOf: (hash: Uint8Array) => string;
  readonly businesses: readonly Business[];
  readonly onAcknowledged: (payouts: readonly Acknowledged[]) => void;
  readonly onWritten: () => void;
  /** How many payouts have no end yet. */
  readonly openCount: () => number;
}

const BUSINESSES = 3;
const MOST_OPEN = 4_000;
const MOST_WAITS = 100;
const COUNT_EVERY = 2_000;
const OPENING_UNITS = 10n ** 40n;

export async function openBusinesses(
  database: Database,
  ids: IdSource,
  opening: Opening,
): Promise<Business[]> {
  const businesses: Business[] = [];
  for (let index = 0; index < BUSINESSES; index += 1) {
    businesses.push(await openBusiness(database, ids, opening));
  }
  return businesses;
}

interface Opening {
  readonly tokens: readonly Token[];
  readonly at: Date;
}

async function openBusiness(
  database: Database,
  ids: IdSource,
  { tokens, at }: Opening,
): Promise<Business> {
  return await database.transaction(async (tx) => {
    const { businessId } = await createBusiness(tx, ids, { name: 'Simulated', at });
    const person = { businessId, email: `${businessId}@b.example`, name: 'Simulated', at };
    const { userId } = await createUser(tx, ids, person);
    for (const token of tokens) {
      await createApiAccount(tx, ids, { businessId, userId, token, at });
      const order = { businessId, token, units: OPENING_UNITS, at };
      await credit(tx, ids, { ...order, referenceId: ids.next() });
      await fund(tx, ids, { ...order, referenceId: ids.next() });
    }
    return { businessId, userId };
  });
}

/**
 * Orders `count` payouts, in bursts. Some go through `createPayout` and all that befalls a database, and
 * are asked for again by their reference until there is an answer; most are written in bulk.
 */
export async function orderPayouts(place: MerchantPlace, count: number): Promise<void> {
  const { scheduler, actor, random, openCount } = place;
  const draw = orderSource(place);
  const burst = Math.max(4, Math.ceil(count / random.between(12, 40)));
  const singlesShare = Math.min(1, 60 / count);
  let ordered = 0;
  let waited = 0;
  let countAt = COUNT_EVERY;
  while (ordered < count) {
    await scheduler.sleep(actor, random.between(100, 15_000));
    // Where nothing is settled for long, they come all the same.
    if (openCount() >= MOST_OPEN && waited < MOST_WAITS) {
      waited += 1;
      continue;
    }
    const size = Math.min(count - ordered, random.between(1, burst));
    ordered += size;
    const orders = Array.from({ length: size }, draw);
    const isSingle = orders.map(() => random.chance(singlesShare));
    await orderInBulk(
      place,
      orders.filter((_, index) => isSingle[index] === false),
    );
    for (const order of orders.filter((_, index) => isSingle[index] === true)) {
      await orderOne(place, order);
    }
    if (ordered >= countAt) {
      countAt = ordered + COUNT_EVERY;
      await countRows(place);
    }
  }
}

/** What a server does by itself now and then; here at a time that the seed decides. */
async function countRows({ scheduler, actor, real }: MerchantPlace): Promise<void> {
  await scheduler.pass(actor, 'count rows', async () => {
    await real.query('ANALYZE');
  });
}

async function orderInBulk(place: MerchantPlace, orders: readonly PayoutOrder[]): Promise<void> {
  if (orders.length === 0) return;
  const { scheduler, actor, real, ids } = place;
  const bulk = orders.map((order): BulkOrder => {
    return { order, payoutId: ids.next(), itemId: ids.next() };
  });
  await scheduler.pass(actor, 'bulk intake', async (passage) => {
    await real.transaction(async (tx) => {
      await createInBulk(tx, bulk);
    });
    passage.note(String(bulk.length));
    place.onAcknowledged(bulk.map(({ order, payoutId }) => acknowledged(order, payoutId)));
    place.onWritten();
  });
}

/** As a careful client does: with its reference, until the answer is yes, or that it was yes before. */
async function orderOne(place: MerchantPlace, order: PayoutOrder): Promise<void> {
  const { gated, ids, scheduler, actor } = place;
  for (;;) {
    try {
      const outcome = await createPayout({ database: gated, ids }, order);
      if (outcome.kind !== 'created') throw new Error('the payout was not created');
      place.onAcknowledged([acknowledged(order, outcome.payout.payoutId)]);
      return;
    } catch (error) {
      const code = error instanceof Fault ? error.code : null;
      if (code === 'VALIDATION_FAILED') {
        const payoutId = await findByReference(place, order);
        place.onAcknowledged([acknowledged(order, payoutId)]);
        return;
      }
      if (code !== 'UNAVAILABLE' && !isUnavailable(error)) throw error;
      await scheduler.sleep(actor, 1_000);
    }
  }
}

async function findByReference(place: MerchantPlace, order: PayoutOrder): Promise<string> {
  const { scheduler, actor, real } = place;
  return await scheduler.pass(actor, 'look for a reference', async () => {
    const [row] = await real.query<{ payout_id: string }>(
      'SELECT payout_id FROM payouts WHERE business_id = $1 AND merchant_reference = $2',
      [order.requester.businessId, order.merchantReference],
    );
    return present(row, 'a taken reference is of a payout').payout_id;
  });
}

function acknowledged(order: PayoutOrder, payoutId: string): Acknowledged {
  const { units, toAddress, requester, token } = order;
  return { payoutId, businessId: requester.businessId, token, units, toAddress };
}

/** Recipients of their own for most; some are paid more than once, and now and then the same amount. */
function orderSource(place: MerchantPlace): () => PayoutOrder {
  const { random, network, tokens, scale, ids, businesses } = place;
  const salt = Buffer.from(random.bytes(8)).toString('hex');
  const token = present(tokens[0], 'something is paid out');
  const other = tokens[1] ?? token;
  const otherShare = random.pick([0, 0.5, 1]);
  let number = 0;
  let last: PayoutOrder | undefined;
  return () => {
    number += 1;
    const business = random.pick(businesses);
    const hash = createHash('sha256').update(`${salt} ${number}`).digest();
    const isAgain = random.chance(0.05);
    const isSame = random.chance(0.5);
    const order: PayoutOrder = {
      network,
      token: random.chance(otherShare) ? other : token,
      units: BigInt(random.between(place.orderUnits.least, place.orderUnits.most)) * scale,
      toAddress: place.addressOf(hash),
      merchantReference: `order-${number}`,
      requester: {
        ...business,
        credentialKind: 'API_KEY',
        credentialId: ids.next(),
        clientIp: '127.0.0.1',
        requestId: `request-${number}`,
        traceId: null,
      },
      ...(isAgain && last !== undefined && { toAddress: last.toAddress }),
      ...(isAgain && isSame && last !== undefined && { units: last.units, token: last.token }),
    };
    last = order;
    return order;
  };
}

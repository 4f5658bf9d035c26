import { systemClock } from '../../src/base/clock.ts';
import { createIdSource, type IdSource } from '../../src/base/id.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createApiAccount } from '../../src/businesses/api-account.ts';
import { createBusiness } from '../../src/businesses/business.ts';
import { createUser } from '../../src/businesses/user.ts';
import type { Database, Tx } from '../../src/database/database.ts';
import { holding, type Hold } from '../../src/ledger/hold.ts';
import { credit, fund } from '../../src/ledger/move.ts';
import type { Token } from '../../src/money/asset.ts';
import type { PayoutOrder } from '../../src/payouts/payout-order.ts';

export const testIds: IdSource = createIdSource(systemClock, systemRandom);

/** A business with a user and one funded API account. Units are ledger units. */
export interface TestBusiness {
  readonly businessId: string;
  readonly userId: string;
  readonly apiAccountId: string;
  readonly token: Token;
}

export async function createTestBusiness(
  database: Database,
  options: { token?: Token; units: bigint },
): Promise<TestBusiness> {
  const token = options.token ?? 'USDT';
  const at = new Date();
  return await database.transaction(async (tx) => {
    const { businessId } = await createBusiness(tx, testIds, { name: 'Test', at });
    const person = { businessId, email: 'a@b.example', name: 'Test', at };
    const { userId } = await createUser(tx, testIds, person);
    const account = await createApiAccount(tx, testIds, { businessId, userId, token, at });
    if (options.units > 0n) {
      const order = { businessId, token, units: options.units, at };
      await credit(tx, testIds, { ...order, referenceId: testIds.next() });
      await fund(tx, testIds, { ...order, referenceId: testIds.next() });
    }
    return { businessId, userId, apiAccountId: account.apiAccountId, token };
  });
}

/** An order as an authenticated caller of the business would place it. */
export function testOrder(
  business: TestBusiness,
  order: Partial<PayoutOrder> & Pick<PayoutOrder, 'units'>,
): PayoutOrder {
  return {
    network: 'MATIC_MAINNET',
    token: business.token,
    toAddress: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
    merchantReference: null,
    requester: {
      businessId: business.businessId,
      userId: business.userId,
      credentialKind: 'API_KEY',
      credentialId: testIds.next(),
      clientIp: '127.0.0.1',
      requestId: 'test',
      traceId: null,
    },
    ...order,
  };
}

/** Reserves units for one payout, as the intake does. Throws what the intake reads anew for: 23514, 23505. */
export async function hold(
  tx: Tx,
  order: Omit<Hold, 'token'> & { readonly token?: Token },
): Promise<void> {
  const { holds, accounts } = holding([{ token: 'USDT', ...order }]);
  for (const { text, values } of [holds, accounts]) await tx.query(text, values);
}

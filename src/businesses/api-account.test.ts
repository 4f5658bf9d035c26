import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestOwner } from '../../test/harness/owner.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { hold, testIds } from '../../test/harness/world.ts';
import { checkBooks } from '../ledger/check-books.ts';
import { findAccount } from '../ledger/account.ts';
import type { MoveOrder } from '../ledger/move.ts';
import { MAX_UNITS } from '../money/amount.ts';
import type { Token } from '../money/asset.ts';
import {
  createApiAccount,
  getApiAccount,
  getApiAccountOfToken,
  listApiAccounts,
} from './api-account.ts';
import { creditBusinessWallet } from './credit-business-wallet.ts';
import { fundApiAccount } from './fund-api-account.ts';

let db: TestDatabase;
let businessId: string;
let userId: string;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  ({ businessId, userId } = await createTestOwner(db.database));
});
afterAll(async () => {
  await db.drop();
});

const at = new Date('2026-11-05T10:00:00Z');
const later = new Date('2026-11-05T11:00:00Z');

async function create(token: Token = 'USDT', owner = { businessId, userId }) {
  return await db.database.transaction(
    async (tx) => await createApiAccount(tx, testIds, { ...owner, token, at }),
  );
}

function order(change: Partial<MoveOrder> = {}): MoveOrder {
  const referenceId = testIds.next();
  return { businessId, token: 'USDT', units: 100n, referenceId, at: later, ...change };
}

async function credit(move: MoveOrder) {
  return await db.database.transaction(async (tx) => await creditBusinessWallet(tx, testIds, move));
}

async function fund(move: MoveOrder) {
  return await db.database.transaction(async (tx) => await fundApiAccount(tx, testIds, move));
}

async function walletUnits(token: Token = 'USDT'): Promise<bigint | undefined> {
  const account = await findAccount(db.database, { businessId, kind: 'BUSINESS_WALLET', token });
  return account?.balanceUnits;
}

async function apiUnits(token: Token = 'USDT'): Promise<bigint> {
  return (await getApiAccountOfToken(db.database, { businessId, token })).balanceUnits;
}

describe('an API account', () => {
  test('is opened empty', async () => {
    const account = await create();
    expect(account).toEqual({
      businessId,
      apiAccountId: account.apiAccountId,
      token: 'USDT',
      userId,
      balanceUnits: 0n,
      heldUnits: 0n,
      availableUnits: 0n,
      createdAt: at,
      updatedAt: at,
    });
    const { apiAccountId } = account;
    expect(await getApiAccount(db.database, { businessId, apiAccountId })).toEqual(account);
    expect(await getApiAccountOfToken(db.database, { businessId, token: 'USDT' })).toEqual(account);
  });

  test('is opened once a token', async () => {
    const first = await create();
    await expect(create()).rejects.toMatchObject({
      code: 'API_ACCOUNT_EXISTS',
      message: 'Payout wallet already exists',
    });
    const second = await create('USDC');
    expect(await listApiAccounts(db.database, businessId)).toEqual([first, second]);
  });

  test('is opened once by many who ask at once', async () => {
    const answers = await Promise.allSettled(Array.from({ length: 8 }, async () => await create()));
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status === 'rejected') {
        expect(answer.reason).toMatchObject({ code: 'API_ACCOUNT_EXISTS' });
      }
    }
    expect(await listApiAccounts(db.database, businessId)).toHaveLength(1);
  });

  test('shows its balance, its holds and when they changed', async () => {
    const { apiAccountId } = await create();
    await credit(order());
    await fund(order({ units: 90n }));
    await db.database.transaction(async (tx) => {
      const payoutId = testIds.next();
      await hold(tx, { businessId, accountId: apiAccountId, payoutId, units: 25n, at: later });
    });
    const [account] = await listApiAccounts(db.database, businessId);
    expect(account).toMatchObject({
      balanceUnits: 90n,
      heldUnits: 25n,
      availableUnits: 65n,
      createdAt: at,
      updatedAt: later,
    });
    expect(await getApiAccount(db.database, { businessId, apiAccountId })).toEqual(account);
  });

  test('is seen by its own business only', async () => {
    const other = await createTestOwner(db.database);
    const { apiAccountId } = await create('USDT', other);
    expect(await listApiAccounts(db.database, businessId)).toEqual([]);
    for (const id of [apiAccountId, testIds.next(), 'x', '']) {
      await expect(
        getApiAccount(db.database, { businessId, apiAccountId: id }),
      ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    await expect(
      getApiAccountOfToken(db.database, { businessId, token: 'USDT' }),
    ).rejects.toMatchObject({
      code: 'API_ACCOUNT_NOT_FOUND',
      message: 'Wallet not found for the specified token',
    });
  });

  test('is not opened by a user of another business', async () => {
    const other = await createTestOwner(db.database);
    const attempt = create('USDT', { businessId, userId: other.userId });
    await expect(attempt).rejects.toMatchObject({ code: '23503' });
    expect(await listApiAccounts(db.database, businessId)).toEqual([]);
  });
});

describe('crediting the business wallet', () => {
  test('moves each reference once', async () => {
    const move = order();
    expect(await credit(move)).toBe('moved');
    expect(await credit(move)).toBe('repeated');
    expect(await credit({ ...move, referenceId: move.referenceId.toUpperCase() })).toBe('repeated');
    expect(await walletUnits()).toBe(100n);
    expect(await credit(order())).toBe('moved');
    expect(await walletUnits()).toBe(200n);
    expect(await checkBooks(db.database, businessId)).toEqual([]);
  });

  test('refuses a reference with other units or another token', async () => {
    const move = order();
    await credit(move);
    for (const other of [{ units: 101n }, { token: 'USDC' as const }]) {
      await expect(credit({ ...move, ...other })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_KEY_REUSED',
      });
    }
    expect(await walletUnits()).toBe(100n);
    expect(await walletUnits('USDC')).toBeUndefined();
  });

  test('moves one reference once, however many send it at once', async () => {
    const move = order();
    const answers = await Promise.all(Array.from({ length: 8 }, async () => await credit(move)));
    expect(answers.filter((answer) => answer === 'moved')).toHaveLength(1);
    expect(await walletUnits()).toBe(100n);
  });

  test('knows no business that is not there', async () => {
    const attempt = credit(order({ businessId: testIds.next() }));
    await expect(attempt).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('funding an API account', () => {
  beforeEach(async () => {
    await create();
    await credit(order());
  });

  test('moves units from the business wallet', async () => {
    expect(await fund(order({ units: 40n }))).toBe('moved');
    expect([await walletUnits(), await apiUnits()]).toEqual([60n, 40n]);
    expect(await fund(order({ units: 60n }))).toBe('moved');
    expect([await walletUnits(), await apiUnits()]).toEqual([0n, 100n]);
    expect(await checkBooks(db.database, businessId)).toEqual([]);
  });

  test('never takes more than the wallet has, and leaves nothing behind', async () => {
    const move = order({ units: 101n });
    await expect(fund(move)).rejects.toMatchObject({
      code: 'INSUFFICIENT_BALANCE',
      message: 'Insufficient balance',
    });
    expect([await walletUnits(), await apiUnits()]).toEqual([100n, 0n]);
    // The reference was not burnt by the refusal.
    await credit(order({ units: 1n }));
    expect(await fund(move)).toBe('moved');
    expect(await checkBooks(db.database, businessId)).toEqual([]);
  });

  test('moves each reference once', async () => {
    const move = order({ units: 40n });
    const answers = await Promise.all(Array.from({ length: 8 }, async () => await fund(move)));
    expect(answers.toSorted()).toEqual(['moved', ...Array<string>(7).fill('repeated')]);
    await expect(fund({ ...move, units: 41n })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect([await walletUnits(), await apiUnits()]).toEqual([60n, 40n]);
  });

  test('of orders that together ask too much, as many pass as the wallet bears', async () => {
    const answers = await Promise.allSettled(
      Array.from({ length: 8 }, async () => await fund(order({ units: 30n }))),
    );
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(3);
    expect([await walletUnits(), await apiUnits()]).toEqual([10n, 90n]);
    expect(await checkBooks(db.database, businessId)).toEqual([]);
  });

  test('a deposit and a funding may share a reference', async () => {
    const move = order({ units: 5n });
    expect(await credit(move)).toBe('moved');
    expect(await fund(move)).toBe('moved');
  });

  test('needs the account of the token', async () => {
    await credit(order({ token: 'USDC' }));
    await expect(fund(order({ token: 'USDC' }))).rejects.toMatchObject({
      code: 'API_ACCOUNT_NOT_FOUND',
    });
    expect(await walletUnits('USDC')).toBe(100n);
  });
});

describe.each([
  ['crediting', credit],
  ['funding', fund],
])('%s refuses', (_, move) => {
  test.each([
    ['nothing', { units: 0n }, 'amount'],
    ['less than nothing', { units: -1n }, 'amount'],
    ['more than there can be', { units: MAX_UNITS + 1n }, 'amount'],
    ['a reference that is no UUID', { referenceId: 'invoice 7' }, 'referenceId'],
  ])('%s', async (_name, change, field) => {
    await create();
    await expect(move(order(change))).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      fields: { [field]: [expect.any(String)] },
    });
    expect(await walletUnits()).toBeUndefined();
  });
});

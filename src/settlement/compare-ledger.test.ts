import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBooksWorld, type BooksWorld } from '../../test/harness/books-world.ts';
import { createTestBusiness, testIds } from '../../test/harness/world.ts';
import type { Queryable } from '../database/database.ts';
import type { Token } from '../money/asset.ts';
import { compareLedger, findLedgerProblems } from './compare-ledger.ts';

let world: BooksWorld;
beforeEach(async () => {
  world = await createBooksWorld();
});
afterEach(async () => {
  await world.close();
});

/** Ledger units (10^-18) that a business's SETTLED account holds. */
async function settle(units: bigint, token: Token = 'USDT'): Promise<void> {
  const { database } = world.db;
  const { businessId } = await createTestBusiness(database, { units: 1n, token });
  await database.query(
    `INSERT INTO ledger_accounts
       (business_id, account_id, kind, token, balance_units, held_units, created_at, updated_at)
     VALUES ($1, $2, 'SETTLED', $3, $4, 0, $5, $5)`,
    [businessId, testIds.next(), token, units, world.clock.now()],
  );
}

/** An order that is PAID, in the asset's units: 18 decimals of USDT, 6 of USDC. */
async function pay(
  units: bigint,
  order: { token?: Token; told: boolean; network?: string },
): Promise<void> {
  const { token = 'USDT', told, network = 'BSC_MAINNET' } = order;
  await world.db.database.query(
    `INSERT INTO settlement_orders
       (network, payout_id, business_id, token, units, to_address, state, fence, proof, available_at,
        claim_token, version, reported_version, created_at, updated_at)
     VALUES ($1, $2, $2, $3, $4, '0x', 'PAID', 'f', '{}', $5, 0, 2, $6, $5, $5)`,
    [network, testIds.next(), token, units, world.clock.now(), told ? 2 : 1],
  );
}

async function problems(db: Queryable = world.db.database): Promise<readonly string[]> {
  return (await findLedgerProblems(db, world.settlement().assetOf)).problems;
}

describe('the ledger beside settlement', () => {
  test('is in order where nothing was paid', async () => {
    expect(await problems()).toEqual([]);
  });

  test('is in order where every business has settled what was paid, whatever the decimals', async () => {
    await pay(5n, { told: true });
    await pay(7n, { told: true });
    await settle(4n);
    await settle(8n);
    await pay(3n, { token: 'USDC', told: true });
    await settle(3n * 10n ** 12n, 'USDC');
    expect(await problems()).toEqual([]);
  });

  test.each([['not settled yet', 0n] as const, ['settled and not told yet', 5n] as const])(
    'is in order while a payout is paid and %s',
    async (_, settled) => {
      await pay(5n, { told: false });
      await settle(settled);
      expect(await problems()).toEqual([]);
    },
  );

  test('that has settled less than payouts were told is broken', async () => {
    await pay(5n * 10n ** 18n, { told: true });
    await settle(5n * 10n ** 18n - 1n);
    expect(await problems()).toEqual([
      'the ledger has settled 4.999999999999999999 USDT, less than the 5 USDT of payouts told that they were paid',
    ]);
  });

  test('that has settled more than was paid is broken, one token at a time', async () => {
    await pay(5n, { told: true });
    await settle(5n);
    await pay(1n, { token: 'USDC', told: true });
    await settle(10n ** 12n + 1n, 'USDC');
    expect(await problems()).toEqual([
      'the ledger has settled 0.000001000000000001 USDC, more than the 0.000001 USDC that settlement has paid',
    ]);
  });

  test('is not broken by payouts that end between the reads', async () => {
    const { database } = world.db;
    let reads = 0;
    const busy: Queryable = {
      query: async (text, values) => {
        const rows = await database.query<never>(text, values);
        reads += 1;
        await pay(5n, { told: true });
        await settle(5n);
        return rows;
      },
    };
    expect(await problems(busy)).toEqual([]);
    expect(reads).toBe(3);
  });

  test('is not compared for an asset whose decimals are not known', async () => {
    await pay(5n, { told: true, network: 'MATIC_MAINNET' });
    const found = await findLedgerProblems(world.db.database, world.settlement().assetOf);
    expect(found).toEqual({
      problems: [],
      unknown: ['USDT on MATIC_MAINNET was paid and is not configured any more'],
    });
  });
});

describe('the totals that are kept', () => {
  async function totals(): Promise<unknown[]> {
    const { database } = world.db;
    return await database.query(
      `SELECT t.token, t.units, (SELECT count(*) FROM settlement_orders o WHERE o.is_totalled) AS marked
       FROM settlement_totals t ORDER BY t.token`,
    );
  }
  const compare = async (): Promise<void> => {
    await compareLedger({
      ...world.settlement(),
      driver: { ...world.settlement().driver, network: 'BSC_MAINNET' },
    });
  };

  test('take in what was told by a version before, once, and nothing that was not told', async () => {
    await pay(5n, { told: true });
    await pay(7n, { told: false });
    await pay(3n, { token: 'USDC', told: true });
    await settle(5n);
    await settle(3n * 10n ** 12n, 'USDC');
    for (let round = 1; round <= 2; round += 1) {
      await compare();
      expect(await totals()).toEqual([
        { token: 'USDC', units: 3n, marked: 2n },
        { token: 'USDT', units: 5n, marked: 2n },
      ]);
      expect(await problems()).toEqual([]);
    }
    await settle(8n);
    expect(await problems()).toHaveLength(1);
  });

  test('are added up again from the orders, on demand', async () => {
    const { database } = world.db;
    const recount = async (): Promise<readonly string[]> =>
      (await findLedgerProblems(database, world.settlement().assetOf, { recounts: true })).problems;
    await pay(5n, { told: true });
    await settle(5n);
    await compare();
    expect(await recount()).toEqual([]);
    await database.query('UPDATE settlement_totals SET units = units - 1');
    expect(await recount()).toEqual([
      'the total kept of what was paid on BSC_MAINNET is 0.000000000000000004 USDT, and its orders add up to 0.000000000000000005 USDT',
    ]);
    expect(await problems()).toEqual([
      'the ledger has settled 0.000000000000000005 USDT, more than the 0.000000000000000004 USDT that settlement has paid',
    ]);
  });
});

describe('a broken ledger', () => {
  test('stops the network, with an alarm', async () => {
    await compareLedger(world.settlement());
    expect(await world.stoppedFor()).toBeNull();
    await settle(1n);
    await compareLedger(world.settlement());
    const reason =
      'the ledger has settled 0.000000000000000001 USDT, more than the 0 USDT that settlement has paid';
    expect(await world.stoppedFor()).toBe(reason);
    expect(world.alarms()).toEqual([`signing has stopped: ${reason}`]);
  });
});

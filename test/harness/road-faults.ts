import { checkBooks } from '../../src/ledger/check-books.ts';
import type { Payout } from '../../src/payouts/payout.ts';
import type { AttemptView } from '../../src/settlement/find-attempts.ts';
import type { TestChain, TransferLog } from './chain.ts';
import type { TestDatabase } from './database.ts';
import { STRANGER, type TestTreasury } from './evm-treasury.ts';
import type { TestBusiness } from './world.ts';

/** What a road leaves for comparison. */
export interface TravelledRoad {
  readonly db: TestDatabase;
  readonly chain: TestChain;
  readonly treasury: TestTreasury;
  readonly payouts: readonly Payout[];
  /** What the driver's guard saw that must never be. */
  readonly violations: readonly string[];
  readonly read: (payout: Payout) => Promise<Payout>;
  readonly attempts: (payout: Payout) => Promise<AttemptView[]>;
  readonly holdState: (payout: Payout) => Promise<string>;
}

/** Compares the payouts, the ledger, settlement's tables and the chain, once every payout has ended. */
export async function findRoadFaults(
  road: TravelledRoad,
  businesses: readonly TestBusiness[],
): Promise<string[]> {
  const { database } = road.db;
  const books = await Promise.all(
    businesses.map(async ({ businessId }) => await checkBooks(database, businessId)),
  );
  const paid = await transfersOfTreasury(road);
  const payouts = await Promise.all(road.payouts.map(async (it) => await faultsOf(road, it, paid)));
  const known = new Set(road.payouts.map(({ toAddress }) => toAddress));
  const strangers = paid.filter(({ to }) => !known.has(to) && to !== STRANGER.toLowerCase());
  return [
    ...road.violations,
    ...books.flat(),
    ...payouts.flat(),
    ...strangers.map(({ to }) => `${to} was paid, and no payout is for it`),
    ...(await leftOver(road)),
  ];
}

async function transfersOfTreasury(road: TravelledRoad): Promise<TransferLog[]> {
  const from = road.treasury.driver.treasury.toLowerCase();
  const logs = [
    ...(await road.chain.transferLogs('USDT')),
    ...(await road.chain.transferLogs('USDC')),
  ];
  return logs.filter((log) => log.from === from);
}

async function faultsOf(
  road: TravelledRoad,
  ordered: Payout,
  paid: readonly TransferLog[],
): Promise<string[]> {
  const payout = await road.read(ordered);
  const name = `payout ${payout.payoutId} (${payout.status})`;
  const mine = paid.filter(({ to }) => to === payout.toAddress);
  const faults: string[] = [];
  const expect = (isTrue: boolean, fault: string): void => {
    if (!isTrue) faults.push(`${name} ${fault}`);
  };
  expect(mine.length <= 1, `was paid ${mine.length} times`);
  expect(payout.status === 'COMPLETED' || payout.status === 'FAILED', 'has not ended');
  expect((payout.status === 'COMPLETED') === (mine.length === 1), `was paid ${mine.length} times`);
  const hold = await road.holdState(payout);
  expect(hold === (payout.status === 'COMPLETED' ? 'POSTED' : 'RELEASED'), `has a hold ${hold}`);
  for (const log of mine) {
    expect(log.units * 10n ** 12n === payout.units, 'was paid another amount');
    expect(log.transactionHash === payout.transactionHash, 'names another transaction');
  }
  const attempts = await road.attempts(payout);
  const landed = attempts.filter(({ fate }) => fate === 'PAID');
  expect(landed.length === mine.length, `has ${landed.length} attempts that say PAID`);
  return faults;
}

/** What an honest worker leaves behind nowhere. */
async function leftOver(road: TravelledRoad): Promise<string[]> {
  const [row] = await road.db.database.query<Record<string, bigint>>(
    `SELECT
       (SELECT count(*) FROM settlement_attempts WHERE state = 'OPEN') AS "open attempts",
       (SELECT count(*) FROM settlement_attempt_items WHERE fate = 'OPEN') AS "open items",
       (SELECT count(*) FROM settlement_transactions WHERE state = 'OPEN') AS "open transactions",
       (SELECT count(*) FROM settlement_orders WHERE state IN ('QUEUED', 'IN_FLIGHT')) AS "open orders",
       (SELECT count(*) FROM settlement_orders WHERE reported_version < version) AS "unreported orders",
       (SELECT count(*) FROM outbox_items WHERE topic = 'payouts-to-settle') AS "unaccepted items",
       (SELECT count(*) FROM (SELECT count(*) FROM outbox_items WHERE topic = 'payout-events'
          GROUP BY payload ->> 'payoutId' HAVING count(*) > 1) AS more) AS "repeated events"`,
  );
  return Object.entries(row ?? {})
    .filter(([, count]) => count !== 0n)
    .map(([what, count]) => `${count} ${what}`);
}

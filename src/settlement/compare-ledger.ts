import type { Database, Queryable } from '../database/database.ts';
import { sumSettled } from '../ledger/settled-units.ts';
import { LEDGER_DECIMALS, formatUnits, toLedgerUnits } from '../money/amount.ts';
import { TOKENS, type NetworkId, type Token } from '../money/asset.ts';
import {
  findWrongTotals,
  recountPaid,
  sumPaid,
  totalOlder,
  type PaidSum,
} from './internal/order-sums.ts';
import { stopNetwork } from './network-state.ts';
import type { AssetOf } from './order.ts';
import type { Settlement } from './settlement.ts';

/** What the ledger has settled beside what settlement has paid. */
export interface LedgerComparison {
  /** A sentence for each token where the two contradict each other. */
  readonly problems: readonly string[];
  /** A sentence for each asset that was paid and whose decimals are not configured any more. */
  readonly unknown: readonly string[];
}

/**
 * Compares the SETTLED accounts of all businesses with the PAID orders of all networks, by token, in
 * ledger units. The two sides share no transaction and payouts go on meanwhile, so nothing is equal for
 * long. But an order is first PAID, then its payout posts it, then the order notes that it was told,
 * and none of the three is ever undone. Read in the opposite order,
 *   told (first) <= settled (second) <= paid (third)
 * holds at every moment, for each order by itself, and so without a snapshot across shards. Both ends
 * meet where nothing is under way.
 *
 * Reads the totals that are kept of the orders, unless `how` says to read every order.
 */
export async function findLedgerProblems(
  db: Queryable,
  assetOf: AssetOf,
  how: { readonly recounts: boolean } = { recounts: false },
): Promise<LedgerComparison> {
  const read = how.recounts ? recountPaid : sumPaid;
  const told = await read(db, 'told');
  const settled = await sumSettled(db);
  const paid = await read(db, 'all');
  const problems = TOKENS.flatMap((token) => {
    const isKnown = paid.every((sum) => sum.token !== token || decimalsOf(sum, assetOf) !== null);
    if (!isKnown) return [];
    const figures = {
      told: total(told, token, assetOf),
      settled: settled.get(token) ?? 0n,
      paid: total(paid, token, assetOf),
    };
    return problemOf(token, figures);
  });
  const unknown = paid
    .filter((sum) => decimalsOf(sum, assetOf) === null)
    .map(({ network, token }) => `${token} on ${network} was paid and is not configured any more`);
  const totals = how.recounts ? await wrongTotals(db, assetOf) : [];
  return { problems: [...problems, ...totals], unknown };
}

async function wrongTotals(db: Queryable, assetOf: AssetOf): Promise<string[]> {
  const wrong = await findWrongTotals(db);
  return wrong.map(({ network, token, keptUnits, countedUnits }) => {
    const amount = (units: bigint): string =>
      `${formatUnits(units, assetOf(network, token)?.decimals ?? 0)} ${token}`;
    return `the total kept of what was paid on ${network} is ${amount(keptUnits)}, and its orders add up to ${amount(countedUnits)}`;
  });
}

/** Orders of a version before, so many in one transaction, and so many transactions in one comparison. */
const OLDER_AT_ONCE = 5_000;
const MOST_ROUNDS = 20;

const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** In steps, each of which is kept: what is left has its turn the next time. */
async function totalAllOlder(database: Database, network: NetworkId): Promise<void> {
  let after: string | undefined = FIRST_ID;
  for (let round = 1; round <= MOST_ROUNDS && after !== undefined; round += 1) {
    after = await totalOlder(database, { network, after, limit: OLDER_AT_ONCE });
  }
}

/** Stops the network of this worker, as every other of them does that runs this, where it is broken. */
export async function compareLedger(
  settlement: Pick<Settlement, 'database' | 'driver' | 'assetOf' | 'clock' | 'log'>,
): Promise<void> {
  const { database, driver, assetOf, clock, log } = settlement;
  await totalAllOlder(database, driver.network);
  const { problems, unknown } = await findLedgerProblems(database, assetOf);
  for (const sentence of unknown) log.warn({}, `the ledger is not compared: ${sentence}`);
  for (const reason of problems) {
    await stopNetwork(database, { network: driver.network, reason, at: clock.now() });
    log.error({ alarm: true }, `signing has stopped: ${reason}`);
  }
}

function total(sums: readonly PaidSum[], token: Token, assetOf: AssetOf): bigint {
  return sums
    .filter((sum) => sum.token === token)
    .reduce((units, sum) => units + toLedgerUnits(sum.units, decimalsOf(sum, assetOf) ?? 0), 0n);
}

function decimalsOf({ network, token }: PaidSum, assetOf: AssetOf): number | null {
  return assetOf(network, token)?.decimals ?? null;
}

function problemOf(
  token: Token,
  figures: { readonly told: bigint; readonly settled: bigint; readonly paid: bigint },
): string[] {
  const { told, settled, paid } = figures;
  if (told <= settled && settled <= paid) return [];
  const amount = (units: bigint): string => `${formatUnits(units, LEDGER_DECIMALS)} ${token}`;
  return settled < told
    ? [
        `the ledger has settled ${amount(settled)}, less than the ${amount(told)} of payouts told that they were paid`,
      ]
    : [
        `the ledger has settled ${amount(settled)}, more than the ${amount(paid)} that settlement has paid`,
      ];
}

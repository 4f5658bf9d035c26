import { assert } from '../base/assert.ts';
import { column, columnOfIds, columnOfTimes, type Statement } from '../database/statement.ts';
import type { Token } from '../money/asset.ts';

/** Ledger units of an API account to be reserved for one payout, once. */
export interface Hold {
  readonly businessId: string;
  readonly accountId: string;
  readonly token: Token;
  readonly payoutId: string;
  readonly units: bigint;
  readonly at: Date;
}

/** Names an account of a business: the API account of a token. */
export interface ApiAccountKey {
  readonly businessId: string;
  readonly token: Token;
}

/**
 * Reads of each API account that exists what a new hold may take. Rows: {@link AvailableRow}, in no
 * order. It takes no lock: by the time of {@link holding} it may be another sum.
 */
export function readingAvailable(keys: readonly ApiAccountKey[]): Statement {
  return {
    text: `SELECT a.business_id, a.token, a.account_id, a.balance_units - a.held_units AS available_units
      FROM unnest($1::uuid[], $2::text[]) AS k (business_id, token)
      JOIN ledger_accounts a
        ON a.business_id = k.business_id AND a.kind = 'API_ACCOUNT' AND a.token = k.token`,
    values: [columnOfIds(keys.map((key) => key.businessId)), keys.map((key) => key.token)],
  };
}

/**
 * What reserves units for any number of payouts of any businesses: `holds` keeps what each payout has
 * reserved, `accounts` changes each account once, by the net of it all. Both must take effect in one
 * transaction. Where balance less holds is smaller than the net, or a payout has a hold, the transaction fails (23514, 23505).
 *
 * The accounts are the rows that others wait for, so they should be changed last. They are locked by
 * (business, account), the order of `postAndRelease`, because an INSERT takes its rows one after another; of
 * an UPDATE with a join the plan would decide the order. The INSERT finds each account there: an API
 * account is never removed. The row that it proposes is not written, but must itself meet the table's
 * CHECKs, hence a balance; with an account's id that does not exist it fails at the token's own account (23505).
 *
 * Rows of `accounts`: {@link AvailableRow} without the token, after the change.
 */
export function holding(holds: readonly Hold[]): { holds: Statement; accounts: Statement } {
  assert(
    holds.every(({ units }) => units > 0n),
    'a hold is greater than zero',
  );
  return { holds: keepingHolds(holds), accounts: raisingHeld(netsOf(holds)) };
}

/** Ledger units that a new hold may take. */
export interface AvailableRow {
  readonly business_id: string;
  readonly token: Token;
  readonly account_id: string;
  readonly available_units: bigint;
}

function keepingHolds(holds: readonly Hold[]): Statement {
  return {
    text: `INSERT INTO ledger_holds (business_id, payout_id, account_id, units, state, created_at)
      SELECT h.business_id, h.payout_id, h.account_id, h.units, 'HELD', h.created_at
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::numeric[], $5::timestamptz[])
        AS h (business_id, payout_id, account_id, units, created_at)
      RETURNING payout_id`,
    values: [
      columnOfIds(holds.map((hold) => hold.businessId)),
      columnOfIds(holds.map((hold) => hold.payoutId)),
      columnOfIds(holds.map((hold) => hold.accountId)),
      column(holds.map((hold) => hold.units)),
      columnOfTimes(holds.map((hold) => hold.at)),
    ],
  };
}

function raisingHeld(nets: readonly Hold[]): Statement {
  return {
    text: `INSERT INTO ledger_accounts AS a
        (business_id, account_id, kind, token, balance_units, held_units, created_at, updated_at)
      SELECT n.business_id, n.account_id, 'API_ACCOUNT', n.token, n.units, n.units, n.at, n.at
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::numeric[], $5::timestamptz[])
        WITH ORDINALITY AS n (business_id, account_id, token, units, at, position)
      ORDER BY n.position
      ON CONFLICT (business_id, account_id) DO UPDATE
        SET held_units = a.held_units + excluded.held_units, updated_at = excluded.updated_at
      RETURNING business_id, account_id, balance_units - held_units AS available_units`,
    values: [
      columnOfIds(nets.map((net) => net.businessId)),
      columnOfIds(nets.map((net) => net.accountId)),
      nets.map((net) => net.token),
      column(nets.map((net) => net.units)),
      columnOfTimes(nets.map((net) => net.at)),
    ],
  };
}

/** The sum of each account's holds, by (business, account). */
function netsOf(holds: readonly Hold[]): Hold[] {
  const nets = new Map<string, Hold>();
  for (const hold of holds) {
    const key = `${hold.businessId} ${hold.accountId}`;
    const net = nets.get(key);
    assert(net === undefined || net.token === hold.token, 'an account is of one token');
    const units = (net?.units ?? 0n) + hold.units;
    nets.set(key, { ...hold, units, at: net !== undefined && net.at > hold.at ? net.at : hold.at });
  }
  return [...nets.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, net]) => net);
}

import { assert, present } from '../base/assert.ts';
import type { IdSource } from '../base/id.ts';
import type { Tx } from '../database/database.ts';
import type { Token } from '../money/asset.ts';
import {
  addToAccounts,
  lockAccounts,
  type AccountChange,
  type AccountToLock,
} from './internal/net-update.ts';
import { recordPosts } from './transfer.ts';

/** How a payout's hold ends. */
export interface HoldEnd {
  readonly businessId: string;
  readonly payoutId: string;
  /** `post` spends it: the units leave the API account for SETTLED. `release` gives it back. */
  readonly verb: 'post' | 'release';
  readonly at: Date;
}

/**
 * Ends the holds of any number of payouts of any businesses. Asserts that each was open and is named
 * once, so a payout is spent or given back once. Each account is changed once, by the net of it all.
 *
 * Both verbs are one function because of the order in which accounts are locked: every API account by
 * (business, account) before every SETTLED account by (business, token). Two calls in one transaction
 * would lock an API account after a SETTLED one, and two such transactions could wait for each other.
 */
export async function postAndRelease(
  tx: Tx,
  ids: IdSource,
  ends: readonly HoldEnd[],
): Promise<void> {
  if (ends.length === 0) return;
  const holds = await finishHolds(tx, ends);
  const nets = netsOf(holds);
  await lockAccounts(tx, accountsToLock(ids, nets));
  const accountIds = await addToAccounts(tx, nets.flatMap(changesOf));
  for (const net of nets) {
    const isSame = accountIds.get(nameOf(net, 'API_ACCOUNT')) === net.accountId;
    assert(isSame, 'a hold is on the API account of its token');
  }
  const posts = holds.filter((hold) => hold.verb === 'post');
  await recordPosts(
    tx,
    posts.map((hold) => ({
      businessId: hold.businessId,
      transferId: ids.next(),
      debitAccountId: hold.accountId,
      creditAccountId: present(accountIds.get(nameOf(hold, 'SETTLED')), 'SETTLED is open'),
      units: hold.units,
      referenceId: hold.payoutId,
      at: hold.at,
    })),
  );
}

interface FinishedHold extends HoldEnd {
  readonly accountId: string;
  readonly token: Token;
  readonly units: bigint;
}

/** Only an open hold can end, whoever asks first. The token is its account's. */
async function finishHolds(tx: Tx, ends: readonly HoldEnd[]): Promise<FinishedHold[]> {
  const rows = await tx.query<HoldRow>(
    `UPDATE ledger_holds AS h SET state = e.state, finished_at = e.finished_at
     FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
         AS e (business_id, payout_id, state, finished_at),
       ledger_accounts AS a
     WHERE h.business_id = e.business_id AND h.payout_id = e.payout_id AND h.state = 'HELD'
       AND a.business_id = h.business_id AND a.account_id = h.account_id
     RETURNING h.business_id, h.payout_id, h.account_id, h.units, a.token`,
    [
      ends.map((end) => end.businessId),
      ends.map((end) => end.payoutId),
      ends.map((end) => (end.verb === 'post' ? 'POSTED' : 'RELEASED')),
      ends.map((end) => end.at),
    ],
  );
  const found = new Map(rows.map((row) => [`${row.business_id} ${row.payout_id}`, row]));
  const holds = ends.map((end) => {
    const row = found.get(`${end.businessId} ${end.payoutId}`);
    const { account_id, token, units } = present(row, `the hold of payout ${end.payoutId} is open`);
    return { ...end, accountId: account_id, token, units };
  });
  assert(rows.length === ends.length, 'a hold is named once');
  return holds;
}

interface HoldRow {
  business_id: string;
  payout_id: string;
  account_id: string;
  units: bigint;
  token: Token;
}

/** What happens to the accounts of one business and token. */
interface Net {
  readonly businessId: string;
  readonly token: Token;
  readonly accountId: string;
  readonly postedUnits: bigint;
  readonly releasedUnits: bigint;
  readonly at: Date;
}

function netsOf(holds: readonly FinishedHold[]): Net[] {
  const nets = new Map<string, Net>();
  for (const { businessId, token, accountId, units, verb, at } of holds) {
    const name = `${businessId} ${token}`;
    const net = nets.get(name) ?? { postedUnits: 0n, releasedUnits: 0n, accountId, at };
    assert(net.accountId === accountId, 'a business has one API account for a token');
    nets.set(name, {
      businessId,
      token,
      accountId,
      postedUnits: net.postedUnits + (verb === 'post' ? units : 0n),
      releasedUnits: net.releasedUnits + (verb === 'release' ? units : 0n),
      at: net.at > at ? net.at : at,
    });
  }
  return [...nets.values()];
}

function accountsToLock(ids: IdSource, nets: readonly Net[]): AccountToLock[] {
  const api = nets.map((net) => ({ ...net, kind: 'API_ACCOUNT' as const }));
  const settled = nets
    .filter((net) => net.postedUnits > 0n)
    .map((net) => ({ ...net, kind: 'SETTLED' as const, accountId: ids.next() }));
  return [
    ...api.sort((a, b) =>
      byName(`${a.businessId} ${a.accountId}`, `${b.businessId} ${b.accountId}`),
    ),
    ...settled.sort((a, b) => byName(`${a.businessId} ${a.token}`, `${b.businessId} ${b.token}`)),
  ];
}

function byName(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function changesOf(net: Net): AccountChange[] {
  const { businessId, token, at, postedUnits } = net;
  const debit: AccountChange = {
    businessId,
    token,
    kind: 'API_ACCOUNT',
    balanceUnits: -postedUnits,
    heldUnits: -(postedUnits + net.releasedUnits),
    at,
  };
  if (postedUnits === 0n) return [debit];
  const credit = { ...debit, kind: 'SETTLED', balanceUnits: postedUnits, heldUnits: 0n } as const;
  return [debit, credit];
}

function nameOf(
  account: { businessId: string; token: Token },
  kind: AccountChange['kind'],
): string {
  return `${account.businessId} ${kind} ${account.token}`;
}

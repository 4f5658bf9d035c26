import {
  column,
  columnOfIds,
  columnOfTimes,
  withParts,
  type NamedPart,
  type Statement,
} from '../../database/statement.ts';
import { holding, type AvailableRow, type Hold } from '../../ledger/hold.ts';
import { appending, type NewItem } from '../../outbox/outbox.ts';
import { keepingAnswers } from '../idempotency.ts';
import { SETTLEMENT_TOPIC } from '../outbox-topics.ts';
import type { Payout } from '../payout.ts';
import type { Accepted } from './decide-orders.ts';

/**
 * The statement that writes all that accepted orders bring with them, of any businesses: the kept
 * answers, the payouts with their history and audit, the work for settlement and the holds. It fails,
 * and writes nothing, where a key or a reference has been taken (23505) or a balance has become too
 * small (23514) since the orders were decided. Rows: {@link LeftRow}.
 *
 * Rows that others may wait for are written in one order by all writers: keys, then references, then
 * accounts, each sorted, so that two writers do not wait for each other. Of parts that write, a
 * statement carries out first what its main part asks for first: the counts.
 */
export function writingBatch(accepted: readonly Accepted[]): Statement {
  const batch = sorted(accepted, ({ payout }) => referenceOf(payout));
  const payouts = batch.map(({ payout }) => payout);
  const { holds, accounts } = holding(payouts.map(holdOf));
  const first: NamedPart[] = [];
  const answers = batch.flatMap(({ answer }) => answer ?? []);
  if (answers.length > 0) first.push(['answers', keepingAnswers(sorted(answers, keyOf))]);
  first.push(['created', insertingPayouts(payouts)]);
  first.push(['holds', holds]);
  const counts = first.map(([name]) => `(SELECT count(*) FROM ${name})`).join(' + ');
  return withParts(
    [
      ...first,
      ['accounts', accounts],
      ['lines', insertingFirstLines(payouts)],
      ['audits', insertingAudits(batch)],
      ['items', appending(batch.map(itemOf))],
    ],
    `SELECT account_id, available_units FROM accounts WHERE ${counts} > 0`,
  );
}

/** What a batch has left of an account, in ledger units. */
export type LeftRow = Pick<AvailableRow, 'account_id' | 'available_units'>;

function keyOf({ businessId, key }: { businessId: string; key: string }): string {
  return `${businessId} ${key}`;
}

function referenceOf({ businessId, merchantReference }: Payout): string {
  return `${businessId} ${merchantReference ?? ''}`;
}

function sorted<T>(items: readonly T[], nameOf: (item: T) => string): T[] {
  const named = items.map((item) => ({ name: nameOf(item), item }));
  return named.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ item }) => item);
}

function holdOf(payout: Payout): Hold {
  const { businessId, payoutId, token, units } = payout;
  return {
    businessId,
    payoutId,
    accountId: payout.apiAccountId,
    token,
    units,
    at: payout.createdAt,
  };
}

function insertingPayouts(payouts: readonly Payout[]): Statement {
  return {
    text: `INSERT INTO payouts
        (business_id, payout_id, user_id, api_account_id, network, token, units, to_address,
         merchant_reference, status, created_at, updated_at)
      SELECT p.business_id, p.payout_id, p.user_id, p.api_account_id, p.network, p.token, p.units,
        p.to_address, p.merchant_reference, 'PENDING', p.created_at, p.created_at
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
          $7::numeric[], $8::text[], $9::text[], $10::timestamptz[])
        WITH ORDINALITY AS p (business_id, payout_id, user_id, api_account_id, network, token, units,
          to_address, merchant_reference, created_at, position)
      ORDER BY p.position
      RETURNING payout_id`,
    values: [
      columnOfIds(payouts.map((payout) => payout.businessId)),
      columnOfIds(payouts.map((payout) => payout.payoutId)),
      columnOfIds(payouts.map((payout) => payout.userId)),
      columnOfIds(payouts.map((payout) => payout.apiAccountId)),
      payouts.map((payout) => payout.network),
      payouts.map((payout) => payout.token),
      column(payouts.map((payout) => payout.units)),
      payouts.map((payout) => payout.toAddress),
      payouts.map((payout) => payout.merchantReference),
      columnOfTimes(payouts.map((payout) => payout.createdAt)),
    ],
  };
}

/** The first line of each payout's history. */
function insertingFirstLines(payouts: readonly Payout[]): Statement {
  return {
    text: `INSERT INTO payout_changes (business_id, payout_id, number, status, detail, changed_at)
      SELECT l.business_id, l.payout_id, 1, 'PENDING', NULL, l.changed_at
      FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[])
        AS l (business_id, payout_id, changed_at)`,
    values: [
      columnOfIds(payouts.map((payout) => payout.businessId)),
      columnOfIds(payouts.map((payout) => payout.payoutId)),
      columnOfTimes(payouts.map((payout) => payout.createdAt)),
    ],
  };
}

function insertingAudits(batch: readonly Accepted[]): Statement {
  const payouts = batch.map(({ payout }) => payout);
  const requesters = batch.map(({ order }) => order.requester);
  return {
    text: `INSERT INTO payout_audits
        (business_id, payout_id, client_ip, credential_kind, credential_id, request_id, trace_id,
         created_at)
      SELECT a.business_id, a.payout_id, a.client_ip, a.credential_kind, a.credential_id, a.request_id,
        a.trace_id, a.created_at
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[],
          $8::timestamptz[])
        AS a (business_id, payout_id, client_ip, credential_kind, credential_id, request_id, trace_id,
          created_at)`,
    values: [
      columnOfIds(payouts.map((payout) => payout.businessId)),
      columnOfIds(payouts.map((payout) => payout.payoutId)),
      requesters.map((requester) => requester.clientIp),
      requesters.map((requester) => requester.credentialKind),
      columnOfIds(requesters.map((requester) => requester.credentialId)),
      requesters.map((requester) => requester.requestId),
      requesters.map((requester) => requester.traceId),
      columnOfTimes(payouts.map((payout) => payout.createdAt)),
    ],
  };
}

function itemOf({ order, payout, itemId }: Accepted): NewItem {
  const { businessId, payoutId, network, createdAt } = payout;
  const { traceId } = order.requester;
  return {
    businessId,
    itemId,
    topic: SETTLEMENT_TOPIC,
    lane: network,
    payload: { payoutId, traceId },
    at: createdAt,
  };
}

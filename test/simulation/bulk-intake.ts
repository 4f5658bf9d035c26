import { present } from '../../src/base/assert.ts';
import { momentOfId } from '../../src/base/id.ts';
import type { Tx } from '../../src/database/database.ts';
import type { PayoutOrder } from '../../src/payouts/payout-order.ts';
import { SETTLEMENT_TOPIC } from '../../src/payouts/outbox-topics.ts';

/** An order with the identifiers that `createPayout` would have drawn for it. */
export interface BulkOrder {
  readonly order: PayoutOrder;
  readonly payoutId: string;
  readonly itemId: string;
}

/**
 * Writes what `createPayout` writes for each of many orders, in seven statements for all of them: a
 * simulation of a million payouts spends its time on settlement, not on intake. Only for orders that
 * are known to be good (funded, references free). test/simulation.test.ts compares the rows.
 */
export async function createInBulk(tx: Tx, orders: readonly BulkOrder[]): Promise<void> {
  const accounts = await accountsOf(tx, orders);
  const rows = orders.map(({ order, payoutId, itemId }) => ({
    business_id: order.requester.businessId,
    payout_id: payoutId,
    item_id: itemId,
    user_id: order.requester.userId,
    api_account_id: present(accounts.get(keyOf(order)), 'the business has the account'),
    network: order.network,
    token: order.token,
    units: order.units.toString(),
    to_address: order.toAddress,
    merchant_reference: order.merchantReference,
    client_ip: order.requester.clientIp,
    credential_kind: order.requester.credentialKind,
    credential_id: order.requester.credentialId,
    request_id: order.requester.requestId,
    trace_id: order.requester.traceId,
    at: momentOfId(payoutId).toISOString(),
    payload: { payoutId, traceId: order.requester.traceId },
  }));
  for (const statement of STATEMENTS) await tx.query(statement, [JSON.stringify(rows)]);
}

function keyOf(order: PayoutOrder): string {
  return `${order.requester.businessId} ${order.token}`;
}

async function accountsOf(tx: Tx, orders: readonly BulkOrder[]): Promise<Map<string, string>> {
  const businessIds = [...new Set(orders.map(({ order }) => order.requester.businessId))];
  const rows = await tx.query<{ business_id: string; token: string; api_account_id: string }>(
    'SELECT business_id, token, api_account_id FROM api_accounts WHERE business_id = ANY($1::uuid[])',
    [businessIds],
  );
  return new Map(rows.map((row) => [`${row.business_id} ${row.token}`, row.api_account_id]));
}

const GIVEN = `jsonb_to_recordset($1::jsonb) AS r (business_id uuid, payout_id uuid, item_id uuid,
  user_id uuid, api_account_id uuid, network text, token text, units numeric, to_address text,
  merchant_reference text, client_ip text, credential_kind text, credential_id uuid, request_id text,
  trace_id text, at timestamptz, payload jsonb)`;

const STATEMENTS = [
  `INSERT INTO payouts
     (business_id, payout_id, user_id, api_account_id, network, token, units, to_address,
      merchant_reference, status, created_at, updated_at)
   SELECT business_id, payout_id, user_id, api_account_id, network, token, units, to_address,
     merchant_reference, 'PENDING', at, at FROM ${GIVEN}`,
  `INSERT INTO payout_changes (business_id, payout_id, number, status, detail, changed_at)
   SELECT business_id, payout_id, 1, 'PENDING', NULL, at FROM ${GIVEN}`,
  `INSERT INTO payout_audits
     (business_id, payout_id, client_ip, credential_kind, credential_id, request_id, trace_id,
      created_at)
   SELECT business_id, payout_id, client_ip, credential_kind, credential_id, request_id, trace_id, at
   FROM ${GIVEN}`,
  `INSERT INTO outbox_items
     (business_id, item_id, topic, lane, payload, available_at, claim_token, attempts, created_at)
   SELECT business_id, item_id, '${SETTLEMENT_TOPIC}', network, payload, at, 0, 0, at FROM ${GIVEN}`,
  `INSERT INTO ledger_holds (business_id, payout_id, account_id, units, state, created_at)
   SELECT business_id, payout_id, api_account_id, units, 'HELD', at FROM ${GIVEN}`,
  `UPDATE ledger_accounts AS a SET held_units = a.held_units + s.units, updated_at = s.at
   FROM (SELECT business_id, api_account_id, sum(units) AS units, max(at) AS at
         FROM ${GIVEN} GROUP BY business_id, api_account_id) AS s
   WHERE a.business_id = s.business_id AND a.account_id = s.api_account_id`,
];

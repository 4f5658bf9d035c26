import { present } from '../base/assert.ts';
import { Fault, validationFault } from '../base/fault.ts';
import { momentOfId, type IdSource } from '../base/id.ts';
import type { Database, Tx } from '../database/database.ts';
import { CommitUnknown } from '../database/sql-failure.ts';
import { hold } from '../ledger/hold.ts';
import { append } from '../outbox/outbox.ts';
import { findPayout, isReferenceTaken } from './find-payouts.ts';
import { findAnswer, recordAnswer, type StoredAnswer } from './idempotency.ts';
import { recordChange } from './internal/record-change.ts';
import type { Payout } from './payout.ts';
import { SETTLEMENT_TOPIC } from './outbox-topics.ts';
import type { CreateOutcome, PayoutOrder } from './payout-order.ts';

/**
 * The one place that creates a payout. In one transaction: the payout as PENDING, its history, the
 * audit of the caller, the kept answer, the work for settlement and the hold on the API account.
 * All of it is committed when this returns, or none of it where it throws a fault:
 * VALIDATION_FAILED (merchantReference taken), API_ACCOUNT_NOT_FOUND, INSUFFICIENT_BALANCE.
 */
export async function createPayout(
  deps: { readonly database: Database; readonly ids: IdSource },
  order: PayoutOrder,
): Promise<CreateOutcome> {
  const payoutId = deps.ids.next();
  const itemId = deps.ids.next();
  try {
    return await deps.database.transaction(
      async (tx) => await create(tx, order, { payoutId, itemId }),
    );
  } catch (error) {
    if (!(error instanceof CommitUnknown)) throw error;
    return await lookForPayout(deps.database, order, payoutId);
  }
}

async function create(
  tx: Tx,
  order: PayoutOrder,
  ids: { payoutId: string; itemId: string },
): Promise<CreateOutcome> {
  const { businessId } = order.requester;
  const apiAccountId = await findApiAccountId(tx, order);
  const payout = newPayout(order, ids.payoutId, apiAccountId);
  const answer = await keepAnswer(tx, order, payout);
  if (answer !== undefined) return { kind: 'replayed', answer };
  await insertPayout(tx, payout);
  await recordChange(tx, { ...payout, detail: null, at: payout.createdAt });
  await insertAudit(tx, order, payout);
  await append(tx, {
    businessId,
    itemId: ids.itemId,
    topic: SETTLEMENT_TOPIC,
    lane: payout.network,
    payload: { payoutId: payout.payoutId, traceId: order.requester.traceId },
    at: payout.createdAt,
  });
  await hold(tx, { ...payout, accountId: apiAccountId, at: payout.createdAt });
  return { kind: 'created', payout };
}

function newPayout(order: PayoutOrder, payoutId: string, apiAccountId: string): Payout {
  const createdAt = momentOfId(payoutId);
  return {
    businessId: order.requester.businessId,
    payoutId,
    userId: order.requester.userId,
    apiAccountId,
    network: order.network,
    token: order.token,
    units: order.units,
    toAddress: order.toAddress,
    merchantReference: order.merchantReference,
    status: 'PENDING',
    transactionHash: null,
    info: null,
    createdAt,
    updatedAt: createdAt,
  };
}

function referenceTaken(): Fault {
  return validationFault({
    merchantReference: ['The merchant reference has already been taken.'],
  });
}

async function findApiAccountId(tx: Tx, order: PayoutOrder): Promise<string> {
  const { businessId } = order.requester;
  const [row] = await tx.query<{ api_account_id: string }>(
    `SELECT api_account_id FROM api_accounts WHERE business_id = $1 AND token = $2`,
    [businessId, order.token],
  );
  if (row !== undefined) return row.api_account_id;
  // A taken reference is a matter of validation, which is answered before the account.
  const { merchantReference } = order;
  if (merchantReference !== null && (await isReferenceTaken(tx, businessId, merchantReference))) {
    throw referenceTaken();
  }
  throw new Fault('API_ACCOUNT_NOT_FOUND', 'Wallet not found for the specified token');
}

/**
 * Before the payout is inserted, so that of two requests with one key and one reference the second
 * waits here and is replayed, and is not told that its own reference is taken.
 */
async function keepAnswer(
  tx: Tx,
  order: PayoutOrder,
  payout: Payout,
): Promise<StoredAnswer | undefined> {
  if (order.idempotency === undefined) return undefined;
  const { request, render } = order.idempotency;
  const isFirst = await recordAnswer(tx, {
    ...request,
    answer: render(payout),
    at: payout.createdAt,
  });
  if (isFirst) return undefined;
  return present(await findAnswer(tx, request), 'the first answer was committed');
}

/** The unique key decides between requests that carry one merchantReference at the same moment. */
async function insertPayout(tx: Tx, payout: Payout): Promise<void> {
  const written = await tx.query(
    `INSERT INTO payouts
       (business_id, payout_id, user_id, api_account_id, network, token, units, to_address,
        merchant_reference, status, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'PENDING', $10, $10)
     ON CONFLICT (business_id, merchant_reference) DO NOTHING
     RETURNING payout_id`,
    [
      payout.businessId,
      payout.payoutId,
      payout.userId,
      payout.apiAccountId,
      payout.network,
      payout.token,
      payout.units,
      payout.toAddress,
      payout.merchantReference,
      payout.createdAt,
    ],
  );
  if (written.length === 0) throw referenceTaken();
}

async function insertAudit(tx: Tx, order: PayoutOrder, payout: Payout): Promise<void> {
  const { requester } = order;
  await tx.query(
    `INSERT INTO payout_audits
       (business_id, payout_id, client_ip, credential_kind, credential_id, request_id, trace_id, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      payout.businessId,
      payout.payoutId,
      requester.clientIp,
      requester.credentialKind,
      requester.credentialId,
      requester.requestId,
      requester.traceId,
      payout.createdAt,
    ],
  );
}

/** The connection broke at COMMIT. What was committed is there to be found; nothing is repeated. */
async function lookForPayout(
  database: Database,
  order: PayoutOrder,
  payoutId: string,
): Promise<CreateOutcome> {
  const payout = await findPayout(database, order.requester.businessId, payoutId);
  if (payout !== undefined) return { kind: 'created', payout };
  throw new Fault(
    'UNAVAILABLE',
    'The payout may or may not have been created. Ask again with the same Idempotency-Key or merchantReference.',
  );
}

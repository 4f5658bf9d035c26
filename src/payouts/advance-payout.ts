import { assert, present } from '../base/assert.ts';
import type { IdSource } from '../base/id.ts';
import type { Tx } from '../database/database.ts';
import { post } from '../ledger/post.ts';
import { release } from '../ledger/release.ts';
import { append } from '../outbox/outbox.ts';
import { PAYOUT_COLUMNS, toPayout, type PayoutRow } from './internal/payout-row.ts';
import { recordChange } from './internal/record-change.ts';
import { EVENT_TOPIC, type PayoutEventType } from './outbox-topics.ts';
import { mayBecome, type Payout, type PayoutStatus } from './payout.ts';

/** What settlement has to tell of a payout. Each kind may come again, and PROCESSING may come late. */
export type Progress =
  /** Signed bytes exist; `transactionHash` is the newest attempt's. */
  | { readonly status: 'PROCESSING'; readonly transactionHash: string }
  /** The exact transfer is final on chain. */
  | { readonly status: 'COMPLETED'; readonly transactionHash: string }
  /** Proven unpaid for ever. `wasSigned`: whether an attempt was ever signed. */
  | {
      readonly status: 'FAILED';
      readonly info: string;
      readonly wasSigned: boolean;
      readonly transactionHash: string | null;
    };

/**
 * The one place that changes a payout's state. In the caller's transaction: the state, its history,
 * the ledger (COMPLETED posts the hold, FAILED releases it) and the event for webhooks. News that the
 * payout has had already changes nothing and gives false. Asserts that a final state is never left.
 */
export async function advancePayout(
  tx: Tx,
  deps: { readonly ids: IdSource },
  news: {
    readonly businessId: string;
    readonly payoutId: string;
    readonly progress: Progress;
    readonly at: Date;
  },
): Promise<boolean> {
  const { progress, at } = news;
  const payout = await lockPayout(tx, news.businessId, news.payoutId);
  if (isStale(payout, progress)) return false;
  if (progress.status === 'PROCESSING') {
    await setStatus(tx, payout, { status: 'PROCESSING', ...hashAndInfo(progress), at });
    return true;
  }
  let current = payout;
  if (current.status === 'PENDING' && (progress.status === 'COMPLETED' || progress.wasSigned)) {
    const { transactionHash } = progress;
    current = await setStatus(tx, current, {
      status: 'PROCESSING',
      transactionHash,
      info: null,
      at,
    });
  }
  await setStatus(tx, current, { status: progress.status, ...hashAndInfo(progress), at });
  await moveMoney(tx, deps, { payout, status: progress.status, at });
  await append(tx, {
    businessId: payout.businessId,
    itemId: deps.ids.next(),
    topic: EVENT_TOPIC,
    lane: 'all',
    payload: { eventType: eventOf(progress.status), payoutId: payout.payoutId },
    at,
  });
  return true;
}

/** The row stays locked to the transaction's end, so that two reporters take turns. */
async function lockPayout(tx: Tx, businessId: string, payoutId: string): Promise<Payout> {
  const [row] = await tx.query<PayoutRow>(
    `SELECT ${PAYOUT_COLUMNS} FROM payouts WHERE business_id = $1 AND payout_id = $2 FOR UPDATE`,
    [businessId, payoutId],
  );
  return toPayout(present(row, `payout ${payoutId} exists`));
}

function isStale(payout: Payout, progress: Progress): boolean {
  if (payout.status === 'COMPLETED' || payout.status === 'FAILED') {
    assert(
      progress.status === payout.status || progress.status === 'PROCESSING',
      `payout ${payout.payoutId} is ${payout.status} and is reported ${progress.status}`,
    );
    return true;
  }
  return (
    progress.status === 'PROCESSING' &&
    payout.status === 'PROCESSING' &&
    payout.transactionHash === progress.transactionHash
  );
}

function hashAndInfo(progress: Progress): { transactionHash: string | null; info: string | null } {
  return {
    transactionHash: progress.transactionHash,
    info: progress.status === 'FAILED' ? progress.info : null,
  };
}

async function setStatus(
  tx: Tx,
  payout: Payout,
  change: {
    readonly status: PayoutStatus;
    readonly transactionHash: string | null;
    readonly info: string | null;
    readonly at: Date;
  },
): Promise<Payout> {
  const isNewHash = payout.status === change.status && change.status === 'PROCESSING';
  assert(
    isNewHash || mayBecome(payout.status, change.status),
    `${payout.status} may not become ${change.status}`,
  );
  // The clock may have been set back; a payout is never updated before it was created.
  const updatedAt = change.at < payout.updatedAt ? payout.updatedAt : change.at;
  const [row] = await tx.query<PayoutRow>(
    `UPDATE payouts SET status = $3, transaction_hash = $4, info = $5, updated_at = $6
     WHERE business_id = $1 AND payout_id = $2 AND status = $7
     RETURNING ${PAYOUT_COLUMNS}`,
    [
      payout.businessId,
      payout.payoutId,
      change.status,
      change.transactionHash,
      change.status === 'FAILED' ? change.info : null,
      updatedAt,
      payout.status,
    ],
  );
  const changed = toPayout(present(row, 'a locked payout keeps its status'));
  const detail = change.info ?? change.transactionHash;
  await recordChange(tx, { ...changed, detail, at: updatedAt });
  return changed;
}

async function moveMoney(
  tx: Tx,
  deps: { ids: IdSource },
  end: { payout: Payout; status: 'COMPLETED' | 'FAILED'; at: Date },
): Promise<void> {
  const { businessId, payoutId } = end.payout;
  if (end.status === 'FAILED') {
    await release(tx, { businessId, payoutId, at: end.at });
    return;
  }
  await post(tx, {
    businessId,
    payoutId,
    transferId: deps.ids.next(),
    newAccountId: deps.ids.next(),
    at: end.at,
  });
}

function eventOf(status: 'COMPLETED' | 'FAILED'): PayoutEventType {
  return status === 'COMPLETED' ? 'PAYOUT_SUCCESSFUL' : 'PAYOUT_FAILED';
}

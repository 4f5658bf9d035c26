import { later } from '../base/clock.ts';
import { CommitUnknown } from '../database/sql-failure.ts';
import { SigningPostponed, type NewTransaction } from '../networks/network.ts';
import { broadcastTransaction } from './broadcast-transaction.ts';
import { listTakenCoins } from './internal/coin-store.ts';
import { lockFlight, noteNewTransaction } from './internal/order-store.ts';
import { holdNewest } from './internal/taken-sequence.ts';
import {
  findFence,
  insertTransaction,
  isStillWanted,
  noteBlock,
  type RecordedTransaction,
} from './internal/transaction-store.ts';
import { holdsLane, type HeldLane } from './lanes.ts';
import { isSigningAllowed } from './network-state.ts';
import type { Settlement } from './settlement.ts';
import { StaleClaim } from './stale-claim.ts';
import { withLane } from './with-lane.ts';

/**
 * In no block. A block that was noted is gone by a reorganisation. The identical bytes are sent again,
 * but not those whose attempt has ended: they hold a place in the lane that nothing may fill but nothing.
 */
export async function sendAgain(
  settlement: Settlement,
  versions: readonly RecordedTransaction[],
  place: { readonly isHead: boolean },
): Promise<void> {
  const { database, driver, clock, pace } = settlement;
  const newest = versions.at(-1);
  if (newest === undefined) return;
  const isGone = versions.filter(({ isInBlock }) => isInBlock);
  for (const transaction of isGone) {
    await noteBlock(database, transaction, { block: null, at: clock.now() });
  }
  const isDueAfter = (since: Date | null, waitMs: number): boolean =>
    // A time to come is from a clock that ran ahead.
    since === null || since > clock.now() || later(since, waitMs) <= clock.now();
  const isSendDue =
    isGone.length > 0 || isDueAfter(newest.lastBroadcastAt, pace.rebroadcastAfterMs);
  // Each raise waits twice as long as the one before: what is in no block may have another cause.
  const replaceAfterMs = pace.replaceAfterMs * 2 ** (versions.length - 1);
  const isReplaceDue =
    driver.replaces &&
    newest.broadcastCount > 0 &&
    isGone.length === 0 &&
    isDueAfter(newest.createdAt, replaceAfterMs);
  if (!isSendDue && !isReplaceDue) return;
  const isWanted = await isStillWanted(database, newest);
  if (!isWanted && (!place.isHead || driver.lanes === 'independent')) return;
  if (!isWanted && (await replace(settlement, newest, 'nothing'))) return;
  // What its account cannot pay any more, or what a node will not take in place of another, may have an
  // older version that lands. Where nothing can be had for an ended attempt, its bytes fill the place.
  if (isSendDue) for (const version of versions) await broadcastTransaction(settlement, version);
  if (isWanted && place.isHead && isReplaceDue) await replace(settlement, newest, 'itself');
}

/** Only the first of a lane: those behind it wait for it, not for a fee. False where that is not to be had. */
async function replace(
  settlement: Settlement,
  old: RecordedTransaction,
  by: 'itself' | 'nothing',
): Promise<boolean> {
  const { database, driver, log } = settlement;
  const done = await withLane(settlement, old.sender, async (lane) => {
    let signed: NewTransaction;
    try {
      const taken = await listTakenCoins(database, old.network);
      signed = await driver.replace(old, by, { taken });
    } catch (error) {
      if (!(error instanceof SigningPostponed)) throw error;
      const fields = { transactionHash: old.transactionHash, sender: old.sender, alarm: true };
      log.error(fields, `a lane waits: its first transaction is in no block: ${error.message}`);
      return false;
    }
    const recorded = await record(settlement, { old, lane, signed, by });
    if (recorded === undefined) return true;
    log.info({ transactionHash: signed.transactionHash }, `replaces ${old.transactionHash}`);
    await broadcastTransaction(settlement, recorded);
    return true;
  });
  // Whoever holds the lane now looks after it.
  return done ?? true;
}

async function record(
  settlement: Settlement,
  work: {
    old: RecordedTransaction;
    lane: HeldLane;
    signed: NewTransaction;
    by: 'itself' | 'nothing';
  },
): Promise<RecordedTransaction | undefined> {
  const { database, clock, log } = settlement;
  const { old, lane, signed, by } = work;
  const { network } = old;
  const at = clock.now();
  try {
    return await database.transaction(async (tx) => {
      if (!(await holdsLane(tx, lane))) throw new StaleClaim('the lane has passed on');
      if (!(await isSigningAllowed(tx, network))) throw new StaleClaim('signing has stopped');
      if (!(await holdNewest(tx, old, at))) {
        throw new StaleClaim('its sequence is taken, or another has replaced it');
      }
      const isWanted = await isStillWanted(tx, old);
      if (by === 'itself' && !isWanted) throw new StaleClaim('the attempt has ended');
      const fence = by === 'itself' ? await findFence(tx, old) : null;
      if (fence !== null) {
        const { transactionHash } = signed;
        await lockFlight(tx, { network, fence });
        await noteNewTransaction(tx, { network, fence, transactionHash, at });
      }
      const purpose = by === 'itself' ? old.purpose : 'FILL';
      const attemptId = by === 'itself' ? old.attemptId : null;
      return await insertTransaction(tx, { network, signed, purpose, attemptId, at });
    });
  } catch (error) {
    if (!(error instanceof StaleClaim) && !(error instanceof CommitUnknown)) throw error;
    log.warn({ err: error, sender: old.sender }, 'a replacement was not recorded for certain');
    return undefined;
  }
}

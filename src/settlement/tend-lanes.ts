import { AssertionFailure } from '../base/assert.ts';
import { later } from '../base/clock.ts';
import { CommitUnknown } from '../database/sql-failure.ts';
import {
  SigningPostponed,
  type SequenceCounts,
  type SignedTransaction,
} from '../networks/network.ts';
import { broadcastTransaction } from './broadcast-transaction.ts';
import { carryAdrift } from './carry-adrift.ts';
import { lockFlight, noteNewTransaction } from './internal/order-store.ts';
import {
  endReplaced,
  findFence,
  finishTransaction,
  insertTransaction,
  isStillWanted,
  listOpenTransactions,
  noteBlock,
  type RecordedTransaction,
} from './internal/transaction-store.ts';
import { holdNewest, isTakenByOwn } from './internal/taken-sequence.ts';
import { holdsLane, stopLane, type HeldLane } from './lanes.ts';
import { isSigningAllowed, stopNetwork } from './network-state.ts';
import type { Settlement } from './settlement.ts';
import { StaleClaim } from './stale-claim.ts';
import { withLane } from './with-lane.ts';

/**
 * Keeps every lane moving: transactions that took their sequence for good are ended, those in no block are
 * sent again as they are, the first of a lane that waits too long is signed again at a higher fee, and an
 * attempt whose carriers all failed gets another one. Decides nothing about a payout.
 */
export async function tendLanes(settlement: Settlement): Promise<void> {
  const { driver, log } = settlement;
  for (const sender of [driver.treasury, ...driver.gasAccounts]) {
    try {
      await tendLane(settlement, sender);
    } catch (error) {
      log.warn({ err: error, sender }, 'a lane could not be tended');
    }
  }
  await carryAdrift(settlement);
}

async function tendLane(settlement: Settlement, sender: string): Promise<void> {
  const { database, driver } = settlement;
  const open = await listOpenTransactions(database, { network: driver.network, sender });
  if (open.length === 0) return;
  const counts = await driver.sequences(sender);
  const bySequence = [...Map.groupBy(open, (transaction) => transaction.sequence).values()];
  let isHead = true;
  for (const versions of bySequence) {
    const place = placeOf(versions, counts);
    try {
      if (place === 'final') await finish(settlement, versions);
      else if (place === 'included') await noteBlocks(settlement, versions);
      else await send(settlement, versions, { isHead });
    } catch (error) {
      // A mistake of ours about one of them holds up none behind it.
      if (!(error instanceof AssertionFailure)) throw error;
      const fields = { err: error, transactionHash: versions[0]?.transactionHash, alarm: true };
      settlement.log.error(fields, 'a transaction could not be tended');
    }
    if (place === 'waiting') isHead = false;
  }
}

function placeOf(
  versions: readonly RecordedTransaction[],
  counts: SequenceCounts,
): 'final' | 'included' | 'waiting' {
  const sequence = versions[0]?.sequence ?? 0n;
  if (sequence < counts.final) return 'final';
  return sequence < counts.latest ? 'included' : 'waiting';
}

/**
 * The sequence is taken for good: by one of these, or by a transaction that Knit did not make. The second
 * means that somebody else uses the sender's key.
 */
async function finish(
  settlement: Settlement,
  versions: readonly RecordedTransaction[],
): Promise<void> {
  const { database, driver, clock, log } = settlement;
  let takenBy: string | null = null;
  for (const transaction of versions) {
    const seen = await driver.track(transaction);
    const at = clock.now();
    if (seen.kind === 'final') {
      const { sender, sequence, network } = transaction;
      await database.transaction(async (tx) => {
        if (!(await finishTransaction(tx, transaction, { ...seen, at }))) return;
        await endReplaced(tx, { network, sender, sequence, at });
      });
      return;
    }
    // Without a proof for each of them there is no word about the sequence yet.
    if (seen.kind !== 'replaced') return;
    takenBy = seen.takenBy;
  }
  const [first] = versions;
  if (first === undefined) return;
  const { network, sender, sequence } = first;
  // Another worker may have ended the sequence, and this one signed a replacement too late to be ended with it.
  if (await isTakenByOwn(database, { network, sender, sequence, takenBy })) {
    await database.transaction(async (tx) => {
      await endReplaced(tx, { network, sender, sequence, at: clock.now() });
    });
    return;
  }
  const stranger = takenBy === null ? 'a transaction' : `transaction ${takenBy}`;
  const found = `Knit did not make ${stranger}, which took sequence ${sequence} of ${sender}: its key was used elsewhere`;
  // The key of a gas account moves no tokens.
  const isTreasury = sender === driver.treasury;
  const reason = isTreasury
    ? `${found}; nothing is signed until "knit lane adopt" and "knit network resume" are run`
    : `${found}; nothing is signed on it until "knit lane adopt" is run`;
  log.error({ sender, alarm: true }, reason);
  const at = clock.now();
  await database.transaction(async (tx) => {
    await endReplaced(tx, { network, sender, sequence, at });
    await stopLane(tx, { network, sender, reason, at });
    if (isTreasury) await stopNetwork(tx, { network, reason, at });
  });
}

async function noteBlocks(
  settlement: Settlement,
  versions: readonly RecordedTransaction[],
): Promise<void> {
  const { database, driver, clock, pace } = settlement;
  const isFresh = ({ isInBlock, updatedAt }: RecordedTransaction): boolean =>
    isInBlock &&
    updatedAt <= clock.now() &&
    later(updatedAt, pace.checkIncludedEveryMs) > clock.now();
  if (versions.some(isFresh)) return;
  for (const transaction of versions) {
    const seen = await driver.track(transaction);
    if (seen.kind !== 'included') continue;
    await noteBlock(database, transaction, { block: seen.block, at: clock.now() });
    return;
  }
}

/**
 * In no block. A block that was noted is gone by a reorganisation. The identical bytes are sent again,
 * but not those whose attempt has ended: they hold a place in the lane that nothing may fill but nothing.
 */
async function send(
  settlement: Settlement,
  versions: readonly RecordedTransaction[],
  place: { readonly isHead: boolean },
): Promise<void> {
  const { database, clock, pace } = settlement;
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
    newest.broadcastCount > 0 &&
    isGone.length === 0 &&
    isDueAfter(newest.createdAt, replaceAfterMs);
  if (!isSendDue && !isReplaceDue) return;
  const isWanted = await isStillWanted(database, newest);
  if (!isWanted && !place.isHead) return;
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
  const { driver, log } = settlement;
  const done = await withLane(settlement, old.sender, async (lane) => {
    let signed: SignedTransaction;
    try {
      signed = await driver.replace(old, by);
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
    signed: SignedTransaction;
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

import { AssertionFailure } from '../base/assert.ts';
import { later } from '../base/clock.ts';
import type { SequenceCounts } from '../networks/network.ts';
import { carryAdrift } from './carry-adrift.ts';
import { isTakenByOwn } from './internal/taken-sequence.ts';
import {
  endReplaced,
  finishTransaction,
  listOpenTransactions,
  noteBlock,
  type RecordedTransaction,
} from './internal/transaction-store.ts';
import { stopLane } from './lanes.ts';
import { stopNetwork } from './network-state.ts';
import { sendAgain } from './send-again.ts';
import type { Settlement } from './settlement.ts';
import { tendAlone } from './tend-alone.ts';

/**
 * Keeps every lane moving: transactions that took their sequence for good are ended, those in no block are
 * sent again as they are, the first of a lane that waits too long is signed again at a higher fee, and an
 * attempt whose carriers all failed gets another one. Decides nothing about a payout.
 */
export async function tendLanes(settlement: Settlement): Promise<void> {
  const { driver, log } = settlement;
  if (driver.lanes === 'independent') {
    await tendAlone(settlement);
    return;
  }
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
      else await sendAgain(settlement, versions, { isHead });
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

import { AssertionFailure } from '../base/assert.ts';
import { freeCoins } from './internal/coin-store.ts';
import { isTakenByOwn } from './internal/taken-sequence.ts';
import {
  endReplaced,
  finishTransaction,
  listOpenTransactions,
  listWaitingAttempts,
  noteBlock,
  type RecordedTransaction,
} from './internal/transaction-store.ts';
import { stopNetwork } from './network-state.ts';
import { sendAgain } from './send-again.ts';
import type { Settlement } from './settlement.ts';

/**
 * Where each transaction stands alone: sends those again that no block holds, signs again at a higher fee
 * what can be replaced, and ends chores. What carries an attempt ends with it, in `confirm-payouts.ts`.
 */
export async function tendAlone(settlement: Settlement): Promise<void> {
  const { database, driver, log } = settlement;
  const { network, treasury: sender } = driver;
  const open = await listOpenTransactions(database, { network, sender });
  const waiting = await listWaitingAttempts(database, network);
  for (const versions of Map.groupBy(open, ({ sequence }) => sequence).values()) {
    const [first] = versions;
    if (first === undefined) continue;
    try {
      if (first.attemptId === null) await tendChore(settlement, versions);
      else if (waiting.has(first.attemptId)) {
        await sendAgain(settlement, versions, { isHead: true });
      }
    } catch (error) {
      // What goes wrong with one of them holds up none of the others.
      const alarm = error instanceof AssertionFailure ? { alarm: true } : {};
      const fields = { err: error, transactionHash: first.transactionHash, ...alarm };
      log.error(fields, 'a transaction could not be tended');
    }
  }
}

async function tendChore(
  settlement: Settlement,
  versions: readonly RecordedTransaction[],
): Promise<void> {
  const { database, driver, clock } = settlement;
  let takenBy: string | null = null;
  let isOver = true;
  for (const version of versions) {
    const seen = await driver.track(version);
    const at = clock.now();
    if (seen.kind === 'final') {
      await database.transaction(async (tx) => {
        if (!(await finishTransaction(tx, version, { ...seen, at }))) return;
        await endReplaced(tx, { ...version, at });
        await freeCoins(tx, version);
      });
      return;
    }
    if (seen.kind === 'included') {
      await noteBlock(database, version, { block: seen.block, at });
      return;
    }
    if (seen.kind === 'replaced') takenBy = seen.takenBy ?? takenBy;
    else isOver = false;
    // Nobody knows yet: neither an end nor a reason to send it again.
    if (seen.kind === 'unknown') return;
  }
  if (isOver) await endInVain(settlement, versions, takenBy);
  else await sendAgain(settlement, versions, { isHead: true });
}

/** It can take no effect any more: its time is over, or something else spent what it would have spent. */
async function endInVain(
  { database, driver, clock, log }: Settlement,
  versions: readonly RecordedTransaction[],
  takenBy: string | null,
): Promise<void> {
  const [first] = versions;
  if (first === undefined) return;
  const { network } = driver;
  const isOwn = takenBy === null || (await isTakenByOwn(database, { ...first, takenBy }));
  const reason = `Knit did not make transaction ${takenBy}, which spent the coins of ${first.transactionHash}: the treasury's key was used elsewhere; nothing is signed until "knit network resume" is run`;
  const at = clock.now();
  await database.transaction(async (tx) => {
    await endReplaced(tx, { ...first, at });
    await freeCoins(tx, first);
    if (!isOwn) await stopNetwork(tx, { network, reason, at });
  });
  if (!isOwn) log.error({ alarm: true }, reason);
}

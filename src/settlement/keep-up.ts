import { CommitUnknown } from '../database/sql-failure.ts';
import { SigningPostponed, type Chore, type NewTransaction } from '../networks/network.ts';
import { broadcastTransaction } from './broadcast-transaction.ts';
import { listTakenCoins } from './internal/coin-store.ts';
import {
  insertTransaction,
  listOpenTransactions,
  type RecordedTransaction,
} from './internal/transaction-store.ts';
import { findLane, setSequenceBack, takeSequence, type HeldLane, type Lane } from './lanes.ts';
import { isSigningAllowed, stopNetwork, takeNumber } from './network-state.ts';
import type { Settlement } from './settlement.ts';
import { StaleClaim } from './stale-claim.ts';
import { isOwnAlone, withLane } from './with-lane.ts';

/**
 * Keeps the payer able to pay: its code is on chain, its account is delegated to it, its gas accounts have
 * coins. One transaction of the payer's own account at a time, recorded before it is sent. Raises what a
 * person should know about. Gives how many chores there were.
 */
export async function keepUp(settlement: Settlement): Promise<number> {
  const { database, driver, log } = settlement;
  const taken = await listTakenCoins(database, driver.network);
  const { chores, alarms } = await driver.upkeep({ taken });
  for (const alarm of alarms) log.error({ alarm: true }, alarm);
  if (driver.lanes === 'ordered') await stopAtStrangeSequence(settlement);
  for (const chore of chores) {
    // What is sent to an account whose key somebody else has is theirs.
    if (chore.fills !== null && !(await isOwnAlone(settlement, chore.fills))) continue;
    await doChore(settlement, chore);
    break;
  }
  return chores.length;
}

/**
 * Looked at in every round, whether or not there is a chore: the payer's key moves coins and gives
 * allowances, and none of that is a transfer that reconciling would see.
 */
async function stopAtStrangeSequence(settlement: Settlement): Promise<void> {
  const { database, driver } = settlement;
  // The chain first: what Knit makes meanwhile only raises its own count.
  const { final } = await driver.sequences(driver.treasury);
  const lane = await findLane(database, driver.network, driver.treasury);
  if (lane !== undefined && final > lane.nextSequence) await stopFor(settlement, lane, final);
}

async function doChore(settlement: Settlement, chore: Chore): Promise<void> {
  const { database, driver, log } = settlement;
  const place = { network: driver.network, sender: driver.treasury };
  await withLane(settlement, driver.treasury, async (held) => {
    const open = await listOpenTransactions(database, place);
    // Where the treasury sends by itself, what carries an attempt is no chore.
    if (open.some(({ attemptId }) => attemptId === null)) return;
    const ready = await findPlace(settlement, held);
    if (ready === undefined) return;
    const { lane, sequence } = ready;
    let signed: NewTransaction;
    try {
      signed = await driver.signChore(chore, { sender: lane.sender, sequence });
    } catch (error) {
      if (!(error instanceof SigningPostponed)) throw error;
      log.warn({ purpose: chore.purpose }, `waits: ${error.message}`);
      return;
    }
    const recorded = await record(settlement, { chore, lane, signed });
    if (recorded === undefined) return;
    log.info({ transactionHash: signed.transactionHash, purpose: chore.purpose }, chore.what);
    await broadcastTransaction(settlement, recorded);
  });
}

/** Where the chore's transaction goes; undefined where none is to be signed now. */
async function findPlace(
  settlement: Settlement,
  held: HeldLane,
): Promise<{ lane: HeldLane; sequence: bigint } | undefined> {
  const { database, driver, clock } = settlement;
  if (driver.lanes === 'ordered') {
    const lane = await alignLane(settlement, held);
    return lane && { lane, sequence: lane.nextSequence };
  }
  const sequence = await takeNumber(database, driver.network, clock.now());
  return sequence === undefined ? undefined : { lane: held, sequence };
}

/**
 * Nothing of the payer's own lane is open, so the chain's count is the lane's. A higher one means that
 * someone else uses the payer's key: nothing is signed on the network any more. A lower one is what a
 * delegation leaves that did not take effect. Undefined where no chore is to be done now.
 */
async function alignLane(settlement: Settlement, lane: HeldLane): Promise<HeldLane | undefined> {
  const { database, driver, clock } = settlement;
  const { latest, final } = await driver.sequences(lane.sender);
  if (latest !== final) return undefined;
  if (final === lane.nextSequence) return lane;
  if (final > lane.nextSequence) {
    await stopFor(settlement, lane, final);
    return undefined;
  }
  const isBack = await setSequenceBack(database, lane, { sequence: final, at: clock.now() });
  return isBack ? { ...lane, nextSequence: final } : undefined;
}

/** Someone else uses the payer's key. */
async function stopFor(
  { database, clock, log }: Settlement,
  lane: Pick<Lane, 'network' | 'sender' | 'nextSequence'>,
  final: bigint,
): Promise<void> {
  const { network, sender, nextSequence } = lane;
  const reason = `the chain counts ${final} transactions of the treasury ${sender}, Knit has made ${nextSequence}: its key was used elsewhere; nothing is signed until "knit lane adopt" and "knit network resume" are run`;
  const isFirst = await stopNetwork(database, { network, reason, at: clock.now() });
  if (isFirst) log.error({ alarm: true }, reason);
}

async function record(
  settlement: Settlement,
  work: { chore: Chore; lane: HeldLane; signed: NewTransaction },
): Promise<RecordedTransaction | undefined> {
  const { database, clock, log } = settlement;
  const { chore, lane, signed } = work;
  const { network } = lane;
  const at = clock.now();
  const { purpose } = chore;
  try {
    return await database.transaction(async (tx) => {
      if (!(await takeSequence(tx, lane, { count: chore.takes, at }))) {
        throw new StaleClaim('the lane has passed on');
      }
      if (!(await isSigningAllowed(tx, network))) throw new StaleClaim('signing has stopped');
      return await insertTransaction(tx, { network, signed, purpose, attemptId: null, at });
    });
  } catch (error) {
    if (!(error instanceof StaleClaim) && !(error instanceof CommitUnknown)) throw error;
    log.warn({ err: error, purpose }, 'a chore was not recorded for certain');
    return undefined;
  }
}

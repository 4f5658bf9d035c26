import { assert } from '../base/assert.ts';
import { later } from '../base/clock.ts';
import type { Tx } from '../database/database.ts';
import type { NetworkDriver, NetworkReader, Sighting } from '../networks/network.ts';
import { broadcastAttempt } from './broadcast-attempt.ts';
import {
  claimDueAttempts,
  endAttempt,
  isRecorded,
  listLiveSiblings,
  noteSighting,
  setFate,
  type RecordedAttempt,
} from './internal/attempt-store.ts';
import { endInFlight, lockFlight, requeue } from './internal/order-store.ts';
import { stopLane } from './lanes.ts';
import { toTransferOrder } from './order.ts';
import type { Settlement } from './settlement.ts';

/** What following needs. Without `sender` nothing is sent again: a process without keys may follow. */
export type Follower = Pick<
  Settlement,
  'database' | 'assetOf' | 'clock' | 'log' | 'pace' | 'reach'
> & {
  readonly reader: NetworkReader;
  readonly sender: Pick<NetworkDriver, 'broadcast'> | undefined;
};

/** Looks at every open attempt that is due. Gives how many it looked at. */
export async function confirmPayouts(settlement: Settlement): Promise<number> {
  const { database, driver, clock, pace } = settlement;
  const attempts = await claimDueAttempts(database, {
    network: driver.network,
    limit: settlement.roundSize,
    leaseMs: pace.leaseMs,
    now: clock.now(),
  });
  const follower: Follower = { ...settlement, reader: driver, sender: driver };
  await Promise.all(attempts.map(async (attempt) => await followSafely(follower, attempt)));
  return attempts.length;
}

async function followSafely(follower: Follower, attempt: RecordedAttempt): Promise<void> {
  try {
    await followAttempt(follower, attempt);
  } catch (error) {
    const fields = { err: error, attemptId: attempt.attemptId };
    follower.log.error(fields, 'an attempt could not be followed');
  }
}

/** Asks the chain once and records what is proven. Anything unproven leaves the payout as it is. */
export async function followAttempt(follower: Follower, attempt: RecordedAttempt): Promise<void> {
  const sighting = await follower.reader.status({
    fence: attempt.fence,
    sender: attempt.sender,
    sequence: attempt.sequence,
    transactionHash: attempt.transactionHash,
    rawTransaction: attempt.rawTransaction,
    orders: attempt.orders.map((order) =>
      toTransferOrder({ ...order, network: attempt.network }, follower.assetOf),
    ),
  });
  switch (sighting.kind) {
    case 'final':
      await follower.reach('seen-final');
      await settle(follower, attempt, sighting);
      await follower.reach('settled');
      return;
    case 'dead':
      await bury(follower, attempt, sighting);
      return;
    case 'included':
      await note(follower, attempt, { sighting: 'included', block: sighting.block });
      return;
    case 'waiting':
      // One node may know it and tell no other; the same bytes do no harm.
      await note(follower, attempt, { sighting: 'waiting', block: null });
      await sendAgain(follower, attempt);
      return;
    case 'unseen':
      await note(follower, attempt, { sighting: 'unseen', block: null });
      await sendAgain(follower, attempt);
      return;
    case 'unknown':
      tellOfDoubt(follower, attempt, sighting);
      await note(follower, attempt, {
        sighting: `unknown: ${sighting.reason}`,
        block: 'unchanged',
      });
      return;
  }
}

function tellOfDoubt(
  follower: Follower,
  attempt: RecordedAttempt,
  doubt: Extract<Sighting, { kind: 'unknown' }>,
): void {
  const { transactionHash } = attempt;
  const words = `the chain's answer proves nothing: ${doubt.reason}`;
  if (doubt.needsPerson === true) follower.log.error({ transactionHash, alarm: true }, words);
  else follower.log.warn({ transactionHash }, words);
}

type Final = Extract<Sighting, { kind: 'final' }>;
type Dead = Extract<Sighting, { kind: 'dead' }>;

/**
 * One transaction: the attempt has landed, each of its payouts has its fate, its siblings are dead, and
 * what only they would have paid goes back to the queue.
 */
async function settle(follower: Follower, attempt: RecordedAttempt, final: Final): Promise<void> {
  const { database, clock } = follower;
  assert(final.fates.length === attempt.orders.length, 'each payout of an attempt has a fate');
  const payoutIds = attempt.orders.map((order) => order.payoutId);
  const block = { blockNumber: final.block.number.toString(), blockHash: final.block.hash };
  await database.transaction(async (tx) => {
    const at = clock.now();
    const flight = await lockFlight(tx, attempt);
    const isFirst = await endAttempt(tx, attempt, {
      state: 'LANDED',
      sighting: 'final',
      proof: { transactionHash: attempt.transactionHash, ...block },
      block: final.block,
      feeUnits: final.feeUnits,
      at,
    });
    if (!isFirst) return;
    for (const fate of final.fates) {
      assert(payoutIds.includes(fate.payoutId), 'a fate is of one of the payouts');
      await settleOne(tx, attempt, { fate, at });
    }
    await burySiblings(tx, attempt, at);
    const left = flight.filter((payoutId) => !payoutIds.includes(payoutId));
    await requeueAll(tx, attempt, { payoutIds: left, at });
  });
}

async function settleOne(
  tx: Tx,
  attempt: RecordedAttempt,
  verdict: { fate: Final['fates'][number]; at: Date },
): Promise<void> {
  const { fate, at } = verdict;
  const reason = fate.kind === 'refused' ? fate.reason : null;
  const state = fate.kind === 'paid' ? 'PAID' : 'REFUSED';
  const { network, attemptId, fence, transactionHash } = attempt;
  const { payoutId, proof } = fate;
  const changed = await setFate(tx, { network, attemptId, payoutId, fate: state, reason, proof });
  assert(changed === 1, `payout ${payoutId} was open in its attempt`);
  const info = reason;
  const ended = await endInFlight(tx, {
    network,
    payoutId,
    fence,
    state,
    transactionHash,
    info,
    proof,
    at,
  });
  assert(ended, `payout ${payoutId} was in flight under ${fence}`);
}

/** Of the attempts with one fence one has landed: the others never can. */
async function burySiblings(tx: Tx, attempt: RecordedAttempt, at: Date): Promise<void> {
  const { network } = attempt;
  for (const sibling of await listLiveSiblings(tx, attempt)) {
    assert(sibling.state === 'OPEN', `one attempt under ${attempt.fence} has landed`);
    const proof = { landedUnderTheSameFence: attempt.transactionHash };
    const { attemptId } = sibling;
    const sighting = 'another attempt landed';
    const end = { state: 'DEAD', sighting, proof, block: null, feeUnits: null, at } as const;
    await endAttempt(tx, { network, attemptId }, end);
    const fate = { fate: 'DEAD', reason: sighting, proof, payoutId: null } as const;
    await setFate(tx, { network, attemptId, ...fate });
  }
}

/**
 * Proven dead. Its payouts go back to the queue once nothing under its fence is alive. Where the fence
 * was taken by a transaction that is not recorded, someone else uses the key, and may have paid one of
 * these payouts by hand: nothing is signed on the lane until a person has looked.
 */
async function bury(follower: Follower, attempt: RecordedAttempt, dead: Dead): Promise<void> {
  const { database, clock, log } = follower;
  const { network, attemptId, fence } = attempt;
  const payoutIds = attempt.orders.map((order) => order.payoutId);
  const stranger = await database.transaction(async (tx) => {
    const at = clock.now();
    const flight = await lockFlight(tx, attempt);
    const { reason, proof } = dead;
    const end = {
      state: 'DEAD',
      sighting: reason,
      proof,
      block: null,
      feeUnits: null,
      at,
    } as const;
    if (!(await endAttempt(tx, attempt, end))) return null;
    await setFate(tx, { network, attemptId, payoutId: null, fate: 'DEAD', reason, proof });
    if ((await listLiveSiblings(tx, attempt)).length === 0) {
      const isWhole = payoutIds.every((payoutId) => flight.includes(payoutId));
      assert(isWhole, `the payouts of ${attemptId} were in flight under ${fence}`);
      await requeueAll(tx, attempt, { payoutIds: flight, at });
    }
    return await stopAtStranger(tx, attempt, { takenBy: dead.takenBy, at });
  });
  const fields = { transactionHash: attempt.transactionHash };
  if (stranger !== null) log.error({ ...fields, alarm: true }, stranger);
  log.warn(fields, `an attempt is dead: ${dead.reason}`);
}

/** Nothing under the attempt's fence can pay these any more. */
async function requeueAll(
  tx: Tx,
  attempt: RecordedAttempt,
  what: { payoutIds: readonly string[]; at: Date },
): Promise<void> {
  const { network, fence } = attempt;
  for (const payoutId of what.payoutIds) {
    const isBack = await requeue(tx, { network, payoutId, fence, at: what.at });
    assert(isBack, `payout ${payoutId} was in flight under ${fence}`);
  }
}

/** The reason for which the lane was stopped; null where the fence was taken by an attempt of ours. */
async function stopAtStranger(
  tx: Tx,
  attempt: RecordedAttempt,
  found: { takenBy: string | null; at: Date },
): Promise<string | null> {
  const { network, sender, fence } = attempt;
  const { takenBy, at } = found;
  if (takenBy === null || (await isRecorded(tx, network, takenBy))) return null;
  const reason = `Knit did not make transaction ${takenBy}, which took ${fence}: the key was used elsewhere; signing has stopped until "knit lane adopt" is run`;
  await stopLane(tx, { network, sender, reason, at });
  return reason;
}

async function sendAgain(follower: Follower, attempt: RecordedAttempt): Promise<void> {
  const { clock, pace, sender } = follower;
  const since = attempt.lastBroadcastAt;
  const now = clock.now();
  // A time to come is from a clock that ran ahead.
  const isDue = since === null || since > now || later(since, pace.rebroadcastAfterMs) <= now;
  if (sender === undefined || !isDue) return;
  await broadcastAttempt(follower, sender, attempt);
}

async function note(
  follower: Follower,
  attempt: RecordedAttempt,
  seen: Pick<Parameters<typeof noteSighting>[2], 'sighting' | 'block'>,
): Promise<void> {
  const at = follower.clock.now();
  // Whoever only asks leaves the time of the next look alone: asked often enough, it would never come,
  // and nobody would send again.
  const nextCheckAt = follower.sender === undefined ? null : later(at, follower.pace.checkEveryMs);
  await noteSighting(follower.database, attempt, { ...seen, nextCheckAt, at });
}

import { assert } from '../base/assert.ts';
import { later } from '../base/clock.ts';
import type { Tx } from '../database/database.ts';
import type { AttemptToFollow, ItemFate, NetworkReader, Sighting } from '../networks/network.ts';
import {
  claimDueAttempts,
  endAttempt,
  noteSighting,
  setFates,
  type ItemEnd,
  type RecordedAttempt,
} from './internal/attempt-store.ts';
import { endInFlight, lockFlight, requeue, type ProvenEnd } from './internal/order-store.ts';
import { endCarriers, isOwnTransaction } from './internal/transaction-store.ts';
import { findWatchedBlocks } from './internal/watched-blocks.ts';
import { createMemory, type Memory } from './memory.ts';
import { stopNetwork } from './network-state.ts';
import { toTransferOrder, type AssetOf } from './order.ts';
import type { Settlement } from './settlement.ts';
import { shareOut } from './share-out.ts';
import { tracedStep } from './traced-step.ts';

/** What following needs: no key, and nothing that sends. */
export type Follower = Pick<
  Settlement,
  'database' | 'assetOf' | 'clock' | 'log' | 'metrics' | 'pace' | 'reach'
> & {
  readonly reader: NetworkReader;
  /** False for whoever only asks, beside the worker. */
  readonly isWorker: boolean;
};

/** Looks at every open attempt that is due. Gives how many it looked at. */
export async function confirmPayouts(
  settlement: Settlement,
  memory: Pick<Memory, 'noteSeen'> = createMemory(),
): Promise<number> {
  const { database, driver, clock, pace } = settlement;
  const attempts = await claimDueAttempts(database, {
    network: driver.network,
    limit: settlement.roundSize,
    leaseMs: pace.leaseMs,
    longestMs: Math.max(pace.leaseMs, pace.checkIncludedEveryMs),
    now: clock.now(),
  });
  memory.noteSeen(attempts.map(({ attemptId }) => attemptId));
  const follower: Follower = { ...settlement, reader: driver, isWorker: true };
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

/** The attempt as the driver is asked about it. */
export function toFollow(attempt: RecordedAttempt, assetOf: AssetOf): AttemptToFollow {
  const { network, orders } = attempt;
  return {
    fence: attempt.fence,
    payer: attempt.payer,
    authority: attempt.authority,
    authorityHash: attempt.authorityHash,
    validUntil: attempt.validUntil,
    validUntilBlock: attempt.validUntilBlock,
    sinceBlock: attempt.sinceBlock,
    orders: orders.map((order) => toTransferOrder({ ...order, network }, assetOf)),
    transactionHashes: attempt.transactionHashes,
  };
}

/** Asks the chain once and records what is proven. Anything unproven leaves the payouts as they are. */
export async function followAttempt(follower: Follower, attempt: RecordedAttempt): Promise<void> {
  const { checkEveryMs, checkIncludedEveryMs } = follower.pace;
  const sighting = await follower.reader.status(toFollow(attempt, follower.assetOf));
  switch (sighting.kind) {
    case 'final':
      await follower.reach('seen-final');
      await tracedStep('settlement settle', attempt.orders, async () => {
        await settle(follower, attempt, sighting);
      });
      await follower.reach('settled');
      return;
    case 'dead':
      await bury(follower, attempt, sighting);
      return;
    case 'included': {
      const { block } = sighting;
      const wait = { ms: checkIncludedEveryMs };
      await note(follower, attempt, { sighting: 'included', block, wait });
      return;
    }
    case 'waiting':
    case 'unseen': {
      const wait = { ms: checkEveryMs };
      await note(follower, attempt, { sighting: sighting.kind, block: null, wait });
      return;
    }
    case 'unknown': {
      tellOfDoubt(follower, attempt, sighting);
      const words = `unknown: ${sighting.reason}`;
      const wait = { ms: checkEveryMs };
      await note(follower, attempt, { sighting: words, block: 'unchanged', wait });
      return;
    }
  }
}

function tellOfDoubt(
  follower: Follower,
  attempt: RecordedAttempt,
  doubt: Extract<Sighting, { kind: 'unknown' }>,
): void {
  const { fence } = attempt;
  const words = `the chain's answer proves nothing: ${doubt.reason}`;
  if (doubt.needsPerson === true) follower.log.error({ fence, alarm: true }, words);
  else follower.log.warn({ fence }, words);
}

type Final = Extract<Sighting, { kind: 'final' }>;
type Dead = Extract<Sighting, { kind: 'dead' }>;

/**
 * One transaction: the attempt has landed and each of its payouts has its fate. Those that the attempt
 * could not pay through no doing of their recipients go back to the queue: its fence is spent.
 */
async function settle(follower: Follower, attempt: RecordedAttempt, final: Final): Promise<void> {
  const { database, clock, pace } = follower;
  const payoutIds = attempt.orders.map((order) => order.payoutId);
  assertFatesOf(payoutIds, final.fates);
  const { network, fence } = attempt;
  const { transactionHash, block, feeUnits, fates } = final;
  const proof = { transactionHash, blockNumber: block.number.toString(), blockHash: block.hash };
  const landed = { transactionHash, block, feeUnits };
  const isEnded = await database.transaction(async (tx) => {
    const at = clock.now();
    if (await isChainDenied(tx, network)) return false;
    const flight = await lockFlight(tx, attempt);
    const end = { state: 'LANDED', sighting: 'final', proof, landed, at } as const;
    if (!(await endAttempt(tx, attempt, end))) return false;
    if (follower.reader.lanes === 'independent') {
      const succeeded = fates.some(({ kind }) => kind === 'paid');
      await endCarriers(tx, attempt, { landed: { ...landed, succeeded }, at });
    }
    assertSame(flight, payoutIds, fence);
    const changed = await setFates(tx, attempt, itemEndsOf(fates, feeUnits));
    assert(changed === payoutIds.length, `the payouts of ${fence} were open in their attempt`);
    const ends = fates.flatMap(provenEndOf);
    const ended = await endInFlight(tx, { network, fence, transactionHash, at }, ends);
    assert(ended === ends.length, `the payouts of ${fence} were in its flight`);
    const undone = fates.filter(({ kind }) => kind === 'undone').map((fate) => fate.payoutId);
    await requeueAll(tx, attempt, { payoutIds: undone, availableAt: later(at, pace.waitMs), at });
    return true;
  });
  if (isEnded) tellOfSettled(follower, attempt, final);
}

function tellOfSettled(follower: Follower, attempt: RecordedAttempt, final: Final): void {
  const { clock, log, metrics } = follower;
  const { attemptId, createdAt, orders } = attempt;
  const { transactionHash, fates } = final;
  metrics.noteLanded(clock.now().getTime() - createdAt.getTime());
  const traceOf = new Map(orders.map(({ payoutId, traceId }) => [payoutId, traceId]));
  for (const { payoutId, kind: fate } of fates) {
    metrics.notePayouts(fate, 1);
    const traceId = traceOf.get(payoutId) ?? null;
    log.info({ payoutId, traceId, attemptId, transactionHash, fate }, 'a payout was settled');
  }
}

/** The chain has taken back what was final: its word ends nothing until a person has looked. */
async function isChainDenied(tx: Tx, network: RecordedAttempt['network']): Promise<boolean> {
  return ((await findWatchedBlocks(tx, network))?.denied ?? null) !== null;
}

function assertFatesOf(payoutIds: readonly string[], fates: readonly ItemFate[]): void {
  const known = new Set(payoutIds);
  const told = new Set(fates.map(({ payoutId }) => payoutId));
  const isEach = fates.length === payoutIds.length && told.size === fates.length;
  assert(
    isEach && fates.every(({ payoutId }) => known.has(payoutId)),
    'each payout of an attempt has one fate',
  );
}

function assertSame(flight: readonly string[], payoutIds: readonly string[], fence: string): void {
  const inFlight = new Set(flight);
  const isSame =
    flight.length === payoutIds.length && payoutIds.every((payoutId) => inFlight.has(payoutId));
  assert(isSame, `the payouts of ${fence} were all in its flight, and no others`);
}

function itemEndsOf(fates: readonly ItemFate[], feeUnits: bigint): ItemEnd[] {
  const own = fates.map((fate) => (fate.kind === 'paid' ? (fate.ownFeeUnits ?? 0n) : 0n));
  const shared = own.reduce((left, units) => left - units, feeUnits);
  assert(shared >= 0n, 'what single payouts have cost is part of the whole');
  const shares = shareOut(shared, fates.length);
  return fates.map((fate, index) => ({
    payoutId: fate.payoutId,
    fate: fate.kind === 'paid' ? 'PAID' : fate.kind === 'refused' ? 'REFUSED' : 'DEAD',
    reason: fate.kind === 'paid' ? null : fate.reason,
    proof: fate.proof,
    feeUnits: (shares[index] ?? 0n) + (own[index] ?? 0n),
  }));
}

function provenEndOf(fate: ItemFate): ProvenEnd[] {
  const { payoutId, proof } = fate;
  switch (fate.kind) {
    case 'paid':
      return [{ payoutId, state: 'PAID', info: null, proof }];
    case 'refused':
      return [{ payoutId, state: 'REFUSED', info: fate.reason, proof }];
    case 'undone':
      return [];
  }
}

/**
 * Proven dead: nothing that was signed for its payouts can take effect any more, and they go back to the
 * queue. Where its fence was spent by something that Knit did not make, someone else has the payer's key,
 * and may have paid one of these payouts by hand: nothing is signed on the network until a person has
 * looked.
 */
async function bury(follower: Follower, attempt: RecordedAttempt, dead: Dead): Promise<void> {
  const { database, clock, log, metrics } = follower;
  const { network, fence } = attempt;
  const { reason, proof, takenBy } = dead;
  const payoutIds = attempt.orders.map((order) => order.payoutId);
  let isEnded = false;
  const stranger = await database.transaction(async (tx) => {
    isEnded = false;
    const at = clock.now();
    if (await isChainDenied(tx, network)) return null;
    const flight = await lockFlight(tx, attempt);
    const end = { state: 'DEAD', sighting: reason, proof, landed: null, at } as const;
    if (!(await endAttempt(tx, attempt, end))) return null;
    isEnded = true;
    if (follower.reader.lanes === 'independent') {
      await endCarriers(tx, attempt, { landed: null, at });
    }
    assertSame(flight, payoutIds, fence);
    const ends = payoutIds.map(
      (payoutId) => ({ payoutId, fate: 'DEAD', reason, proof, feeUnits: null }) as const,
    );
    const changed = await setFates(tx, attempt, ends);
    assert(changed === payoutIds.length, `the payouts of ${fence} were open in their attempt`);
    await requeueAll(tx, attempt, { payoutIds, availableAt: at, at });
    if (takenBy === null || (await isOwnTransaction(tx, network, takenBy))) return null;
    const words = `Knit did not make transaction ${takenBy}, which spent ${fence}: the treasury's key was used elsewhere; nothing is signed until "knit network resume" is run`;
    await stopNetwork(tx, { network, reason: words, at });
    return words;
  });
  if (isEnded) {
    metrics.noteDead();
    metrics.notePayouts('undone', payoutIds.length);
  }
  if (stranger !== null) log.error({ fence, alarm: true }, stranger);
  log.warn({ fence }, `the chain says that an attempt is dead: ${reason}`);
}

/** The attempt's fence can pay these no more. */
async function requeueAll(
  tx: Tx,
  attempt: RecordedAttempt,
  what: { payoutIds: readonly string[]; availableAt: Date; at: Date },
): Promise<void> {
  if (what.payoutIds.length === 0) return;
  const { network, fence } = attempt;
  const { availableAt, at } = what;
  const back = await requeue(tx, { network, fence, availableAt, at }, what.payoutIds);
  assert(back === what.payoutIds.length, `the payouts of ${fence} were in its flight`);
}

async function note(
  follower: Follower,
  attempt: RecordedAttempt,
  seen: Pick<Parameters<typeof noteSighting>[2], 'sighting' | 'block'> & { wait: { ms: number } },
): Promise<void> {
  const { sighting, block, wait } = seen;
  const at = follower.clock.now();
  // Whoever only asks leaves the time of the next look alone: asked often enough, it would never come.
  const nextCheckAt = follower.isWorker ? later(at, wait.ms) : null;
  await noteSighting(follower.database, attempt, { sighting, block, nextCheckAt, at });
}

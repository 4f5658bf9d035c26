import { later } from '../base/clock.ts';
import { TOKENS } from '../money/asset.ts';
import { deepReorgBlocks } from './deep-reorg.ts';
import { findLane } from './lanes.ts';
import { findNetworkState } from './network-state.ts';
import { reconcile } from './reconcile.ts';
import { findReconciliations } from './reconciliation.ts';
import type { Settlement } from './settlement.ts';
import { watchChain } from './watch-chain.ts';

/**
 * A step that tells whether everything that has left the treasury is explained by what is recorded. Until
 * it is, a worker that has just started signs nothing: the database may be an older one than the chain has
 * seen (a restored backup), and what it calls open may have been paid.
 */
export function createCatchUp(settlement: Settlement, begun: Begun): () => Promise<boolean> {
  const isShown =
    settlement.driver.lanes === 'ordered'
      ? createCounting(settlement)
      : createWaiting(settlement, begun);
  return async () => (await isShown()) && (await isReconciled(settlement));
}

export interface Begun {
  /** The network was unknown to the database before this worker opened it. */
  readonly isNew: boolean;
}

/** Whether the chain shows, in final blocks, all that was ever signed. */
type IsShown = () => Promise<boolean>;

function createCounting(settlement: Settlement): IsShown {
  let awaited: ReadonlyMap<string, bigint> | undefined;
  return async () => {
    awaited ??= await findUnrecorded(settlement);
    return await areFinal(settlement, awaited);
  };
}

/**
 * Nothing counts what was signed, but it expires: whatever this worker's database may have lost is in a final
 * block, or never will be, once a block is final that is later than its last moment. How old the database is
 * does not show: a failover can lose just the last second. Only a network that was not in it before has nothing
 * to lose.
 */
function createWaiting({ driver, clock }: Settlement, { isNew }: Begun): IsShown {
  const { validForMs } = driver.limits;
  let since = clock.now();
  let firstFinalTime: Date | undefined;
  let isOver = validForMs === null || isNew;
  return async () => {
    if (isOver) return true;
    const now = clock.now();
    // A clock that ran ahead must not make the wait endless once it is right.
    if (now < since) since = now;
    const { finalTime } = await driver.head();
    // A clock that is behind must not end the wait before it has begun: the chain's time is at least this.
    firstFinalTime ??= finalTime;
    const begun = since > firstFinalTime ? since : firstFinalTime;
    isOver = finalTime > later(begun, validForMs ?? 0);
    return isOver;
  };
}

/**
 * What the chain counts of each lane that is ahead of its record. Such a transaction may have paid what is
 * called queued here, and shows as a count before its block is final and its transfers are reconciled.
 */
async function findUnrecorded({
  database,
  driver,
}: Settlement): Promise<ReadonlyMap<string, bigint>> {
  const ahead = new Map<string, bigint>();
  for (const sender of [driver.treasury, ...driver.gasAccounts]) {
    const { latest } = await driver.sequences(sender);
    const lane = await findLane(database, driver.network, sender);
    if (lane !== undefined && latest > lane.nextSequence) ahead.set(sender, latest);
  }
  return ahead;
}

/** Only what was there at the start: whoever has a gas account's key could keep a worker waiting for ever. */
async function areFinal(
  { driver }: Settlement,
  awaited: ReadonlyMap<string, bigint>,
): Promise<boolean> {
  for (const [sender, count] of awaited) {
    const { latest, final } = await driver.sequences(sender);
    // Taken back by a reorganisation, it is not there to be awaited.
    if (final < count && final < latest) return false;
  }
  return true;
}

/** Up to the chain's final block. */
async function isReconciled(settlement: Settlement): Promise<boolean> {
  const { database, driver, assetOf } = settlement;
  const { network } = driver;
  await watchChain(settlement, deepReorgBlocks(network));
  const final = (await findNetworkState(database, network))?.final ?? null;
  if (final === null) return false;
  await reconcile(settlement);
  const rows = await findReconciliations(database, network);
  const wanted = TOKENS.filter((token) => assetOf(network, token) !== undefined);
  return wanted.every((token) =>
    rows.some((row) => row.token === token && row.scannedNumber >= final.number),
  );
}

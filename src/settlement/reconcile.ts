import { later } from '../base/clock.ts';
import { TOKENS, type Asset } from '../money/asset.ts';
import type { BlockReference, Movement } from '../networks/network.ts';
import { bookRange, type Reading } from './book-range.ts';
import { denyBlock } from './deny-block.ts';
import {
  findReconciliation,
  openReconciliation,
  type Reconciliation,
} from './internal/reconciliation-store.ts';
import { expectedUnits } from './reconciliation.ts';
import { findWatchedBlocks } from './internal/watched-blocks.ts';
import type { Settlement } from './settlement.ts';

export type Reconciler = Pick<Settlement, 'database' | 'driver' | 'assetOf' | 'clock' | 'log'>;

/** Nodes refuse, or cut, answers about many blocks at once. */
const RANGE_BLOCKS = 1_000n;

/** After a pause of the worker there is much to read; the other assets have their turn between. */
const MAX_RANGES = 50;

/**
 * Brings the books of every asset of the network up to the newest final block that {@link watchChain}
 * has noted. Any number of workers may do so at once, and each round may be cut off anywhere.
 */
export async function reconcile(settlement: Reconciler): Promise<void> {
  const { database, driver, assetOf, log } = settlement;
  const watched = await findWatchedBlocks(database, driver.network);
  if (watched === undefined || watched.final === null || watched.denied !== null) return;
  for (const token of TOKENS) {
    const asset = assetOf(driver.network, token);
    if (asset === undefined) continue;
    try {
      await reconcileAsset(settlement, asset, watched.final);
    } catch (error) {
      // A node's silence about one asset keeps back no other.
      log.warn({ err: error, token }, 'an asset could not be reconciled');
    }
    await tellIfStuck(settlement, asset);
  }
}

/** So long may nodes be silent before a person is told that nobody sees what leaves the treasury. */
const STUCK_AFTER_MS = 30 * 60_000;

/** Whatever the reason is: nodes that fail, that are not sure, or that have forgotten what is to be read. */
async function tellIfStuck(settlement: Reconciler, { network, token }: Asset): Promise<void> {
  const { database, clock, log } = settlement;
  const row = await findReconciliation(database, { network, token });
  if (row === undefined || later(row.updatedAt, STUCK_AFTER_MS) > clock.now()) return;
  const words = `what left the treasury after block ${row.scannedNumber} has not been looked at for half an hour or longer`;
  log.error({ token, alarm: true }, words);
}

async function reconcileAsset(
  settlement: Reconciler,
  asset: Asset,
  final: BlockReference,
): Promise<void> {
  const { database, driver, clock } = settlement;
  const { network } = driver;
  const { token } = asset;
  const begun = await findReconciliation(database, { network, token });
  if (begun === undefined) {
    const units = await driver.unitsAt(asset, final.number);
    const opening = { network, token, block: final, units, at: clock.now() };
    await openReconciliation(database, opening);
    return;
  }
  if (!(await isOnItsChain(settlement, begun))) return;
  // Without a new block there is still what was judged meanwhile.
  if (begun.scannedNumber >= final.number) {
    await bookRange(settlement, asset, { before: begun, reading: null });
    return;
  }
  let row: Reconciliation | undefined = begun;
  for (let ranges = 0; ranges < MAX_RANGES; ranges += 1) {
    if (row === undefined || row.scannedNumber >= final.number) return;
    const reading = await readRange(settlement, asset, { before: row, final });
    row = await bookRange(settlement, asset, { before: row, reading });
  }
}

async function isOnItsChain(settlement: Reconciler, row: Reconciliation): Promise<boolean> {
  const { scannedNumber: number, scannedHash: hash, token } = row;
  if (hash === null) return true;
  const block = { number, hash };
  const held = await settlement.driver.holds(block);
  if (held === 'no')
    await denyBlock(settlement, { block, was: `final when ${token} was reconciled` });
  return held === 'yes';
}

/** The payer's units are asked for at the newest block only: nodes forget old states. */
async function readRange(
  settlement: Reconciler,
  asset: Asset,
  want: { readonly before: Reconciliation; readonly final: BlockReference },
): Promise<Reading> {
  const { before, final } = want;
  const from = before.scannedNumber + 1n;
  const end = from + RANGE_BLOCKS - 1n;
  if (end < final.number) {
    const movements = await readMovements(settlement, asset, { from, to: end });
    return { to: { number: end, hash: null }, movements, chainUnits: null };
  }
  const look = async (): Promise<Reading> => ({
    to: final,
    movements: await readMovements(settlement, asset, { from, to: final.number }),
    chainUnits: await settlement.driver.unitsAt(asset, final.number),
  });
  const first = await look();
  // A node that lags behind its own word would stop the network: it is asked twice.
  return addsUp(before, first) ? first : await look();
}

/** Anybody can make a token announce a transfer of nothing, in anybody's name. */
async function readMovements(
  settlement: Reconciler,
  asset: Asset,
  blocks: { readonly from: bigint; readonly to: bigint },
): Promise<Movement[]> {
  const movements = await settlement.driver.movements(asset, blocks);
  return movements.filter(({ units }) => units > 0n);
}

function addsUp(before: Reconciliation, reading: Reading): boolean {
  const sum = (direction: Movement['direction']): bigint =>
    reading.movements
      .filter((movement) => movement.direction === direction)
      .reduce((total, { units }) => total + units, 0n);
  const expected = expectedUnits({
    ...before,
    inUnits: before.inUnits + sum('in'),
    outUnits: before.outUnits + sum('out'),
  });
  return reading.chainUnits === expected;
}

import type { BlockReference, ChainHead } from '../networks/network.ts';
import { denyBlock } from './deny-block.ts';
import {
  clearDenied,
  findNewestIncluded,
  findWatchedBlocks,
  noteBuried,
  type WatchedBlocks,
} from './internal/watched-blocks.ts';
import { noteFinal } from './network-state.ts';
import type { Settlement } from './settlement.ts';

type Watcher = Pick<Settlement, 'database' | 'driver' | 'clock' | 'log'>;

/**
 * Looks whether the chain has kept its word, and notes what is new. A block that was final, or that lay
 * at least `deepBlocks` below the newest one, and that a quorum of the nodes no longer holds, stops the
 * network. An answer that is not sure changes nothing.
 */
export async function watchChain(settlement: Watcher, deepBlocks: bigint): Promise<void> {
  const { database, driver } = settlement;
  const watched = await findWatchedBlocks(database, driver.network);
  if (watched === undefined) return;
  const head = await driver.head();
  if (watched.denied !== null && !(await isBack(settlement, watched.denied))) return;
  if (!(await keepsItsWord(settlement, watched, { head, deepBlocks }))) return;
  await noteNewFinal(settlement, watched, head);
  await noteNewBuried(settlement, watched, { head, deepBlocks });
}

/** The nodes may have been wrong: then the cause is gone, and the network waits for a person. */
async function isBack(settlement: Watcher, block: BlockReference): Promise<boolean> {
  const { database, driver, clock, log } = settlement;
  if ((await driver.holds(block)) !== 'yes') return false;
  await clearDenied(database, { network: driver.network, block, at: clock.now() });
  log.warn({ block: block.hash }, `block ${block.number} is on the chain again`);
  return true;
}

/** False where a block has gone, or where nobody is sure. */
async function keepsItsWord(
  settlement: Watcher,
  watched: WatchedBlocks,
  now: { readonly head: ChainHead; readonly deepBlocks: bigint },
): Promise<boolean> {
  const { final, buried } = watched;
  const { number, hash } = now.head.final;
  const claims: { block: BlockReference; was: string }[] = [];
  if (final !== null) {
    claims.push({ block: final, was: `final (the nodes' final block is now ${number}, ${hash})` });
  }
  if (buried !== null && isNewer(buried, final)) {
    claims.push({ block: buried, was: `${now.deepBlocks} blocks deep or more` });
  }
  for (const claim of claims) {
    const held = await settlement.driver.holds(claim.block);
    if (held === 'no') await denyBlock(settlement, claim);
    if (held !== 'yes') return false;
  }
  return true;
}

/** One node's word that a block is final is not enough: the rest of settlement builds on it. */
async function noteNewFinal(
  settlement: Watcher,
  watched: WatchedBlocks,
  head: ChainHead,
): Promise<void> {
  const { database, driver, clock } = settlement;
  if (!isNewer(head.final, watched.final)) return;
  if ((await driver.holds(head.final)) !== 'yes') return;
  await noteFinal(database, { network: driver.network, block: head.final, at: clock.now() });
}

/** What was seen on the chain that deep, once, may never leave it. The newest vouches for all before it. */
async function noteNewBuried(
  settlement: Watcher,
  watched: WatchedBlocks,
  now: { readonly head: ChainHead; readonly deepBlocks: bigint },
): Promise<void> {
  const { database, driver, clock } = settlement;
  const { network } = driver;
  const newest = isNewer(now.head.final, watched.final) ? now.head.final : watched.final;
  const above = isNewer(watched.buried, newest) ? watched.buried : newest;
  const block = await findNewestIncluded(database, {
    network,
    above: above?.number ?? -1n,
    upTo: now.head.latest.number - now.deepBlocks,
  });
  if (block === undefined || (await driver.holds(block)) !== 'yes') return;
  await noteBuried(database, { network, block, at: clock.now() });
}

function isNewer(
  block: BlockReference | null,
  than: BlockReference | null,
): block is BlockReference {
  return block !== null && (than === null || block.number > than.number);
}

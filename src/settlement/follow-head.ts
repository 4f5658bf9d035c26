import { deepReorgBlocks } from './deep-reorg.ts';
import { wakeIncluded } from './internal/attempt-store.ts';
import { findNetworkState } from './network-state.ts';
import type { Settlement } from './settlement.ts';
import { watchChain } from './watch-chain.ts';

/**
 * A step that looks at the chain's head: whether it keeps its word, and, each time a newer block is final,
 * that what lies in it or before is looked at now and not only when it is due.
 */
export function createHeadFollower(settlement: Settlement): () => Promise<void> {
  let wokenTo = -1n;
  return async () => {
    const { database, driver, clock } = settlement;
    const { network } = driver;
    await watchChain(settlement, deepReorgBlocks(network));
    const final = (await findNetworkState(database, network))?.final ?? null;
    if (final === null || final.number <= wokenTo) return;
    await wakeIncluded(database, { network, finalNumber: final.number, now: clock.now() });
    wokenTo = final.number;
  };
}

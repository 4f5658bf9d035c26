import { TOKENS } from '../money/asset.ts';
import { deepReorgBlocks } from './deep-reorg.ts';
import { findNetworkState } from './network-state.ts';
import { reconcile } from './reconcile.ts';
import { findReconciliations } from './reconciliation.ts';
import type { Settlement } from './settlement.ts';
import { watchChain } from './watch-chain.ts';

/**
 * Whether everything that left the treasury up to the chain's final block is explained by what is
 * recorded. Until it is, a worker that has just started signs nothing: the database may be an older one
 * than the chain has seen (a restored backup), and what it calls open may have been paid.
 */
export async function catchUp(settlement: Settlement): Promise<boolean> {
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

import type { BlockReference } from '../networks/network.ts';
import { noteDenied } from './internal/watched-blocks.ts';
import { stopNetwork } from './network-state.ts';
import type { Settlement } from './settlement.ts';

/**
 * A quorum of the nodes says that a block which could not change is not on the chain. Signing stops, and
 * nothing more is compared with that chain until the nodes hold the block again or a person accepts it.
 */
export async function denyBlock(
  settlement: Pick<Settlement, 'database' | 'driver' | 'clock' | 'log'>,
  denial: { readonly block: BlockReference; readonly was: string },
): Promise<void> {
  const { database, driver, clock, log } = settlement;
  const { network } = driver;
  const { block, was } = denial;
  const reason = `block ${block.number} (${block.hash}), which was ${was}, is no longer on the chain`;
  const at = clock.now();
  const isFirst = await database.transaction(async (tx) => {
    if (!(await noteDenied(tx, { network, block, at }))) return false;
    await stopNetwork(tx, { network, reason, at });
    return true;
  });
  if (isFirst) log.error({ block: toLog(block), alarm: true }, `signing has stopped: ${reason}`);
}

function toLog(block: BlockReference): { readonly number: string; readonly hash: string } {
  return { number: block.number.toString(), hash: block.hash };
}

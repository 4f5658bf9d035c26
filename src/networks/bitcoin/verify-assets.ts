import type { Asset } from '../../money/asset.ts';
import { ChainMismatch } from '../network.ts';
import { hearQuorum } from '../nodes/hear-quorum.ts';
import type { BitcoinPool } from './nodes.ts';

const DECIMALS = 8;

/**
 * Compares the configuration with the chain: every node that answers has to be of it, by its first block.
 * Throws {@link ChainMismatch} where one is not, and where the asset is none of Bitcoin's.
 */
export async function verifyAssets(pool: BitcoinPool, assets: readonly Asset[]): Promise<void> {
  for (const { token, network, contract, decimals } of assets) {
    const isCoin = token === 'BTC' && network === 'BITCOIN_MAINNET' && contract === null;
    if (!isCoin) throw new ChainMismatch(`${token} does not live on Bitcoin`, network);
    if (decimals !== DECIMALS) {
      throw new ChainMismatch(`BTC has ${DECIMALS} decimals, ${decimals} configured`, network);
    }
  }
  const checks = await Promise.allSettled(
    pool.all.map(async (node) => {
      await node.checkChain();
    }),
  );
  for (const check of checks) {
    if (check.status === 'rejected' && check.reason instanceof ChainMismatch) {
      throw new ChainMismatch(check.reason.message, 'BITCOIN_MAINNET');
    }
  }
  // At least a quorum has to be there at all: else the chain was not reached.
  await hearQuorum(pool, async (node) => await node.tip());
}

import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { ChainMismatch } from '../network.ts';
import type { EvmNetworkId } from './evm-network.ts';
import type { EvmNode } from './node.ts';
import type { NodePool } from './nodes.ts';
import { contractOf, readDecimals } from './token.ts';

/** What the configuration says of a network. */
export interface ConfiguredNetwork {
  readonly network: EvmNetworkId;
  readonly assets: readonly Asset[];
}

/**
 * Compares the configuration with the chain. Every node that answers has to be of the chain, not only
 * the first; one at least has to answer. Throws {@link ChainMismatch}; RpcFailure where none answers.
 */
export async function verifyAssets(
  pool: NodePool,
  { network, assets }: ConfiguredNetwork,
): Promise<void> {
  const checks = await Promise.allSettled(
    pool.all.map(async (node) => {
      await node.checkChain();
    }),
  );
  for (const check of checks) {
    if (check.status === 'rejected' && check.reason instanceof ChainMismatch) {
      throw new ChainMismatch(check.reason.message, network);
    }
  }
  for (const asset of assets) {
    assert(asset.network === network, `the asset is not of ${network}`);
    await pool.onOne(async (node) => {
      await verifyAsset(node, asset);
    });
  }
}

async function verifyAsset(node: EvmNode, asset: Asset): Promise<void> {
  const { network, token } = asset;
  const name = `${token} on ${network}`;
  if (asset.contract === null) throw new ChainMismatch(`${name} has no contract`, network);
  const contract = contractOf(asset);
  if ((await node.code(contract)) === '0x') {
    throw new ChainMismatch(`${name}: there is no contract at ${asset.contract}`, network);
  }
  const decimals = await readDecimals(node, contract);
  if (decimals !== BigInt(asset.decimals)) {
    const found = decimals ?? 'no readable';
    throw new ChainMismatch(
      `${name} has ${found} decimals on chain, ${asset.decimals} configured`,
      network,
    );
  }
}

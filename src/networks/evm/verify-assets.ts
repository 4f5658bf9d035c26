import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { ChainMismatch } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import type { EvmNetworkId } from './evm-network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNode } from './node.ts';
import type { EvmPool } from './nodes.ts';
import { contractOf, readDecimals } from './token.ts';

/** What the configuration says of a network. */
export interface ConfiguredNetwork {
  readonly network: EvmNetworkId;
  readonly assets: readonly Asset[];
}

/**
 * Compares the configuration with the chain. Every node that answers has to be of the chain, and a
 * quorum has to agree that the assets are as configured. Throws {@link ChainMismatch} where it
 * agrees that they are not, and RpcFailure where there is no quorum for either.
 */
export async function verifyAssets(
  pool: EvmPool,
  { network, assets }: ConfiguredNetwork,
): Promise<void> {
  await checkChains(pool, network);
  for (const asset of assets) {
    assert(asset.network === network, `the asset is not of ${network}`);
    const name = `${asset.token} on ${network}`;
    const { contract, decimals } = asset;
    if (contract === null) throw new ChainMismatch(`${name} has no contract`, network);
    const found = await askQuorum(pool, async (node) => await lookAt(node, asset), Object.is);
    if (found.kind === 'not enough') throw new RpcFailure(found.reasons.join('; '));
    if (found.kind === 'contradicted') {
      throw new RpcFailure(
        `${name}: ${found.answers.map(({ by }) => by.join(', ')).join(' against ')}`,
      );
    }
    if (found.value === 'no contract') {
      throw new ChainMismatch(`${name}: there is no contract at ${contract}`, network);
    }
    if (found.value !== BigInt(decimals)) {
      const words = found.value ?? 'no readable';
      throw new ChainMismatch(
        `${name} has ${words} decimals on chain, ${decimals} configured`,
        network,
      );
    }
  }
}

/** A node that does not answer is none of another chain: it is asked again before it is believed. */
async function checkChains(pool: EvmPool, network: EvmNetworkId): Promise<void> {
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
}

/** The decimals; null where the contract names none. */
async function lookAt(node: EvmNode, asset: Asset): Promise<bigint | null | 'no contract'> {
  const contract = contractOf(asset);
  if ((await node.code(contract)) === '0x') return 'no contract';
  return await readDecimals(node, contract);
}

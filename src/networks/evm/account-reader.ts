import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { NetworkUnreachable, type AccountReader } from '../account-reader.ts';
import type { EvmNetworkId } from './evm-network.ts';
import { readFinalized } from './finality.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNode } from './node.ts';
import { connectNodes, type EvmConnection, type EvmPool } from './nodes.ts';
import { contractOf, lowerAddress, readBalance } from './token.ts';

const COINS: Readonly<Record<EvmNetworkId, string>> = {
  ETHEREUM_MAINNET: 'ETH',
  MATIC_MAINNET: 'POL',
  BSC_MAINNET: 'BNB',
};

const COIN_DECIMALS = 18;

export function createEvmAccountReader(
  options: EvmConnection & { readonly network: EvmNetworkId },
): AccountReader {
  const pool = connectNodes(options);
  const ask = async <T>(work: (node: EvmNode) => Promise<T>): Promise<T> =>
    await askNodes(pool, work);
  return {
    async holdings(address, assets) {
      const coinUnits = await ask(async (node) => await node.balance(lowerAddress(address)));
      const tokens: { asset: Asset; units: bigint }[] = [];
      for (const asset of assets) {
        assert(asset.network === options.network, `the asset is not of ${options.network}`);
        const question = { contract: contractOf(asset), owner: lowerAddress(address) };
        const units = await ask(async (node) => await readBalance(node, question, 'latest'));
        tokens.push({ asset, units });
      }
      return { coin: COINS[options.network], coinDecimals: COIN_DECIMALS, coinUnits, tokens };
    },
    async sequence(sender) {
      const from = lowerAddress(sender);
      return await ask(async (node) => {
        const finalized = await readFinalized(node);
        return {
          final: await node.transactionCount(from, finalized.number),
          latest: await node.transactionCount(from, 'latest'),
        };
      });
    },
  };
}

async function askNodes<T>(pool: EvmPool, work: (node: EvmNode) => Promise<T>): Promise<T> {
  try {
    return await pool.onOne(work);
  } catch (error) {
    if (error instanceof RpcFailure) throw new NetworkUnreachable(error.message);
    throw error;
  }
}

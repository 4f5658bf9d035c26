import { assert, AssertionFailure } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { NetworkUnreachable, type AccountReader } from '../account-reader.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { TRX_DECIMALS } from './fees.ts';
import { hexAddress } from './hex-address.ts';
import type { TronNode } from './node.ts';
import { connectNodes, type TronConnection, type TronPool } from './nodes.ts';
import { contractOf, readUnits } from './token.ts';

export function createTronAccountReader(options: TronConnection): AccountReader {
  const pool = connectNodes(options);
  return {
    async holdings(address, assets) {
      const owner = hexAddress(address);
      const sun = await ask(pool, async (node) => await node.balance(owner));
      const tokens: { asset: Asset; units: bigint }[] = [];
      for (const asset of assets) {
        assert(asset.network === 'TRON_MAINNET', 'the asset is not of TRON_MAINNET');
        const question = { contract: contractOf(asset), owner };
        const units = await ask(pool, async (node) => await readUnits(node, question, 'newest'));
        tokens.push({ asset, units });
      }
      return { coin: 'TRX', coinDecimals: TRX_DECIMALS, coinUnits: sun ?? 0n, tokens };
    },
    sequence: async () =>
      await Promise.reject(new AssertionFailure('Tron counts no transactions of a sender')),
  };
}

async function ask<T>(pool: TronPool, work: (node: TronNode) => Promise<T>): Promise<T> {
  try {
    return await pool.onOne(work);
  } catch (error) {
    if (error instanceof RpcFailure) throw new NetworkUnreachable(error.message);
    throw error;
  }
}

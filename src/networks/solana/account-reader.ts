import { assert, AssertionFailure } from '../../base/assert.ts';
import { NetworkUnreachable, type AccountReader } from '../account-reader.ts';
import { ChainMismatch } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { placeOf } from './movements.ts';
import { connectNodes, type SolanaConnection } from './nodes.ts';
import type { SolanaNetworkId } from './solana-network.ts';
import { readTokenAccount } from './token-account.ts';

const COIN_DECIMALS = 9;

export function createSolanaAccountReader(
  options: SolanaConnection & { readonly network: SolanaNetworkId },
): AccountReader {
  const pool = connectNodes(options);
  return {
    async holdings(address, assets) {
      for (const asset of assets) {
        assert(asset.network === options.network, `the asset is not of ${options.network}`);
      }
      const places = assets.map((asset) => placeOf(asset, address));
      const addresses = [address, ...places.map(({ account }) => account)];
      try {
        const { value } = await pool.onOne(
          async (node) => await node.accounts(addresses, 'confirmed'),
        );
        const tokens = assets.map((asset, index) => {
          const account = value[index + 1] ?? null;
          const token = account === null ? null : readTokenAccount(account);
          return { asset, units: token?.mint === places[index]?.mint ? (token?.units ?? 0n) : 0n };
        });
        const coinUnits = value[0]?.lamports ?? 0n;
        return { coin: 'SOL', coinDecimals: COIN_DECIMALS, coinUnits, tokens };
      } catch (error) {
        if (error instanceof RpcFailure || error instanceof ChainMismatch) {
          throw new NetworkUnreachable(error.message);
        }
        throw error;
      }
    },
    async sequence() {
      return await Promise.reject(
        new AssertionFailure('no transaction of Solana has a place in a sequence'),
      );
    },
  };
}

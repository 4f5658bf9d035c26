import { assert, AssertionFailure } from '../../base/assert.ts';
import { NetworkUnreachable, type AccountReader } from '../account-reader.ts';
import { RpcErrorAnswer, RpcFailure } from '../nodes/json-rpc.ts';
import type { BitcoinNode } from './node.ts';
import { connectNodes, type BitcoinConnection } from './nodes.ts';
import { walletNameOf } from './prepare-wallet.ts';
import { readCount, readList, readRecord, readUnits } from './read-answer.ts';
import { scriptOfAddress } from './script.ts';

const COIN = 'BTC';
const COIN_DECIMALS = 8;

/** bitcoind's codes: no such wallet; wallets are not built in. */
const NO_WALLET = [-18, -32601];

export function createBitcoinAccountReader(options: BitcoinConnection): AccountReader {
  const pool = connectNodes(options);
  return {
    async holdings(address, assets) {
      const units = await asReachable(
        async () => await pool.onOne(async (node) => await unitsOf(node, address)),
      );
      const tokens = assets.map((asset) => {
        assert(asset.token === COIN, 'Bitcoin has no tokens');
        return { asset, units };
      });
      return { coin: COIN, coinDecimals: COIN_DECIMALS, coinUnits: units, tokens };
    },
    sequence: async () =>
      await Promise.reject(new AssertionFailure('Bitcoin counts no transactions of a sender')),
  };
}

/** A coin of an account, and how deep the block lies that holds it: 1 is the newest. */
export interface OwnCoin {
  readonly units: bigint;
  readonly depth: number;
}

/**
 * What the worker's wallet on the node calls unspent, of what is in blocks; null where the node has no
 * wallet that watches the address.
 */
export async function listOwnCoins(
  node: BitcoinNode,
  address: string,
): Promise<readonly OwnCoin[] | null> {
  await node.checkChain();
  const path = `wallet/${walletNameOf({ script: scriptOfAddress(address) })}`;
  try {
    const listed = await node.endpoint.request('listunspent', [1, 9_999_999, [], true], path);
    return readList(listed, 'unspent outputs').map((each) => {
      const coin = readRecord(each, 'unspent output');
      return {
        units: readUnits(coin['amount'], 'amount'),
        depth: readCount(coin['confirmations'], 'confirmations'),
      };
    });
  } catch (error) {
    if (error instanceof RpcErrorAnswer && NO_WALLET.includes(error.code)) return null;
    throw error;
  }
}

async function unitsOf(node: BitcoinNode, address: string): Promise<bigint> {
  const coins = await listOwnCoins(node, address);
  if (coins === null) return await scan(node, scriptOfAddress(address));
  return coins.reduce((sum, { units }) => sum + units, 0n);
}

/** The set of all unspent outputs: one to three minutes on the main network. */
async function scan({ patient }: BitcoinNode, script: string): Promise<bigint> {
  const found = readRecord(
    await patient.request('scantxoutset', ['start', [`raw(${script})`]]),
    'scan',
  );
  if (found['success'] !== true) throw new RpcFailure('the scan was not finished');
  return readUnits(found['total_amount'], 'total');
}

async function asReachable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RpcFailure) throw new NetworkUnreachable(error.message);
    throw error;
  }
}

import type { Clock } from '../../base/clock.ts';
import { RpcErrorAnswer, RpcFailure } from '../nodes/json-rpc.ts';
import { formatOutpoint, parseOutpoint, type Coin, type Outpoint } from './coin.ts';
import type { BitcoinNode, Header } from './node.ts';
import {
  createWalletPreparation,
  NO_WALLET,
  walletNameOf,
  type Watched,
} from './prepare-wallet.ts';
import {
  readCount,
  readHash,
  readHex,
  readInteger,
  readList,
  readOutputNumber,
  readRecord,
  readTransactionOf,
  readUnits,
} from './read-answer.ts';
import type { Transaction } from './transaction.ts';

/** A coin as a node's wallet knows it. */
export interface WalletCoin extends Coin {
  /** 0: in no block. */
  readonly confirmations: number;
}

/** What a node's wallet knows of the treasury. Each answer is one node's word. */
export interface TreasuryWallet {
  /** Makes sure that it is there and knows all. Throws RpcFailure while it is not ready. */
  prepare(): Promise<void>;
  /** What is spent neither in a block nor by a transaction that the wallet has seen and that may still land. */
  coins(): Promise<readonly WalletCoin[]>;
  /** What spends its coins in blocks after this one or in none, and is not excluded by a block. */
  spendsSince(blockHash: string): Promise<readonly Transaction[]>;
  /** Rewards of blocks after this one that are too young to be spent, which are no coins yet: their outpoints. */
  rewardsSince(blockHash: string): Promise<readonly string[]>;
}

/** The wallet of each node, asked by `of`. */
export interface Wallets {
  of(node: BitcoinNode): TreasuryWallet;
}

export function createWallets(watched: Watched, clock: Clock): Wallets {
  const wallets = new Map<BitcoinNode, TreasuryWallet>();
  return {
    of(node) {
      const known = wallets.get(node);
      if (known !== undefined) return known;
      const wallet = createTreasuryWallet(node, watched, clock);
      wallets.set(node, wallet);
      return wallet;
    },
  };
}

type Ask = BitcoinNode['endpoint']['request'];

/** Bytes never change under an id; the newest ones are enough. */
const MAX_TRANSACTIONS = 1_000;

function createTreasuryWallet(node: BitcoinNode, watched: Watched, clock: Clock): TreasuryWallet {
  const preparation = createWalletPreparation(node, watched, clock);
  const path = `wallet/${walletNameOf(watched)}`;
  const ask: Ask = async (method, params) => {
    await preparation.ready();
    try {
      return await node.endpoint.request(method, params, path);
    } catch (error) {
      if (error instanceof RpcErrorAnswer && error.code === NO_WALLET) preparation.forget();
      throw error;
    }
  };
  const known = new Map<string, Transaction>();
  const bytesOf = async (txid: string): Promise<Transaction> => {
    const found = known.get(txid);
    if (found !== undefined) return found;
    const answer = readRecord(await ask('gettransaction', [txid, true]), 'wallet transaction');
    const transaction = readTransactionOf(answer['hex'], txid);
    known.set(txid, transaction);
    for (const oldest of known.keys()) {
      if (known.size <= MAX_TRANSACTIONS) break;
      known.delete(oldest);
    }
    return transaction;
  };
  return {
    prepare: async () => {
      await preparation.ready();
    },
    coins: async () => await readCoins(ask, watched),
    async spendsSince(blockHash) {
      const found: Transaction[] = [];
      const entries = await readEntriesSince(ask, blockHash, 'send');
      const txids = new Set(entries.map(({ txid }) => txid));
      for (const txid of txids) found.push(await bytesOf(txid));
      return found;
    },
    async rewardsSince(blockHash) {
      const entries = await readEntriesSince(ask, blockHash, 'immature');
      return [...new Set(entries.map(formatOutpoint))];
    },
  };
}

const ANY_DEPTH = [0, 9_999_999] as const;

async function readCoins(ask: Ask, { script }: Watched): Promise<readonly WalletCoin[]> {
  const answer = await ask('listunspent', [...ANY_DEPTH, [], true]);
  const coins = readList(answer, 'unspent outputs').flatMap((each) => {
    const coin = readRecord(each, 'unspent output');
    if (readHex(coin['scriptPubKey'], 'script') !== script) return [];
    const txid = readHash(coin['txid'], 'transaction id');
    const outpoint = formatOutpoint({ txid, vout: readOutputNumber(coin['vout'], 'output') });
    const units = readUnits(coin['amount'], 'amount');
    return [{ outpoint, units, confirmations: readCount(coin['confirmations'], 'confirmations') }];
  });
  const outpoints = new Set(coins.map(({ outpoint }) => outpoint));
  if (outpoints.size !== coins.length) throw new RpcFailure('the wallet lists a coin twice');
  return coins;
}

/** The wallet has an entry for each output, its own change included, of what no block excludes. */
async function readEntriesSince(
  ask: Ask,
  blockHash: string,
  category: 'send' | 'immature',
): Promise<readonly Outpoint[]> {
  const answer = await ask('listsinceblock', [blockHash, 1, true, false, true]);
  const { transactions } = readRecord(answer, 'wallet transactions');
  return readList(transactions, 'wallet transactions').flatMap((each) => {
    const entry = readRecord(each, 'wallet transaction');
    if (entry['category'] !== category || entry['abandoned'] === true) return [];
    // Below zero: a block holds a transaction that excludes it.
    if (readInteger(entry['confirmations'], 'confirmations') < 0) return [];
    const txid = readHash(entry['txid'], 'transaction id');
    return [{ txid, vout: readOutputNumber(entry['vout'], 'output') }];
  });
}

/** A reward is spent by nothing before so many blocks lie on it (Bitcoin Core, COINBASE_MATURITY). */
export const MATURITY = 100;

/** What the treasury has at the node's newest block, whatever waits in its mempool, young rewards included. */
export async function unitsAtTip(
  node: BitcoinNode,
  wallet: TreasuryWallet,
  { script, tip }: { readonly script: string; readonly tip: Header },
): Promise<bigint> {
  const listed = (await wallet.coins()).filter(({ confirmations }) => confirmations > 0);
  const before = await node.hashAt(Math.max(tip.height - MATURITY - 1, 0));
  if (before === null) throw new RpcFailure(`${node.label}: the chain has become shorter`);
  const spends = await wallet.spendsSince(tip.hash);
  const unlisted = [
    // Coins that only a transaction outside of blocks spends are still the treasury's there.
    ...spends.flatMap((transaction) => transaction.spends),
    ...(await wallet.rewardsSince(before)),
  ];
  const seen = new Set(listed.map(({ outpoint }) => outpoint));
  let units = listed.reduce((sum, coin) => sum + coin.units, 0n);
  for (const outpoint of unlisted) {
    if (seen.has(outpoint)) continue;
    seen.add(outpoint);
    const coin = await node.unspent(parseOutpoint(outpoint), 'blocks');
    if (coin?.script === script) units += coin.units;
  }
  return units;
}

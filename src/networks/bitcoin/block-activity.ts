import { isBlockOf } from './block-hash.ts';
import { formatOutpoint } from './coin.ts';
import {
  readCount,
  readHash,
  readList,
  readOutputNumber,
  readRecord,
  readScript,
  readTransactionOf,
  readUnits,
} from './read-answer.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { Transaction } from './transaction.ts';

/** A transaction of a block that touches the treasury, with what it spends. */
export interface TreasuryTransaction {
  readonly transaction: Transaction;
  /** What each input spends, in their order; none of a coinbase. */
  readonly spent: readonly SpentOutput[];
}

export interface SpentOutput {
  readonly outpoint: string;
  readonly units: bigint;
  readonly script: string;
}

/** What of a block concerns the treasury. */
export interface BlockActivity {
  readonly height: number;
  /** Null of the first block. */
  readonly parentHash: string | null;
  /** Those that spend from the script, or pay to it, in their order. */
  readonly transactions: readonly TreasuryTransaction[];
}

export interface ActivityCache {
  of(blockHash: string, script: string): Promise<BlockActivity>;
  /** Whether it is there without asking the node. */
  has(blockHash: string, script: string): boolean;
}

/** Of so many blocks is kept what concerns the treasury: about a month. Mostly that is nothing. */
const MAX_BLOCKS = 4_096;

/**
 * A block's hash says what is in it, which is checked, so a block is read once. `getBlock` gives it whole, with what its
 * inputs spend (verbosity 3): some 13 MB of JSON for a full one, read in 0.2 s.
 */
export function createActivityCache(getBlock: (hash: string) => Promise<unknown>): ActivityCache {
  const known = new Map<string, Promise<BlockActivity>>();
  const keyOf = (blockHash: string, script: string): string => `${blockHash} ${script}`;
  return {
    has: (blockHash, script) => known.has(keyOf(blockHash, script)),
    async of(blockHash, script) {
      const key = keyOf(blockHash, script);
      const found = known.get(key);
      if (found !== undefined) return await found;
      const reading = getBlock(blockHash).then((answer) => readActivity(answer, blockHash, script));
      known.set(key, reading);
      for (const oldest of known.keys()) {
        if (known.size <= MAX_BLOCKS) break;
        known.delete(oldest);
      }
      try {
        return await reading;
      } catch (error) {
        known.delete(key);
        throw error;
      }
    },
  };
}

function readActivity(answer: unknown, blockHash: string, script: string): BlockActivity {
  const block = readRecord(answer, 'block');
  if (readHash(block['hash'], 'block hash') !== blockHash) {
    throw new RpcFailure('the node gave another block');
  }
  const transactions = readList(block['tx'], 'transactions of the block').map((each) =>
    readRecord(each, 'transaction'),
  );
  const txids = transactions.map(({ txid }) => readHash(txid, 'transaction id'));
  if (!isBlockOf(block, blockHash, txids)) {
    throw new RpcFailure(`the node shows other transactions than block ${blockHash} holds`);
  }
  const parent = block['previousblockhash'] ?? null;
  return {
    height: readCount(block['height'], 'block height'),
    parentHash: parent === null ? null : readHash(parent, 'parent block'),
    transactions: transactions.flatMap((each) => readIfTouched(each, script)),
  };
}

/** What the node shows and what the bytes say have to be the same, as far as the treasury is concerned. */
function readIfTouched(shown: Record<string, unknown>, script: string): TreasuryTransaction[] {
  const inputs = readList(shown['vin'], 'inputs').map((each) => readRecord(each, 'input'));
  const outputs = readList(shown['vout'], 'outputs').map((each) => readRecord(each, 'output'));
  const spends = inputs.some((input) => input['prevout'] !== undefined && isFrom(input, script));
  const pays = outputs.some((output) => readScript(output, 'output script') === script);
  if (!spends && !pays) return [];
  const transaction = readTransactionOf(shown['hex'], readHash(shown['txid'], 'transaction id'));
  const spent = inputs.flatMap(readSpent);
  const isWhole =
    spent.length === 0
      ? isCoinbase(inputs)
      : spent.length === transaction.spends.length &&
        spent.every(({ outpoint }, index) => outpoint === transaction.spends[index]);
  if (!isWhole) throw new RpcFailure('what a transaction spends is not shown whole');
  return [{ transaction, spent }];
}

function isFrom(input: Record<string, unknown>, script: string): boolean {
  return readScript(readRecord(input['prevout'], 'spent output'), 'spent script') === script;
}

function isCoinbase(inputs: readonly Record<string, unknown>[]): boolean {
  return inputs.length === 1 && inputs[0]?.['coinbase'] !== undefined;
}

function readSpent(input: Record<string, unknown>): SpentOutput[] {
  if (input['coinbase'] !== undefined) return [];
  const previous = readRecord(input['prevout'], 'spent output');
  const txid = readHash(input['txid'], 'spent transaction');
  const vout = readOutputNumber(input['vout'], 'spent output');
  return [
    {
      outpoint: formatOutpoint({ txid, vout }),
      units: readUnits(previous['value'], 'spent value'),
      script: readScript(previous, 'spent script'),
    },
  ];
}

import type { Json } from '../../../src/base/json.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { TRANSFER_TOPIC } from '../../../src/networks/evm/token.ts';
import type { Applied } from './apply.ts';
import type { BlockRecord } from './block.ts';
import type { LogRecord } from './frame.ts';
import { gasPriceOf, type ChainTransaction } from './transaction.ts';
import { addressWord, quantity, wordOf } from './words.ts';

/** Blocks, transactions, receipts and logs as geth writes them. */

const ZERO_HASH: Hex = `0x${'0'.repeat(64)}`;
const EMPTY_BLOOM: Hex = `0x${'0'.repeat(512)}`;
const NOBODY: Hex = `0x${'0'.repeat(40)}`;
const EMPTY_LIST_HASH = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347';

export type JsonRecord = { readonly [key: string]: Json };

export function renderBlock(block: BlockRecord, whole: boolean): JsonRecord {
  return {
    number: quantity(block.number),
    hash: block.hash,
    parentHash: block.parentHash,
    timestamp: quantity(block.timestamp),
    baseFeePerGas: quantity(block.baseFeeWei),
    gasUsed: quantity(block.gasUsed),
    gasLimit: quantity(block.gasLimit),
    miner: NOBODY,
    difficulty: '0x0',
    extraData: `0x${block.branch.toString(16).padStart(8, '0')}`,
    mixHash: ZERO_HASH,
    nonce: '0x0000000000000000',
    logsBloom: EMPTY_BLOOM,
    receiptsRoot: ZERO_HASH,
    sha3Uncles: EMPTY_LIST_HASH,
    stateRoot: stateRootOf(block),
    transactionsRoot: ZERO_HASH,
    size: '0x400',
    uncles: [],
    withdrawals: [],
    transactions: block.transactions.map((applied, index) =>
      whole ? renderTransaction(applied.transaction, { block, index }) : applied.transaction.hash,
    ),
  };
}

/** Only a name for the state: the model keeps no tree. */
export function stateRootOf(block: BlockRecord): Hex {
  return `0x${block.hash.slice(34)}${block.hash.slice(2, 34)}`;
}

export function renderTransaction(
  transaction: ChainTransaction,
  place: { readonly block: BlockRecord; readonly index: number } | null,
): JsonRecord {
  const { signature, authorizations } = transaction;
  const price = place && gasPriceOf(transaction, place.block.baseFeeWei);
  return {
    hash: transaction.hash,
    type: quantity(transaction.type),
    chainId: quantity(transaction.chainId),
    from: transaction.from,
    to: transaction.to,
    nonce: quantity(transaction.nonce),
    value: quantity(transaction.wei),
    input: transaction.data,
    gas: quantity(transaction.gasLimit),
    gasPrice: quantity(price ?? transaction.maxFeeWei),
    maxFeePerGas: quantity(transaction.maxFeeWei),
    maxPriorityFeePerGas: quantity(transaction.maxTipWei),
    accessList: [],
    ...(transaction.type === 4
      ? {
          authorizationList: authorizations.map((each) => ({
            chainId: quantity(each.chainId),
            address: each.to,
            nonce: quantity(each.nonce),
            ...renderSignature(each.signature),
          })),
        }
      : {}),
    ...renderSignature(signature),
    v: quantity(signature.yParity),
    blockNumber: place && quantity(place.block.number),
    blockHash: place && place.block.hash,
    transactionIndex: place && quantity(place.index),
  };
}

function renderSignature(signature: { r: bigint; s: bigint; yParity: number }): JsonRecord {
  const { r, s, yParity } = signature;
  return { r: quantity(r), s: quantity(s), yParity: quantity(yParity) };
}

export function renderReceipt(block: BlockRecord, index: number): JsonRecord {
  const applied = block.transactions[index];
  if (applied === undefined) throw new RangeError('the block has no such transaction');
  const before = block.transactions.slice(0, index + 1);
  const { transaction, succeeded, gasUsed, gasPriceWei } = applied;
  return {
    transactionHash: transaction.hash,
    transactionIndex: quantity(index),
    blockNumber: quantity(block.number),
    blockHash: block.hash,
    from: transaction.from,
    to: transaction.to,
    type: quantity(transaction.type),
    status: succeeded ? '0x1' : '0x0',
    gasUsed: quantity(gasUsed),
    cumulativeGasUsed: quantity(before.reduce((sum, each) => sum + each.gasUsed, 0)),
    effectiveGasPrice: quantity(gasPriceWei),
    contractAddress: null,
    logsBloom: EMPTY_BLOOM,
    logs: renderLogs(block, index, () => true),
  };
}

/** The logs of one transaction that pass, with their places in the block. */
export function renderLogs(
  block: BlockRecord,
  index: number,
  passes: (log: LogRecord) => boolean,
): JsonRecord[] {
  const applied = block.transactions[index];
  if (applied === undefined || applied.logs.length === 0) return [];
  const first = firstLogIndex(block.transactions, index);
  return applied.logs.flatMap((log, position) =>
    passes(log)
      ? [
          {
            address: log.address,
            topics: topicsOf(log),
            data: dataOf(log),
            blockNumber: quantity(block.number),
            blockHash: block.hash,
            blockTimestamp: quantity(block.timestamp),
            transactionHash: applied.transaction.hash,
            transactionIndex: quantity(index),
            logIndex: quantity(first + position),
            removed: false,
          },
        ]
      : [],
  );
}

function firstLogIndex(transactions: readonly Applied[], index: number): number {
  let count = 0;
  for (let at = 0; at < index; at += 1) count += transactions[at]?.logs.length ?? 0;
  return count;
}

export function topicsOf(log: LogRecord): readonly Hex[] {
  if (log.kind === 'other') return log.topics;
  return [TRANSFER_TOPIC, `0x${addressWord(log.from)}`, `0x${addressWord(log.to)}`];
}

function dataOf(log: LogRecord): Hex {
  return log.kind === 'other' ? log.data : `0x${wordOf(log.units)}`;
}

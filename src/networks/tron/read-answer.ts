import { hexToBytes } from '@noble/hashes/utils.js';
import { isRecord, RpcFailure } from '../nodes/json-rpc.ts';
import { isHexAddress, type HexAddress } from './hex-address.ts';
import { txidOf } from './transfer-transaction.ts';

/**
 * Readers for the values of a full node's HTTP API (developers.tron.network, JSON of protobuf messages).
 * Each gives a value or throws {@link RpcFailure}: a malformed answer is an error, never a value. Fields of
 * value zero are left out by nodes. Hex comes back in lower case. `what` names the value in the error.
 */

export function readRecord(value: unknown, what: string): Record<string, unknown> {
  if (!isRecord(value)) throw new RpcFailure(`${what} is not an object`);
  return value;
}

/** `{}` is how a node says that there is none: null. */
export function readMaybe(value: unknown, what: string): Record<string, unknown> | null {
  const record = readRecord(value, what);
  return Object.keys(record).length === 0 ? null : record;
}

export function readList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new RpcFailure(`${what} is not a list`);
  return value as readonly unknown[];
}

/** An int64 that is not negative, and small enough for JSON's numbers to hold it exactly. */
export function readCount(value: unknown, what: string): bigint {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new RpcFailure(`${what} is not a whole number`);
  }
  return BigInt(value);
}

/** As {@link readCount}; 0 where the field is left out. */
export function readCountOrZero(value: unknown, what: string): bigint {
  return value === undefined ? 0n : readCount(value, what);
}

/** Whole bytes. */
export function readHex(value: unknown, what: string): string {
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})*$/i.test(value)) {
    throw new RpcFailure(`${what} is not hex`);
  }
  return value.toLowerCase();
}

/** 32 bytes. */
export function readHash(value: unknown, what: string): string {
  const hex = readHex(value, what);
  if (hex.length !== 64) throw new RpcFailure(`${what} has not 32 bytes`);
  return hex;
}

export function readAddress(value: unknown, what: string): HexAddress {
  const hex = readHex(value, what);
  if (!isHexAddress(hex)) throw new RpcFailure(`${what} is not an address`);
  return hex;
}

/** A block by its number and id. */
export interface Block {
  readonly number: bigint;
  readonly hash: string;
  /** Milliseconds since 1970. */
  readonly timeMs: bigint;
  /** By its header: it has no transactions. */
  readonly isEmpty: boolean;
}

/** The header: `{blockID, block_header: {raw_data}}`. The id begins with the number. */
export function readBlock(value: unknown): Block {
  const block = readRecord(value, 'block');
  const hash = readHash(block['blockID'], 'block id');
  const header = readRecord(block['block_header'], 'block header');
  const raw = readRecord(header['raw_data'], 'block header');
  const number = readCountOrZero(raw['number'], 'block number');
  if (BigInt(`0x${hash.slice(0, 16)}`) !== number) {
    throw new RpcFailure('the block id is of another number');
  }
  const root = readHash(raw['txTrieRoot'], 'transaction root');
  const timeMs = readCountOrZero(raw['timestamp'], 'block time');
  return { number, hash, timeMs, isEmpty: /^0+$/.test(root) };
}

/** An event of a contract. */
export interface EventLog {
  /** Its 20 bytes in hex, without the prefix of an address. */
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

function readLog(value: unknown): EventLog {
  const log = readRecord(value, 'log');
  const address = readHex(log['address'], 'log address');
  if (address.length !== 40) throw new RpcFailure('a log address has not 20 bytes');
  const topics = readList(log['topics'] ?? [], 'log topics');
  return {
    address,
    topics: topics.map((topic) => readHash(topic, 'log topic')),
    data: readHex(log['data'] ?? '', 'log data'),
  };
}

/** What a transaction in a block did. */
export interface TransactionInfo {
  readonly txid: string;
  readonly blockNumber: bigint;
  readonly blockTimeMs: bigint;
  /** All that was burned for it. */
  readonly feeSun: bigint;
  /** Of the contract call: SUCCESS, REVERT, OUT_OF_ENERGY …; null where it called none. */
  readonly result: string | null;
  /** What the contract returned, or reverted with. */
  readonly returned: string;
  readonly energyUsed: bigint;
  /** In the order of execution; none of a call that failed. */
  readonly logs: readonly EventLog[];
}

/** Of `TransactionInfo`. Throws where it contradicts itself. */
export function readInfo(value: unknown): TransactionInfo {
  const info = readRecord(value, 'transaction info');
  const receipt = readRecord(info['receipt'] ?? {}, 'receipt');
  const result = receipt['result'] === undefined ? null : readName(receipt['result'], 'result');
  const logs = readList(info['log'] ?? [], 'logs').map(readLog);
  const hasFailed = readStatus(info['result']) === 'FAILED';
  if (result !== null && hasFailed === (result === 'SUCCESS')) {
    throw new RpcFailure('the transaction info contradicts its receipt');
  }
  if (hasFailed && logs.length > 0) throw new RpcFailure('a transaction that failed has logs');
  const [returned = ''] = readList(info['contractResult'] ?? [], 'contract result');
  return {
    txid: readHash(info['id'], 'transaction id'),
    blockNumber: readCount(info['blockNumber'], 'block number'),
    blockTimeMs: readCount(info['blockTimeStamp'], 'block time'),
    feeSun: readCountOrZero(info['fee'], 'fee'),
    result,
    returned: readHex(returned, 'contract result'),
    energyUsed: readCountOrZero(receipt['energy_usage_total'], 'energy'),
    logs,
  };
}

function readStatus(value: unknown): 'SUCESS' | 'FAILED' {
  if (value === undefined || value === 'SUCESS') return 'SUCESS';
  if (value === 'FAILED') return 'FAILED';
  throw new RpcFailure('the result of a transaction is malformed');
}

function readName(value: unknown, what: string): string {
  if (typeof value !== 'string' || !/^[A-Z_]{1,40}$/.test(value)) {
    throw new RpcFailure(`${what} is malformed`);
  }
  return value;
}

/** A transaction in a block, as it was signed. */
export interface KnownTransaction {
  readonly rawData: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  /** As in its info; null where the node does not say. */
  readonly result: string | null;
}

/** Throws unless the bytes are of `txid`. */
export function readTransaction(value: unknown, txid: string): KnownTransaction {
  const transaction = readRecord(value, 'transaction');
  const rawData = hexToBytes(readHex(transaction['raw_data_hex'], 'raw data'));
  if (txidOf(rawData) !== txid || readHash(transaction['txID'], 'transaction id') !== txid) {
    throw new RpcFailure('the node answered with another transaction');
  }
  const signatures = readList(transaction['signature'] ?? [], 'signatures');
  const [ret] = readList(transaction['ret'] ?? [], 'transaction result');
  const named =
    ret === undefined ? undefined : readRecord(ret, 'transaction result')['contractRet'];
  return {
    rawData,
    signatures: signatures.map((hex) => hexToBytes(readHex(hex, 'signature'))),
    result: named === undefined ? null : readName(named, 'transaction result'),
  };
}

/** Text that a node writes in hex. Malformed UTF-8 is replaced. */
export function readHexText(value: unknown, what: string): string {
  return new TextDecoder().decode(hexToBytes(readHex(value, what)));
}

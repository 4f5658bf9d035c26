import { isRecord, RpcFailure } from '../nodes/json-rpc.ts';

/**
 * Readers for the values of Ethereum's JSON-RPC (execution-apis, "Hex value encoding").
 * Each gives a value or throws {@link RpcFailure}: a malformed answer is an error, never a value.
 * Hashes, addresses and data come back in lower case. `what` names the value in the error.
 */

export type Hex = `0x${string}`;

/** A quantity: 0x0, or hex without leading zeros, at most 256 bits. */
export function readQuantity(value: unknown, what: string): bigint {
  if (typeof value !== 'string' || !/^0x(0|[1-9a-f][0-9a-f]{0,63})$/i.test(value)) {
    throw new RpcFailure(`${what} is not a quantity`);
  }
  return BigInt(value);
}

/** 32 bytes. */
export function readHash(value: unknown, what: string): Hex {
  return readHex(value, what, /^0x[0-9a-f]{64}$/i);
}

/** 20 bytes. */
export function readAddress(value: unknown, what: string): Hex {
  return readHex(value, what, /^0x[0-9a-f]{40}$/i);
}

/** Any number of whole bytes. */
export function readData(value: unknown, what: string): Hex {
  return readHex(value, what, /^0x(?:[0-9a-f]{2})*$/i);
}

function readHex(value: unknown, what: string, shape: RegExp): Hex {
  if (typeof value !== 'string' || !shape.test(value)) {
    throw new RpcFailure(`${what} is malformed`);
  }
  return value.toLowerCase() as Hex;
}

export function readRecord(value: unknown, what: string): Record<string, unknown> {
  if (!isRecord(value)) throw new RpcFailure(`${what} is not an object`);
  return value;
}

export function readList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new RpcFailure(`${what} is not a list`);
  return value as readonly unknown[];
}

/** One word of storage: 32 bytes, whole, so that a cut answer is no zero. */
export function readWord(value: unknown, what: string): bigint {
  return BigInt(readHash(value, what));
}

/** A block by its number and hash. */
export interface Block {
  readonly number: bigint;
  readonly hash: Hex;
  /** Unix time in seconds. */
  readonly timestamp: bigint;
  /** Whole transactions as the node wrote them, or hashes: what was asked for. */
  readonly transactions: readonly unknown[];
}

/** A pending block, which has neither number nor hash, is malformed here: nobody asks for one. */
export function readBlock(value: unknown): Block {
  const block = readRecord(value, 'block');
  return {
    number: readQuantity(block['number'], 'block number'),
    hash: readHash(block['hash'], 'block hash'),
    timestamp: readQuantity(block['timestamp'], 'block time'),
    transactions: readList(block['transactions'], 'block transactions'),
  };
}

export interface EventLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly logIndex: bigint;
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
}

export function readLog(value: unknown): EventLog {
  const log = readRecord(value, 'log');
  if (log['removed'] === true) throw new RpcFailure('the log was removed by a reorganisation');
  return {
    address: readAddress(log['address'], 'log address'),
    topics: readList(log['topics'], 'log topics').map((topic) => readHash(topic, 'log topic')),
    data: readData(log['data'], 'log data'),
    logIndex: readQuantity(log['logIndex'], 'log index'),
    transactionHash: readHash(log['transactionHash'], 'log transaction hash'),
    blockNumber: readQuantity(log['blockNumber'], 'log block number'),
    blockHash: readHash(log['blockHash'], 'log block hash'),
  };
}

/** What a mined transaction did. */
export interface Receipt {
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  readonly from: Hex;
  /** Null where the transaction created a contract. */
  readonly to: Hex | null;
  /** EIP-658. */
  readonly succeeded: boolean;
  readonly gasUsed: bigint;
  readonly gasPriceWei: bigint;
  readonly logs: readonly EventLog[];
}

/** Throws unless the receipt is of `hash`, lies in a block, and its logs are its own. */
export function readReceipt(value: unknown, hash: string): Receipt {
  const answer = readRecord(value, 'receipt');
  const receipt: Receipt = {
    transactionHash: readHash(answer['transactionHash'], 'receipt transaction hash'),
    blockNumber: readQuantity(answer['blockNumber'], 'receipt block number'),
    blockHash: readHash(answer['blockHash'], 'receipt block hash'),
    from: readAddress(answer['from'], 'receipt sender'),
    to: answer['to'] === null ? null : readAddress(answer['to'], 'receipt target'),
    succeeded: readStatus(answer['status']),
    gasUsed: readQuantity(answer['gasUsed'], 'receipt gas'),
    gasPriceWei: readQuantity(answer['effectiveGasPrice'], 'receipt gas price'),
    logs: readList(answer['logs'], 'receipt logs').map(readLog),
  };
  if (receipt.transactionHash !== hash) {
    throw new RpcFailure('the receipt is of another transaction');
  }
  for (const log of receipt.logs) {
    const isOfBlock =
      log.blockNumber === receipt.blockNumber && log.blockHash === receipt.blockHash;
    if (log.transactionHash !== hash || !isOfBlock) {
      throw new RpcFailure('the receipt holds a log of another transaction');
    }
  }
  const isInOrder = ({ logIndex }: EventLog, index: number): boolean =>
    index === 0 || logIndex > (receipt.logs[index - 1]?.logIndex ?? logIndex);
  if (!receipt.logs.every(isInOrder)) {
    throw new RpcFailure('the logs of the receipt are not in the order of the block');
  }
  return receipt;
}

function readStatus(value: unknown): boolean {
  const status = readQuantity(value, 'receipt status');
  if (status > 1n) throw new RpcFailure('receipt status is neither 0 nor 1');
  return status === 1n;
}

/** Where a known transaction is. */
export interface KnownTransaction {
  readonly from: Hex;
  readonly nonce: bigint;
  /** Null while no block holds it. */
  readonly block: { readonly number: bigint; readonly hash: Hex } | null;
}

/** Throws unless the transaction is `hash` and its block is given whole or not at all. */
export function readKnownTransaction(value: unknown, hash: string): KnownTransaction {
  const answer = readRecord(value, 'transaction');
  if (readHash(answer['hash'], 'transaction hash') !== hash) {
    throw new RpcFailure('the node answered with another transaction');
  }
  const number = answer['blockNumber'] ?? null;
  const blockHash = answer['blockHash'] ?? null;
  if ((number === null) !== (blockHash === null)) {
    throw new RpcFailure('the transaction has half a block');
  }
  return {
    from: readAddress(answer['from'], 'transaction sender'),
    nonce: readQuantity(answer['nonce'], 'transaction nonce'),
    block:
      number === null
        ? null
        : {
            number: readQuantity(number, 'transaction block number'),
            hash: readHash(blockHash, 'transaction block hash'),
          },
  };
}

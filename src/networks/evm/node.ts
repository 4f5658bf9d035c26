import type { Json } from '../../base/json.ts';
import { ChainMismatch } from '../network.ts';
import { RpcErrorAnswer, RpcFailure, type RpcEndpoint } from '../nodes/json-rpc.ts';
import {
  readBlock,
  readData,
  readHash,
  readKnownTransaction,
  readList,
  readLog,
  readQuantity,
  readReceipt,
  readRecord,
  readWord,
  type Block,
  type EventLog,
  type Hex,
  type KnownTransaction,
  type Receipt,
} from './read-answer.ts';

/** A block by its number, or by one of the two tags that matter here. */
export type BlockId = bigint | 'latest' | 'finalized';

export interface CallRequest {
  readonly from?: Hex;
  readonly to: Hex;
  readonly data: Hex;
}

/** What a contract answered. Whatever is neither of the two is thrown as a failure of the node. */
export type CallAnswer =
  | { readonly kind: 'returned'; readonly data: Hex }
  | { readonly kind: 'reverted'; readonly data: Hex };

/** Base fee of the next block and the tips that recent blocks took, in wei. */
export interface FeeHistory {
  readonly nextBaseFeeWei: bigint;
  readonly tipsWei: readonly bigint[];
}

/** Events of one contract in a range of blocks, both ends included. */
export interface LogFilter {
  readonly from: bigint;
  readonly to: bigint;
  readonly address: Hex;
  /** By position; null: any. */
  readonly topics: readonly (Hex | null)[];
}

/** One node of one chain, each question in a type. Every answer is read strictly. */
export interface EvmNode {
  readonly label: string;
  /** Throws {@link ChainMismatch} where the node is of another chain. */
  checkChain(): Promise<void>;
  receipt(hash: string): Promise<Receipt | null>;
  transaction(hash: string): Promise<KnownTransaction | null>;
  /** Null where the chain is shorter. Transactions come as hashes. */
  blockAt(number: bigint): Promise<Block | null>;
  /** As {@link blockAt}, with whole transactions. */
  fullBlockAt(number: bigint): Promise<Block | null>;
  finalizedBlock(): Promise<Block>;
  latestBlock(): Promise<Block>;
  transactionCount(address: Hex, block: BlockId): Promise<bigint>;
  balance(address: Hex): Promise<bigint>;
  code(address: Hex): Promise<Hex>;
  call(request: CallRequest, block: BlockId): Promise<CallAnswer>;
  /** A call at the newest block as if `code` lay at the account that is called. */
  callAs(code: Hex, request: CallRequest & { readonly gas: bigint }): Promise<CallAnswer>;
  /** Gas as a decimal count, or the revert. */
  estimateGas(request: CallRequest): Promise<bigint | { readonly revertData: Hex }>;
  feeHistory(): Promise<FeeHistory>;
  /** One word of an account's storage. */
  storageAt(address: Hex, slot: Hex, block: BlockId): Promise<bigint>;
  /** In the order of the chain. Throws where a log is not of what was asked for. */
  logsOf(blockHash: Hex, filter: Pick<LogFilter, 'address' | 'topics'>): Promise<EventLog[]>;
  /** In the order of the chain. Throws where a log is not of what was asked for. */
  logsBetween(filter: LogFilter): Promise<EventLog[]>;
  /** Gives the hash that the node says it accepted. */
  sendRaw(raw: Hex): Promise<Hex>;
}

const FEE_HISTORY_BLOCKS = '0x14';
const MEDIAN = 50;

/** A node that has shown its chain id once is trusted to stay on that chain. */
export function createEvmNode(endpoint: RpcEndpoint, chainId: bigint): EvmNode {
  let checked = false;
  const checkChain = async (): Promise<void> => {
    if (checked) return;
    const found = readQuantity(await endpoint.request('eth_chainId', []), 'chain id');
    if (found !== chainId) {
      throw new ChainMismatch(`${endpoint.label} is of chain ${found}, not ${chainId}`);
    }
    checked = true;
  };
  /** The same sender uses the same nonces on every chain: a node of another chain is not heard. */
  const ask = async (method: string, params: readonly Json[]): Promise<unknown> => {
    await checkChain();
    return await endpoint.request(method, params);
  };
  return { label: endpoint.label, checkChain, ...chainReads(ask), ...contractReads(ask) };
}

type Ask = (method: string, params: readonly Json[]) => Promise<unknown>;

function chainReads(
  ask: Ask,
): Pick<
  EvmNode,
  | 'receipt'
  | 'transaction'
  | 'blockAt'
  | 'fullBlockAt'
  | 'finalizedBlock'
  | 'latestBlock'
  | 'transactionCount'
> {
  const blockAt = async (number: bigint, whole: boolean): Promise<Block | null> => {
    const answer = await ask('eth_getBlockByNumber', [toQuantity(number), whole]);
    if (answer === null) return null;
    const block = readBlock(answer);
    if (block.number !== number) throw new RpcFailure('the node answered with another block');
    return block;
  };
  return {
    async receipt(hash) {
      const answer = await ask('eth_getTransactionReceipt', [hash]);
      return answer === null ? null : readReceipt(answer, hash);
    },
    async transaction(hash) {
      const answer = await ask('eth_getTransactionByHash', [hash]);
      return answer === null ? null : readKnownTransaction(answer, hash);
    },
    blockAt: async (number) => await blockAt(number, false),
    fullBlockAt: async (number) => await blockAt(number, true),
    async finalizedBlock() {
      return readBlock(await ask('eth_getBlockByNumber', ['finalized', false]));
    },
    async latestBlock() {
      return readBlock(await ask('eth_getBlockByNumber', ['latest', false]));
    },
    async transactionCount(address, block) {
      const answer = await ask('eth_getTransactionCount', [address, toBlockId(block)]);
      return readQuantity(answer, 'transaction count');
    },
  };
}

function contractReads(
  ask: Ask,
): Pick<
  EvmNode,
  | 'balance'
  | 'code'
  | 'call'
  | 'callAs'
  | 'estimateGas'
  | 'feeHistory'
  | 'storageAt'
  | 'logsOf'
  | 'logsBetween'
  | 'sendRaw'
> {
  return {
    async balance(address) {
      return readQuantity(await ask('eth_getBalance', [address, 'latest']), 'balance');
    },
    async code(address) {
      return readData(await ask('eth_getCode', [address, 'latest']), 'code');
    },
    call: async (request, block) =>
      await answerOf(ask('eth_call', [{ ...request }, toBlockId(block)])),
    async callAs(code, { gas, ...request }) {
      const order = { ...request, gas: toQuantity(gas) };
      return await answerOf(ask('eth_call', [order, 'latest', { [request.to]: { code } }]));
    },
    async estimateGas(request) {
      try {
        return readQuantity(await ask('eth_estimateGas', [{ ...request }]), 'gas');
      } catch (error) {
        return { revertData: revertDataOf(error) };
      }
    },
    async feeHistory() {
      const params = [FEE_HISTORY_BLOCKS, 'latest', [MEDIAN]];
      return readFeeHistory(await ask('eth_feeHistory', params));
    },
    async storageAt(address, slot, block) {
      const answer = await ask('eth_getStorageAt', [address, slot, toBlockId(block)]);
      return readWord(answer, 'storage word');
    },
    async logsOf(blockHash, { address, topics }) {
      const answer = await ask('eth_getLogs', [{ blockHash, address, topics: [...topics] }]);
      const isOfBlock = (log: EventLog): boolean => log.blockHash === blockHash;
      return readLogs(answer, { address, topics }, isOfBlock);
    },
    async logsBetween(filter) {
      const { from, to, address, topics } = filter;
      const range = { fromBlock: toQuantity(from), toBlock: toQuantity(to) };
      const answer = await ask('eth_getLogs', [{ ...range, address, topics: [...topics] }]);
      const isInRange = ({ blockNumber }: EventLog): boolean =>
        blockNumber >= from && blockNumber <= to;
      return readLogs(answer, filter, isInRange);
    },
    async sendRaw(raw) {
      return readHash(await ask('eth_sendRawTransaction', [raw]), 'transaction hash');
    },
  };
}

async function answerOf(question: Promise<unknown>): Promise<CallAnswer> {
  try {
    return { kind: 'returned', data: readData(await question, 'call result') };
  } catch (error) {
    return { kind: 'reverted', data: revertDataOf(error) };
  }
}

function readLogs(
  answer: unknown,
  { address, topics }: Pick<LogFilter, 'address' | 'topics'>,
  isInPlace: (log: EventLog) => boolean,
): EventLog[] {
  const logs = readList(answer, 'logs').map(readLog);
  const isAsked = (log: EventLog): boolean =>
    log.address === address &&
    topics.every((topic, index) => topic === null || log.topics[index] === topic);
  if (!logs.every((log) => isAsked(log) && isInPlace(log))) {
    throw new RpcFailure('the node answered with other logs');
  }
  const ordered = logs.toSorted((a, b) =>
    Number(a.blockNumber - b.blockNumber || a.logIndex - b.logIndex),
  );
  const isAgain = (log: EventLog, before: EventLog | undefined): boolean =>
    log.blockNumber === before?.blockNumber && log.logIndex === before.logIndex;
  if (ordered.some((log, index) => isAgain(log, ordered[index - 1]))) {
    throw new RpcFailure('the node answered with a log twice');
  }
  return ordered;
}

function toQuantity(value: bigint): Hex {
  return `0x${value.toString(16)}`;
}

function toBlockId(block: BlockId): string {
  return typeof block === 'bigint' ? toQuantity(block) : block;
}

/** The base fees end with the next block's; there is one row of tips for each past block. */
function readFeeHistory(answer: unknown): FeeHistory {
  const history = readRecord(answer, 'fee history');
  const fees = readList(history['baseFeePerGas'], 'base fees');
  const rows = readList(history['reward'] ?? [], 'rewards');
  return {
    nextBaseFeeWei: readQuantity(fees.at(-1), 'base fee'),
    tipsWei: rows.map((row) => readQuantity(readList(row, 'rewards')[0], 'reward')),
  };
}

/**
 * The data of a revert; rethrows every error that is not one. A contract's revert is error 3
 * (execution-apis), from older nodes a message, or "Reverted 0x…" as the error's data.
 */
function revertDataOf(error: unknown): Hex {
  if (!(error instanceof RpcErrorAnswer)) throw error;
  const text = typeof error.data === 'string' ? error.data : '';
  const [, prefix, data] = /^(Reverted )?(0x(?:[0-9a-f]{2})*)$/i.exec(text) ?? [];
  const isRevert =
    error.code === 3 || prefix !== undefined || /^execution reverted/i.test(error.nodeMessage);
  if (!isRevert) throw error;
  return (data ?? '0x').toLowerCase() as Hex;
}

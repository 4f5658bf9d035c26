import type { Json } from '../../base/json.ts';
import { ChainMismatch } from '../network.ts';
import { isRecord, plainText, RpcFailure } from '../nodes/json-rpc.ts';
import type { PoolNode } from '../nodes/node-pool.ts';
import type { TronEndpoint } from './endpoint.ts';
import type { HexAddress } from './hex-address.ts';
import {
  readAddress,
  readBlock,
  readCount,
  readCountOrZero,
  readHash,
  readHex,
  readHexText,
  readInfo,
  readList,
  readMaybe,
  readRecord,
  readTransaction,
  type Block,
  type KnownTransaction,
  type TransactionInfo,
} from './read-answer.ts';

/** A node shows its newest block's state (`/wallet/`) and its newest solidified block's (`/walletsolidity/`). */
export type View = 'newest' | 'solid';

/** A call of a contract that changes nothing. */
export interface ConstantCall {
  readonly owner: HexAddress;
  readonly contract: HexAddress;
  /** "balanceOf(address)" */
  readonly method: string;
  /** Its arguments, encoded in hex. */
  readonly parameters: string;
}

/** What a contract answered. Whatever is none of these is thrown as a failure of the node. */
export type CallAnswer =
  | {
      readonly kind: 'returned';
      readonly data: string;
      /** The penalty of a contract in great demand included. */
      readonly energy: bigint;
    }
  | { readonly kind: 'reverted'; readonly data: string }
  | { readonly kind: 'no contract' }
  /** It runs to no end: out of energy, an instruction that there is not. */
  | { readonly kind: 'broken'; readonly reason: string };

/** What is left to an account of the energy and bandwidth that it has by staking, renting or for nothing. */
export interface Resources {
  readonly freeEnergy: bigint;
  /** From staking: used whole or not at all for a transaction. */
  readonly stakedBytes: bigint;
  /** Of the daily ones that every account has: likewise. */
  readonly dailyBytes: bigint;
}

/** What the chain charges. */
export interface Prices {
  readonly sunPerEnergy: bigint;
  readonly sunPerByte: bigint;
  /** No transaction may have a higher fee limit. */
  readonly mostFeeLimitSun: bigint;
}

/** One full node, each question in a type. Every answer is read strictly. */
export interface TronNode extends PoolNode {
  /** Throws {@link ChainMismatch} where the node is of another chain. */
  checkChain(): Promise<void>;
  /** The newest block of a view. */
  head(view: View): Promise<Block>;
  /** Of the newest view. Null where the chain is shorter, or the node does not keep it. */
  blockAt(number: bigint): Promise<Block | null>;
  info(txid: string, view: View): Promise<TransactionInfo | null>;
  transaction(txid: string, view: View): Promise<KnownTransaction | null>;
  /** Whether it waits for a block. */
  isPending(txid: string): Promise<boolean>;
  /** Of all transactions of a solidified block, in its order. */
  infosOf(blockNumber: bigint): Promise<TransactionInfo[]>;
  call(call: ConstantCall, view: View): Promise<CallAnswer>;
  /** Its coins in sun; null where the chain has never heard of the account. */
  balance(address: HexAddress): Promise<bigint | null>;
  resources(address: HexAddress): Promise<Resources>;
  prices(): Promise<Prices>;
  /** Gives the id that the node says it accepted. Throws with its own words where it did not. */
  sendRaw(transaction: string): Promise<string>;
}

/** A node that has shown its first block once is trusted to stay on that chain. Null: any chain. */
export function createTronNode(endpoint: TronEndpoint, genesis: string | null): TronNode {
  let checked = genesis === null;
  const checkChain = async (): Promise<void> => {
    if (checked) return;
    const first = readBlock(await endpoint.request('wallet/getblock', blockQuestion(0n)));
    if (first.hash !== genesis) {
      throw new ChainMismatch(`${endpoint.label} is of the chain that began with ${first.hash}`);
    }
    checked = true;
  };
  const ask: Ask = async (path, body) => {
    await checkChain();
    return await endpoint.request(path, body);
  };
  return {
    label: endpoint.label,
    checkChain,
    ...blockReads(ask),
    ...transactionReads(ask),
    ...accountReads(ask),
    call: async (call, view) =>
      readCall(await ask(under(view, 'triggerconstantcontract'), callOf(call))),
    async sendRaw(transaction) {
      const answer = await ask('wallet/broadcasthex', { transaction });
      return readAcceptance(answer, endpoint.label);
    },
  };
}

type Ask = (path: string, body: Json) => Promise<unknown>;

function under(view: View, method: string): string {
  return `${view === 'newest' ? 'wallet' : 'walletsolidity'}/${method}`;
}

/** Without its transactions. */
function blockQuestion(number: bigint): Json {
  return { id_or_num: number.toString(), detail: false };
}

function blockReads(ask: Ask): Pick<TronNode, 'head' | 'blockAt' | 'infosOf'> {
  return {
    head: async (view) => readBlock(await ask(under(view, 'getblock'), { detail: false })),
    async blockAt(number) {
      const answer = readMaybe(await ask('wallet/getblock', blockQuestion(number)), 'block');
      if (answer === null) return null;
      const block = readBlock(answer);
      if (block.number !== number) throw new RpcFailure('the node answered with another block');
      return block;
    },
    async infosOf(blockNumber) {
      const body = { num: Number(blockNumber) };
      const answer = await ask(under('solid', 'gettransactioninfobyblocknum'), body);
      const infos = readList(answer, 'transaction infos').map(readInfo);
      if (!infos.every((info) => info.blockNumber === blockNumber)) {
        throw new RpcFailure('the node answered with transactions of another block');
      }
      if (new Set(infos.map(({ txid }) => txid)).size !== infos.length) {
        throw new RpcFailure('the node answered with a transaction twice');
      }
      return infos;
    },
  };
}

function transactionReads(ask: Ask): Pick<TronNode, 'info' | 'transaction' | 'isPending'> {
  return {
    async info(txid, view) {
      const answer = await ask(under(view, 'gettransactioninfobyid'), { value: txid });
      const found = readMaybe(answer, 'transaction info');
      if (found === null) return null;
      const info = readInfo(found);
      if (info.txid !== txid) throw new RpcFailure('the node answered with another transaction');
      return info;
    },
    async transaction(txid, view) {
      const answer = await ask(under(view, 'gettransactionbyid'), { value: txid });
      const found = readMaybe(answer, 'transaction');
      return found === null ? null : readTransaction(found, txid);
    },
    async isPending(txid) {
      const answer = await ask('wallet/gettransactionfrompending', { value: txid });
      const found = readMaybe(answer, 'transaction');
      if (found !== null) readTransaction(found, txid);
      return found !== null;
    },
  };
}

function accountReads(ask: Ask): Pick<TronNode, 'balance' | 'resources' | 'prices'> {
  return {
    async balance(address) {
      const found = readMaybe(await ask('wallet/getaccount', { address }), 'account');
      if (found === null) return null;
      if (readAddress(found['address'], 'account') !== address) {
        throw new RpcFailure('the node answered with another account');
      }
      return readCountOrZero(found['balance'], 'balance');
    },
    async resources(address) {
      const answer = readRecord(await ask('wallet/getaccountresource', { address }), 'resources');
      const left = (limit: string, used: string): bigint => {
        const rest = readCountOrZero(answer[limit], limit) - readCountOrZero(answer[used], used);
        return rest < 0n ? 0n : rest;
      };
      return {
        freeEnergy: left('EnergyLimit', 'EnergyUsed'),
        stakedBytes: left('NetLimit', 'NetUsed'),
        dailyBytes: left('freeNetLimit', 'freeNetUsed'),
      };
    },
    prices: async () => readPrices(await ask('wallet/getchainparameters', {})),
  };
}

function readPrices(answer: unknown): Prices {
  const record = readRecord(answer, 'chain parameters');
  const values = new Map(
    readList(record['chainParameter'], 'chain parameters').map((entry) => {
      const { key, value } = readRecord(entry, 'chain parameter');
      return [key, value];
    }),
  );
  const price = (key: string): bigint => {
    if (!values.has(key)) throw new RpcFailure(`the chain has no parameter ${key}`);
    return readCountOrZero(values.get(key), key);
  };
  return {
    sunPerEnergy: price('getEnergyFee'),
    sunPerByte: price('getTransactionFee'),
    mostFeeLimitSun: price('getMaxFeeLimit'),
  };
}

function callOf({ owner, contract, method, parameters }: ConstantCall): Json {
  return {
    owner_address: owner,
    contract_address: contract,
    function_selector: method,
    parameter: parameters,
  };
}

/** java-tron answers a revert with `result: true`, a message, and FAILED in the transaction. */
function readCall(value: unknown): CallAnswer {
  const answer = readRecord(value, 'call');
  const result = readRecord(answer['result'], 'call result');
  const message = result['message'] === undefined ? '' : readHexText(result['message'], 'message');
  if (result['result'] !== true) {
    const code = result['code'];
    if (code === 'CONTRACT_VALIDATE_ERROR') return { kind: 'no contract' };
    const isBroken = message.startsWith('class org.tron.core.vm.program.');
    if (!isBroken) throw new RpcFailure(`a call was not run: ${plainText(message)}`);
    return { kind: 'broken', reason: plainText(message) };
  }
  const [returned = ''] = readList(answer['constant_result'], 'constant result');
  const data = readHex(returned, 'constant result');
  const hasFailed = readFailed(answer['transaction']);
  if (hasFailed !== (message !== '')) throw new RpcFailure('a call both failed and did not');
  if (!hasFailed)
    return { kind: 'returned', data, energy: readCount(answer['energy_used'], 'energy') };
  if (message === 'REVERT opcode executed') return { kind: 'reverted', data };
  return { kind: 'broken', reason: plainText(message) };
}

function readFailed(transaction: unknown): boolean {
  const [ret] = readList(readRecord(transaction, 'called transaction')['ret'], 'call outcome');
  const outcome = readRecord(ret, 'call outcome')['ret'];
  if (outcome !== undefined && outcome !== 'SUCESS' && outcome !== 'FAILED') {
    throw new RpcFailure('the outcome of a call is malformed');
  }
  return outcome === 'FAILED';
}

/** Anything but acceptance is thrown: what it means is not for a node to say. */
function readAcceptance(value: unknown, label: string): string {
  const answer = readRecord(value, 'broadcast');
  if (answer['result'] === true) return readHash(answer['txid'], 'transaction id');
  const { code, message } = answer;
  const words = [code, isRecord(message) ? undefined : message]
    .filter((word) => typeof word === 'string')
    .map((word) => plainText(word));
  throw new RpcFailure(`${label}: refused: ${words.join(': ')}`);
}

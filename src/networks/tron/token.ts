import { hexToBytes } from '@noble/hashes/utils.js';
import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { plainText, RpcFailure } from '../nodes/json-rpc.ts';
import { contractForm, fromContractForm, hexAddress, type HexAddress } from './hex-address.ts';
import type { CallAnswer, TronNode, View } from './node.ts';
import type { EventLog } from './read-answer.ts';
import { transferParameters } from './transfer-transaction.ts';

/** Keccak-256 of "Transfer(address,address,uint256)" (TRC-20, EIP-20). */
const TRANSFER_TOPIC = 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

export function contractOf(asset: Asset): HexAddress {
  assert(asset.contract !== null, 'a Tron asset has a contract');
  return hexAddress(asset.contract);
}

/** "USDT on TRON_MAINNET" */
export function nameOf({ token, network }: Asset): string {
  return `${token} on ${network}`;
}

/** One Transfer event of a token, decoded. */
export interface TransferEvent {
  readonly from: HexAddress;
  readonly to: HexAddress;
  readonly units: bigint;
  /** Its place among all events of the transaction. */
  readonly logIndex: bigint;
}

/** The token's Transfer events among a transaction's. Throws where one is not shaped as EIP-20 has it. */
export function transfersOf(contract: HexAddress, logs: readonly EventLog[]): TransferEvent[] {
  return logs.flatMap((log, index) => {
    const [topic, from, to] = log.topics;
    if (log.address !== contractForm(contract) || topic !== TRANSFER_TOPIC) return [];
    if (from === undefined || to === undefined || log.topics.length !== 3) {
      throw new RpcFailure('a Transfer event does not have three topics');
    }
    const [sender, recipient] = [topicAddress(from), topicAddress(to)];
    return [{ from: sender, to: recipient, units: wordOf(log.data), logIndex: BigInt(index) }];
  });
}

function topicAddress(topic: string): HexAddress {
  if (!topic.startsWith('0'.repeat(24))) throw new RpcFailure('a topic is not an address');
  return fromContractForm(topic.slice(24));
}

function wordOf(data: string): bigint {
  if (data.length !== 64) throw new RpcFailure('the answer of a token is not one word');
  return BigInt(`0x${data}`);
}

function addressParameter(address: HexAddress): string {
  return contractForm(address).padStart(64, '0');
}

/** What `owner` holds. Throws RpcFailure where the contract does not say. */
export async function readUnits(
  node: TronNode,
  { contract, owner }: { readonly contract: HexAddress; readonly owner: HexAddress },
  view: View,
): Promise<bigint> {
  const method = 'balanceOf(address)';
  const answer = await node.call(
    { owner, contract, method, parameters: addressParameter(owner) },
    view,
  );
  if (answer.kind !== 'returned') throw new RpcFailure(`${node.label}: balanceOf: ${answer.kind}`);
  return wordOf(answer.data);
}

/** A transfer as it would be made. What it answers says nothing: USDT answers false when it has paid. */
export interface TrialTransfer {
  readonly contract: HexAddress;
  readonly owner: HexAddress;
  readonly to: HexAddress;
  readonly units: bigint;
}

export async function tryTransfer(
  node: TronNode,
  { contract, owner, to, units }: TrialTransfer,
  view: View,
): Promise<CallAnswer> {
  const method = 'transfer(address,uint256)';
  return await node.call(
    { owner, contract, method, parameters: transferParameters(to, units) },
    view,
  );
}

/** Null where the contract has no readable decimals(). */
export async function readDecimals(
  node: TronNode,
  contract: HexAddress,
): Promise<bigint | null | 'no contract'> {
  const call = { owner: contract, contract, method: 'decimals()', parameters: '' };
  const answer = await node.call(call, 'newest');
  if (answer.kind === 'no contract') return answer.kind;
  return wordIn(answer);
}

export async function readPaused(node: TronNode, contract: HexAddress): Promise<boolean> {
  const call = { owner: contract, contract, method: 'paused()', parameters: '' };
  return wordIn(await node.call(call, 'newest')) === 1n;
}

/** The share that a USDT-like token keeps of each transfer; 0 where it has no such notion. */
export async function readFeeRate(node: TronNode, contract: HexAddress): Promise<bigint> {
  const call = { owner: contract, contract, method: 'basisPointsRate()', parameters: '' };
  return wordIn(await node.call(call, 'newest')) ?? 0n;
}

/** USDT's name for it, and USDC's. */
const LISTINGS = ['isBlackListed(address)', 'isBlacklisted(address)'] as const;

/** The method by which the token says that `account` is blacklisted; null where it says no such thing. */
export async function findBlacklisting(
  node: TronNode,
  { contract, account }: { readonly contract: HexAddress; readonly account: HexAddress },
  view: View,
): Promise<string | null> {
  const parameters = addressParameter(account);
  const answers = await Promise.all(
    LISTINGS.map(
      async (method) => await node.call({ owner: contract, contract, method, parameters }, view),
    ),
  );
  return LISTINGS[answers.map(wordIn).indexOf(1n)] ?? null;
}

/** One word; null where the contract has no such method (it reverts or answers otherwise). */
function wordIn(answer: CallAnswer): bigint | null {
  if (answer.kind === 'broken' || answer.kind === 'no contract') {
    throw new RpcFailure(`a token cannot be asked: ${describeCall(answer)}`);
  }
  if (answer.kind === 'reverted' || answer.data.length !== 64) return null;
  return BigInt(`0x${answer.data}`);
}

/** What a call came to, in words. */
export function describeCall(answer: CallAnswer): string {
  switch (answer.kind) {
    case 'returned':
      return 'it returns';
    case 'reverted':
      return describeRevert(answer.data);
    case 'no contract':
      return 'there is no contract';
    case 'broken':
      return answer.reason;
  }
}

/** The selectors of Solidity's Error(string) and Panic(uint256). */
const ERROR = '08c379a0';
const PANIC = '4e487b71';

/** A revert's data in words: the contract's own text, or its selector. */
export function describeRevert(data: string): string {
  if (data === '') return 'it gives no reason';
  const [selector, body] = [data.slice(0, 8), data.slice(8)];
  if (selector === PANIC && body.length === 64)
    return `panic 0x${BigInt(`0x${body}`).toString(16)}`;
  const text = selector === ERROR ? textOf(body) : null;
  return text ?? `error 0x${selector}`;
}

/** An ABI-encoded string: where it begins (always 32 here), its length, its bytes. */
function textOf(body: string): string | null {
  const [offset, length] = [body.slice(0, 64), body.slice(64, 128)];
  if (length.length < 64 || BigInt(`0x${offset}`) !== 32n) return null;
  const bytes = BigInt(`0x${length}`);
  const text = body.slice(128);
  if (bytes * 2n > BigInt(text.length)) return null;
  return plainText(new TextDecoder().decode(hexToBytes(text.slice(0, Number(bytes) * 2))));
}

import { keccak256, toBytes } from 'viem';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import {
  BeyondModel,
  charge,
  emit,
  Halt,
  load,
  Revert,
  store,
  type Frame,
  type TokenContract,
  type TokenFunction,
} from './frame.ts';
import {
  addressAt,
  addressWord,
  errorData,
  numberAt,
  panicData,
  selectorOf,
  WORD_LIMIT,
  wordOf,
} from './words.ts';

/** What contracts/test/TestUSDT.sol and TestUSDC.sol have in common, one storage key a slot. */

export type TokenName = 'USDT' | 'USDC';

/** Slot 0 of both contracts is owner and paused together: one key, its bit 160 is `paused`. */
const OWNER_MASK = 2n ** 160n - 1n;
const PAUSED_BIT = 2n ** 160n;

export function balanceKey(token: TokenName, owner: Hex): string {
  return `${token}b${owner}`;
}

export function listedKey(token: TokenName, account: Hex): string {
  return `${token}l${account}`;
}

export function ownerKey(token: TokenName): string {
  return `${token}o`;
}

export function supplyKey(token: TokenName): string {
  return `${token}s`;
}

export function isPaused(frame: Frame, token: TokenName): boolean {
  return load(frame, ownerKey(token)) >= PAUSED_BIT;
}

export function ownerOf(frame: Frame, token: TokenName): Hex {
  return toAddress(load(frame, ownerKey(token)) & OWNER_MASK);
}

export function setPausedBit(frame: Frame, token: TokenName, paused: boolean): void {
  const owner = load(frame, ownerKey(token)) & OWNER_MASK;
  store(frame, ownerKey(token), paused ? owner | PAUSED_BIT : owner);
}

export function toAddress(value: bigint): Hex {
  return `0x${value.toString(16).padStart(40, '0')}`;
}

/** Calls the function of the selector. No function of a token takes coins. */
export function runToken(frame: Frame, contract: TokenContract): Hex {
  charge(frame, DISPATCH_GAS);
  const selector = selectorOf(frame.data) ?? '';
  const run = contract.functions.get(selector);
  if (run === undefined) {
    if (contract.unmodelled.has(selector))
      throw new BeyondModel(`a token's function 0x${selector}`);
    throw new Revert();
  }
  if (frame.wei > 0n) throw new Revert();
  return run(frame, { address: argument(frame, addressAt), number: argument(frame, numberAt) });
}

const DISPATCH_GAS = 150;

function argument<T>(
  frame: Frame,
  read: (data: Hex, index: number) => T | null,
): (index: number) => T {
  return (index) => {
    const value = read(frame.data, index);
    if (value === null) throw new Revert();
    return value;
  };
}

export function selectors(...signatures: readonly string[]): ReadonlySet<string> {
  return new Set(signatures.map(selector));
}

/** Functions by the selectors of their signatures. */
export function functionsOf(
  table: Readonly<Record<string, TokenFunction>>,
): ReadonlyMap<string, TokenFunction> {
  return new Map(Object.entries(table).map(([signature, run]) => [selector(signature), run]));
}

function selector(signature: string): string {
  return keccak256(toBytes(signature)).slice(2, 10);
}

export const yes: Hex = `0x${wordOf(1n)}`;

export function answerNumber(value: bigint): Hex {
  return `0x${wordOf(value)}`;
}

export function answerBoolean(value: boolean): Hex {
  return answerNumber(value ? 1n : 0n);
}

export function answerText(text: string): Hex {
  // Error(string) without its selector is the encoding of one string.
  return `0x${errorData(text).slice(10)}`;
}

/** Reverts without a reason unless the condition holds, as require(condition) does. */
export function require(condition: boolean): asserts condition {
  if (!condition) throw new Revert();
}

/** As require(condition, reason). */
export function requireOr(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Revert(errorData(reason));
}

/** Solidity's checked addition. */
export function plus(a: bigint, b: bigint): bigint {
  const sum = a + b;
  if (sum >= WORD_LIMIT) throw new Revert(panicData(0x11n));
  return sum;
}

/** As old compilers' assert has it: below zero burns all gas. */
export function minusOrHalt(a: bigint, b: bigint): bigint {
  if (b > a) throw new Halt('invalid opcode');
  return a - b;
}

export interface TokenTransfer {
  readonly from: Hex;
  readonly to: Hex;
  readonly units: bigint;
}

export function emitTransfer(frame: Frame, { from, to, units }: TokenTransfer): void {
  const { paying } = frame.execution;
  emit(frame, { kind: 'transfer', address: frame.self, from, to, units, paying });
}

/** An event whose only content is one address: indexed, or as data. */
export function emitNamed(
  frame: Frame,
  signature: string,
  content: { readonly indexed?: readonly Hex[]; readonly data?: readonly bigint[] },
): void {
  const { indexed = [], data = [] } = content;
  emit(frame, {
    kind: 'other',
    address: frame.self,
    topics: [
      keccak256(toBytes(signature)),
      ...indexed.map((address): Hex => `0x${addressWord(address)}`),
    ],
    data: `0x${data.map(wordOf).join('')}`,
  });
}

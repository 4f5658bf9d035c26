import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { CodeBook } from './code.ts';
import type { Signatures } from './signatures.ts';
import type { State } from './state.ts';

/** What all calls of one transaction share. */
export interface Execution {
  readonly state: State;
  readonly chainId: number;
  /** Of the block, in whole seconds since 1970. */
  readonly timestamp: bigint;
  readonly codes: CodeBook;
  readonly tokens: Readonly<Record<'USDT' | 'USDC', TokenContract>>;
  readonly signatures: Signatures;
  /** Emitted so far; a call that fails takes its own back. */
  readonly logs: LogRecord[];
  /** Slots and accounts that were touched (EIP-2929); a call that fails takes its own back. */
  readonly warm: Set<string>;
  /** The same in the order in which they were. */
  readonly touched: string[];
  /** What slots held before the transaction (EIP-2200). */
  readonly originals: Map<string, bigint>;
  refund: number;
  /** The batch and the item in it that are being paid, for the truth. */
  paying: { readonly batchId: bigint; readonly item: number } | null;
}

/** One call: on whose account, by whom, with what, and how much gas it has left. */
export interface Frame {
  readonly execution: Execution;
  readonly self: Hex;
  readonly caller: Hex;
  readonly wei: bigint;
  readonly data: Hex;
  gas: number;
}

/** A token's functions, and the selectors of those that it has and the model does not. */
export interface TokenContract {
  readonly functions: ReadonlyMap<string, TokenFunction>;
  readonly unmodelled: ReadonlySet<string>;
}

/** One function of a token. Gives the ABI encoding of what it returns. */
export type TokenFunction = (frame: Frame, args: TokenArguments) => Hex;

/** Arguments by their places. Each is checked as Solidity does: what is not there reverts. */
export interface TokenArguments {
  address(index: number): Hex;
  number(index: number): bigint;
}

/** What a call answered. `halted`: as by INVALID or for want of gas; it has burnt all that it had. */
export type CallResult =
  | { readonly kind: 'returned'; readonly output: Hex }
  | { readonly kind: 'reverted'; readonly output: Hex }
  | { readonly kind: 'halted'; readonly reason: 'out of gas' | 'invalid opcode' };

/** An event. A Transfer is kept small, because there are as many as payouts. */
export type LogRecord =
  | {
      readonly kind: 'transfer';
      readonly address: Hex;
      readonly from: Hex;
      readonly to: Hex;
      readonly units: bigint;
      readonly paying: { readonly batchId: bigint; readonly item: number } | null;
    }
  | {
      readonly kind: 'other';
      readonly address: Hex;
      readonly topics: readonly Hex[];
      readonly data: Hex;
    };

/** Thrown inside a call; the call's boundary turns it into its result. */
export class Halt extends Error {
  override readonly name = 'Halt';
  readonly reason: 'out of gas' | 'invalid opcode';

  constructor(reason: 'out of gas' | 'invalid opcode') {
    super(reason);
    this.reason = reason;
  }
}

/** Thrown inside a call: REVERT with this data. */
export class Revert extends Error {
  override readonly name = 'Revert';
  readonly output: Hex;

  constructor(output: Hex = '0x') {
    super('execution reverted');
    this.output = output;
  }
}

/** The model was asked for what it does not know. A test that meets this asks too much of it. */
export class BeyondModel extends Error {
  override readonly name = 'BeyondModel';
}

export function charge(frame: Frame, gas: number): void {
  if (frame.gas < gas) throw new Halt('out of gas');
  frame.gas -= gas;
}

const COLD_SLOT = 2_100;
const COLD_ACCOUNT = 2_600;
const WARM = 100;

/** SLOAD (EIP-2929). */
export function load(frame: Frame, key: string): bigint {
  charge(frame, touch(frame, key) ? COLD_SLOT : WARM);
  return frame.execution.state.word(key);
}

/** The first touch of an account or any other (EIP-2929). */
export function touchAccount(frame: Frame, address: Hex): void {
  charge(frame, touch(frame, address) ? COLD_ACCOUNT : WARM);
}

/** True the first time. */
function touch(frame: Frame, key: string): boolean {
  const { warm, touched } = frame.execution;
  if (warm.has(key)) return false;
  warm.add(key);
  touched.push(key);
  return true;
}

const SSTORE_STIPEND = 2_300;
const SET = 20_000;
const RESET = 2_900;
const CLEAR_REFUND = 4_800;

/** SSTORE (EIP-2200, EIP-2929, EIP-3529). */
export function store(frame: Frame, key: string, value: bigint): void {
  const { execution } = frame;
  if (frame.gas <= SSTORE_STIPEND) throw new Halt('out of gas');
  if (touch(frame, key)) charge(frame, COLD_SLOT);
  const current = execution.state.word(key);
  const original = execution.originals.get(key) ?? current;
  execution.originals.set(key, original);
  if (current === value) {
    charge(frame, WARM);
    return;
  }
  charge(frame, current !== original ? WARM : original === 0n ? SET : RESET);
  execution.refund += refundOf(original, current, value);
  execution.state.set(key, value);
}

function refundOf(original: bigint, current: bigint, value: bigint): number {
  let refund = 0;
  if (original !== 0n) {
    if (current === 0n) refund -= CLEAR_REFUND;
    else if (value === 0n) refund += CLEAR_REFUND;
  }
  if (original === value && current !== original) {
    refund += (original === 0n ? SET : RESET) - WARM;
  }
  return refund;
}

/** LOG0 to LOG4: the event, and its price. */
export function emit(frame: Frame, log: LogRecord): void {
  const topics = log.kind === 'transfer' ? 3 : log.topics.length;
  const bytes = log.kind === 'transfer' ? 32 : (log.data.length - 2) / 2;
  charge(frame, 375 * (topics + 1) + 8 * bytes);
  frame.execution.logs.push(log);
}

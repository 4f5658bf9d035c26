import { keccak256, concat } from 'viem';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { nonceKey, weiKey } from './accounts.ts';
import { codeAt, PROXY_ADDRESS, setCode, type Code } from './code.ts';
import {
  BeyondModel,
  charge,
  Halt,
  Revert,
  touchAccount,
  type CallResult,
  type Execution,
  type Frame,
} from './frame.ts';
import { runProbe } from './probe.ts';
import { runToken } from './token.ts';
import { runTreasury, type SubCall } from './treasury.ts';
import { byteLength } from './words.ts';

export interface Call {
  readonly to: Hex;
  readonly from: Hex;
  readonly wei: bigint;
  readonly data: Hex;
  readonly gas: number;
  /** Runs the probe in place of what lies there (a state override). */
  readonly asProbe?: boolean;
}

export interface CallOutcome {
  readonly result: CallResult;
  readonly gasUsed: number;
}

/** A call from outside: coins move with it, and all of it is undone where it fails. */
export function callAccount(execution: Execution, call: Call): CallOutcome {
  const frame: Frame = { execution, self: call.to, caller: call.from, ...call };
  const result = within(frame, () => {
    moveCoins(execution, call);
    return call.asProbe === true ? runProbe(frame, subCall) : runTarget(frame);
  });
  return { result, gasUsed: call.gas - frame.gas };
}

/** Runs it, and on failure takes back what it changed. A halt burns what gas it had. */
function within(frame: Frame, work: () => Hex): CallResult {
  const { execution } = frame;
  const mark = execution.state.mark();
  const logs = execution.logs.length;
  const { refund } = execution;
  const touched = execution.touched.length;
  const undo = (): void => {
    execution.state.rollback(mark);
    execution.logs.length = logs;
    execution.refund = refund;
    for (const key of execution.touched.splice(touched)) execution.warm.delete(key);
  };
  try {
    return { kind: 'returned', output: work() };
  } catch (error) {
    undo();
    if (error instanceof Revert) return { kind: 'reverted', output: error.output };
    if (!(error instanceof Halt)) throw error;
    frame.gas = 0;
    return { kind: 'halted', reason: error.reason };
  }
}

/** CALL without coins: at most 63 of 64 parts of what is left go along (EIP-150). */
const subCall: SubCall = (frame, { to, data, gas }) => {
  const { execution } = frame;
  touchAccount(frame, to);
  const given = Math.min(gas, frame.gas - Math.floor(frame.gas / 64));
  const child: Frame = { execution, self: to, caller: frame.self, wei: 0n, data, gas: given };
  const result = within(child, () => run(child));
  frame.gas -= given - child.gas;
  return result;
};

/** As {@link run}; a transaction's own target, and what it delegates to, were touched with it. */
function runTarget(frame: Frame): Hex {
  const { execution, self } = frame;
  const code = codeAt(execution.state, execution.codes, self);
  if (code.kind === 'delegation') execution.warm.add(code.to);
  return run(frame);
}

function run(frame: Frame): Hex {
  const { execution, self } = frame;
  const code = codeAt(execution.state, execution.codes, self);
  if (code.kind !== 'delegation') return runCode(frame, code);
  touchAccount(frame, code.to);
  const target = codeAt(execution.state, execution.codes, code.to);
  // A delegation to a delegated account runs its designator, whose first byte is no instruction.
  if (target.kind === 'delegation') throw new Halt('invalid opcode');
  return runCode(frame, target);
}

function runCode(frame: Frame, code: Code): Hex {
  switch (code.kind) {
    case 'none':
      return '0x';
    case 'treasury':
      return runTreasury(frame, code, subCall);
    case 'token':
      return runToken(frame, frame.execution.tokens[code.name]);
    case 'proxy':
      return deploy(frame);
    case 'delegation':
      throw new Halt('invalid opcode');
  }
}

/** Constants of CREATE2, and what the treasury's constructor costs. */
const CREATE_GAS = 32_000;
const GAS_PER_CODE_BYTE = 200;
const GAS_PER_INIT_WORD = 12;
const CONSTRUCTOR_GAS = 1_170;

/** The proxy: calldata is a salt, then init code. Answers with the address, 20 bytes. */
function deploy(frame: Frame): Hex {
  const { execution, data } = frame;
  const salt = data.slice(2, 66);
  if (salt.length < 64) throw new Halt('out of gas');
  const initCode: Hex = `0x${data.slice(66)}`;
  const address = create2Address(salt, initCode);
  if (frame.self !== PROXY_ADDRESS) throw new BeyondModel('the proxy elsewhere than at its place');
  const code = execution.codes.deployed(initCode, address);
  if (code === null) throw new BeyondModel('init code of anything but the treasury');
  charge(frame, CREATE_GAS + Math.ceil(byteLength(initCode) / 32) * GAS_PER_INIT_WORD);
  if (codeAt(execution.state, execution.codes, address).kind !== 'none') {
    // A collision burns what the creation was given, and the proxy reverts.
    charge(frame, frame.gas - Math.floor(frame.gas / 64));
    throw new Revert();
  }
  if (frame.wei > 0n) throw new Revert();
  charge(frame, CONSTRUCTOR_GAS + byteLength(execution.codes.bytesOf(code)) * GAS_PER_CODE_BYTE);
  setCode(execution.state, execution.codes, { address, code });
  execution.state.set(nonceKey(address), 1n);
  execution.state.set(nonceKey(PROXY_ADDRESS), execution.state.word(nonceKey(PROXY_ADDRESS)) + 1n);
  return address;
}

/** EIP-1014, from the proxy's account. */
function create2Address(salt: string, initCode: Hex): Hex {
  const preimage = concat(['0xff', PROXY_ADDRESS, `0x${salt}`, keccak256(initCode)]);
  return `0x${keccak256(preimage).slice(26)}`;
}

function moveCoins({ state }: Execution, { from, to, wei }: Call): void {
  if (wei === 0n) return;
  state.set(weiKey(from), state.word(weiKey(from)) - wei);
  state.set(weiKey(to), state.word(weiKey(to)) + wei);
}

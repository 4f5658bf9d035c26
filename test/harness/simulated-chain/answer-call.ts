import type { Json } from '../../../src/base/json.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { newExecution } from './apply.ts';
import { callAccount } from './call.ts';
import { PROBE_CODE } from './code.ts';
import { BeyondModel, type CallResult } from './frame.ts';
import { GAS_CAP } from './pool.ts';
import {
  blockAndStateOf,
  invalid,
  readAddress,
  readObject,
  type Knowledge,
  type Parameters,
} from './question.ts';
import { REFUSED, REVERTED, RpcError } from './rpc-error.ts';
import { gasOf } from './transaction.ts';
import { byteLength, quantity } from './words.ts';

/** geth's default for calls that name no gas, and its bound for those that do. */
const CALL_GAS = 50_000_000;
const NOBODY: Hex = `0x${'0'.repeat(40)}`;

interface CallOrder {
  readonly from: Hex;
  readonly to: Hex;
  readonly wei: bigint;
  readonly data: Hex;
  readonly gas: number | null;
  readonly asProbe: boolean;
}

/** eth_call, with the code of one account overridden by the probe's or not at all. */
export function answerCall(known: Knowledge, [given, id, overrides]: Parameters): Json {
  const order = readOrder(given, overrides);
  const { result } = run(known, id, {
    ...order,
    gas: Math.min(order.gas ?? CALL_GAS, CALL_GAS),
  });
  if (result.kind !== 'returned') throw failureOf(result);
  return result.output;
}

/** geth stops searching when it is as near as this. */
const NEAR_ENOUGH = 0.015;

/** eth_estimateGas: the least with which it succeeds, or a little more. */
export function estimateGas(known: Knowledge, [given, id]: Parameters): Json {
  const order = readOrder(given, undefined);
  const { floorGas } = gasOf(order.data, 0);
  let enough = Math.min(order.gas ?? GAS_CAP, GAS_CAP);
  const first = run(known, id, { ...order, gas: enough });
  if (first.result.kind === 'halted' && first.result.reason === 'out of gas') {
    throw new RpcError(REFUSED, `gas required exceeds allowance (${enough})`);
  }
  if (first.result.kind !== 'returned') throw failureOf(first.result);
  const least = Math.max(first.spent, floorGas);
  if (run(known, id, { ...order, gas: least }).result.kind === 'returned') return quantity(least);
  let tooLittle = least;
  while ((enough - tooLittle) / enough > NEAR_ENOUGH) {
    const middle = Math.min(Math.floor((enough + tooLittle) / 2), tooLittle * 2);
    const { result } = run(known, id, { ...order, gas: middle });
    if (result.kind === 'returned') enough = middle;
    else tooLittle = middle;
  }
  return quantity(enough);
}

function run(
  { core, view }: Knowledge,
  id: Json | undefined,
  order: CallOrder & { readonly gas: number },
): { readonly result: CallResult; readonly spent: number } {
  const { block, state } = blockAndStateOf(view, id);
  const { from, to, wei, data, asProbe } = order;
  const { intrinsicGas, floorGas } = gasOf(data, 0);
  const least = Math.max(intrinsicGas, floorGas);
  if (order.gas < least) {
    const gas = `have ${order.gas}, want ${least}`;
    throw new RpcError(REFUSED, `err: intrinsic gas too low: ${gas} (supplied gas ${order.gas})`);
  }
  const place = core.placeOn(state, block.timestamp);
  if (wei > 0n) throw new BeyondModel('a call that carries coins');
  const execution = newExecution(place, [from, to]);
  const gas = order.gas - intrinsicGas;
  const { result, gasUsed } = callAccount(execution, { from, to, wei, data, gas, asProbe });
  return { result, spent: intrinsicGas + gasUsed };
}

/** In geth's words: only REVERT has a code of its own, and data. */
function failureOf(result: Exclude<CallResult, { kind: 'returned' }>): RpcError {
  if (result.kind === 'halted') {
    const isInvalid = result.reason === 'invalid opcode';
    return new RpcError(REFUSED, isInvalid ? 'invalid opcode: INVALID' : 'out of gas');
  }
  const reason = reasonIn(result.output);
  const message = reason === null ? 'execution reverted' : `execution reverted: ${reason}`;
  return new RpcError(REVERTED, message, result.output);
}

/** The text of Error(string). */
function reasonIn(output: Hex): string | null {
  if (!output.startsWith('0x08c379a0') || byteLength(output) < 68) return null;
  const length = Number(BigInt(`0x${output.slice(74, 138)}`));
  return Buffer.from(output.slice(138, 138 + length * 2), 'hex').toString('utf8');
}

function readOrder(given: Json | undefined, overrides: Json | undefined): CallOrder {
  const { from, to, data, input, gas, value } = readObject(given);
  if (to === undefined || to === null) throw new BeyondModel('a call that creates a contract');
  const target = readAddress(to);
  return {
    from: from === undefined || from === null ? NOBODY : readAddress(from),
    to: target,
    wei: BigInt(readText(value) ?? '0x0'),
    data: readData(readText(input) ?? readText(data) ?? '0x'),
    gas: gas === undefined || gas === null ? null : Number(BigInt(readText(gas) ?? '0x0')),
    asProbe: readOverride(overrides, target),
  };
}

function readText(value: Json | undefined): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw invalid('invalid argument: hex string');
  return value;
}

function readData(text: string): Hex {
  if (!/^0x(?:[0-9a-f]{2})*$/i.test(text)) throw invalid('invalid argument: hex string');
  return text.toLowerCase() as Hex;
}

/** Whether the probe's code is to lie at the target. */
function readOverride(overrides: Json | undefined, target: Hex): boolean {
  if (overrides === undefined || overrides === null) return false;
  const [entry, ...others] = Object.entries(readObject(overrides));
  if (entry === undefined) return false;
  const [address, changes] = entry;
  const { code, ...more } = readObject(changes);
  const isProbe = typeof code === 'string' && code.toLowerCase() === PROBE_CODE;
  if (
    !isProbe ||
    address.toLowerCase() !== target ||
    others.length + Object.keys(more).length > 0
  ) {
    throw new BeyondModel('an override of anything but the code of the target by the probe');
  }
  return true;
}

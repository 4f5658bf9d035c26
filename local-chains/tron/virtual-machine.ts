import { Common, Hardfork, Mainnet, type ParamsDict } from '@ethereumjs/common';
import { createEVM, EVMError, paramsEVM, type EVM, type ExecResult } from '@ethereumjs/evm';
import { Address as MachineAddress } from '@ethereumjs/util';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { Address } from './address.ts';
import { MachineState } from './machine-state.ts';
import { EMPTY_STATE, type ChainState } from './state.ts';

/** Runs contract code with Tron's prices of energy. One call at a time. */
export interface VirtualMachine {
  call(state: ChainState, order: CallOrder): Promise<CallOutcome>;
  /** Runs a constructor as if it lay at `order.contract`; gives the code to be kept in `returned`. */
  construct(state: ChainState, order: CallOrder): Promise<CallOutcome>;
}

export interface CallOrder {
  readonly caller: Address;
  readonly contract: Address;
  readonly callValue: bigint;
  readonly data: Uint8Array;
  readonly energyLimit: number;
  /** The contract's penalty, in ten-thousandths on top. */
  readonly energyFactor: number;
  readonly block: BlockContext;
}

export interface BlockContext {
  readonly number: number;
  readonly timestampMs: number;
}

/** protocol.Transaction.Result.contractResult, by name: those that can be met here. */
export type ContractResult =
  | 'SUCCESS'
  | 'REVERT'
  | 'BAD_JUMP_DESTINATION'
  | 'OUT_OF_MEMORY'
  | 'STACK_TOO_SMALL'
  | 'STACK_TOO_LARGE'
  | 'ILLEGAL_OPERATION'
  | 'OUT_OF_ENERGY'
  | 'OUT_OF_TIME'
  | 'UNKNOWN';

export interface CallOutcome {
  readonly result: ContractResult;
  /** Of the whole call, the penalty included. */
  readonly energyUsed: number;
  readonly energyPenalty: number;
  readonly returned: Uint8Array;
  /** Empty unless it succeeded. */
  readonly logs: readonly ContractLog[];
  /** As it was before where the call failed. */
  readonly state: ChainState;
  /** java-tron's words for a failure; empty for success. */
  readonly message: string;
}

export interface ContractLog {
  /** 20 bytes, hex without the prefix. */
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

const PLAIN = 10_000;

const RESULTS = new Map<string, ContractResult>([
  [EVMError.errorMessages.REVERT, 'REVERT'],
  [EVMError.errorMessages.OUT_OF_GAS, 'OUT_OF_ENERGY'],
  [EVMError.errorMessages.INVALID_JUMP, 'BAD_JUMP_DESTINATION'],
  [EVMError.errorMessages.INVALID_OPCODE, 'ILLEGAL_OPERATION'],
  [EVMError.errorMessages.STACK_UNDERFLOW, 'STACK_TOO_SMALL'],
  [EVMError.errorMessages.STACK_OVERFLOW, 'STACK_TOO_LARGE'],
]);

export async function createVirtualMachine(): Promise<VirtualMachine> {
  const machineState = new MachineState(EMPTY_STATE);
  const common = new Common({
    chain: Mainnet,
    hardfork: Hardfork.Petersburg,
    params: energyPrices(),
  });
  const evm = await createEVM({ common, stateManager: machineState, params: energyPrices() });
  return {
    call: async (state, order) => {
      machineState.begin(state, order.block.timestampMs);
      const run = await evm.runCall({
        ...runOptions(order),
        skipNonceIncrement: true,
        gasLimit: BigInt(plainLimit(order)),
      });
      evm.journal.cleanJournal();
      return outcomeOf(run.execResult, { state, order, after: machineState.result() });
    },
    construct: async (state, order) => await construct(evm, machineState, { state, order }),
  };
}

async function construct(
  evm: EVM,
  machineState: MachineState,
  { state, order }: { state: ChainState; order: CallOrder },
): Promise<CallOutcome> {
  machineState.begin(state, order.block.timestampMs);
  const options = { ...runOptions(order), code: order.data, data: new Uint8Array(0) };
  const run = await evm.runCode({ ...options, gasLimit: BigInt(plainLimit(order)) });
  evm.journal.cleanJournal();
  return outcomeOf(run, { state, order, after: machineState.result() });
}

function runOptions(order: CallOrder) {
  const caller = machineAddress(order.caller);
  return {
    caller,
    origin: caller,
    to: machineAddress(order.contract),
    value: order.callValue,
    data: order.data,
    block: {
      header: {
        number: BigInt(order.block.number),
        coinbase: new MachineAddress(new Uint8Array(20)),
        timestamp: BigInt(Math.floor(order.block.timestampMs / 1_000)),
        difficulty: 0n,
        prevRandao: new Uint8Array(32),
        gasLimit: 0n,
        getBlobGasPrice: () => undefined,
      },
    },
  };
}

function outcomeOf(
  run: ExecResult,
  about: { state: ChainState; order: CallOrder; after: ChainState },
): CallOutcome {
  const { order } = about;
  const result = resultOf(run);
  const plainUsed = Number(run.executionGasUsed);
  const burnsAll = result !== 'SUCCESS' && result !== 'REVERT';
  const energyUsed = burnsAll ? order.energyLimit : withPenalty(plainUsed, order.energyFactor);
  const succeeded = result === 'SUCCESS';
  return {
    result,
    energyUsed,
    energyPenalty: energyUsed - Math.min(energyUsed, plainUsed),
    returned: run.returnValue,
    logs: succeeded ? (run.logs ?? []).map(logOf) : [],
    state: succeeded ? about.after : about.state,
    message: messageOf(result),
  };
}

function logOf([address, topics, data]: [Uint8Array, Uint8Array[], Uint8Array]): ContractLog {
  return { address: bytesToHex(address), topics: topics.map(bytesToHex), data: bytesToHex(data) };
}

function resultOf(run: ExecResult): ContractResult {
  const error = run.exceptionError?.error;
  return error === undefined ? 'SUCCESS' : (RESULTS.get(error) ?? 'UNKNOWN');
}

/** The texts of java-tron's exceptions, less the figures in them. */
export function messageOf(result: ContractResult): string {
  switch (result) {
    case 'SUCCESS':
      return '';
    case 'REVERT':
      return 'REVERT opcode executed';
    case 'OUT_OF_ENERGY':
      return "Not enough energy for 'SSTORE' operation executing";
    case 'OUT_OF_TIME':
      return "CPU timeout for 'SSTORE' operation executing";
    case 'BAD_JUMP_DESTINATION':
      return "Operation with pc isn't 'JUMPDEST': PC[0];";
    case 'ILLEGAL_OPERATION':
      return 'Invalid operation code: opCode[fe];';
    case 'OUT_OF_MEMORY':
    case 'STACK_TOO_SMALL':
    case 'STACK_TOO_LARGE':
    case 'UNKNOWN':
      return 'Unknown Throwable';
  }
}

/** What is left for the plain prices, so that with the penalty no more than the limit is used. */
function plainLimit(order: CallOrder): number {
  return Math.floor((order.energyLimit * PLAIN) / (PLAIN + order.energyFactor));
}

function withPenalty(plain: number, factor: number): number {
  return Math.floor((plain * (PLAIN + factor)) / PLAIN);
}

/**
 * The machine's Petersburg has one price of storing, as Tron has; the calls and reads that Ethereum made
 * dearer before it (EIP-150, EIP-160) have kept their first prices on Tron (java-tron, EnergyCost).
 */
function energyPrices(): ParamsDict {
  const prices: ParamsDict = structuredClone(paramsEVM);
  const first = prices['1'];
  const dearer = prices['608'];
  if (first === undefined || dearer === undefined)
    throw new Error('the prices are not as expected');
  const kept = Object.keys(dearer).map((name) => [name, first[name] ?? dearer[name] ?? 0] as const);
  const delegated = { delegatecallGas: 40 };
  return {
    ...prices,
    '608': { ...Object.fromEntries(kept), ...delegated },
    '607': { ...prices['607'], expByteGas: 10 },
  };
}

function machineAddress(address: Address): MachineAddress {
  return new MachineAddress(hexToBytes(address.slice(2)));
}

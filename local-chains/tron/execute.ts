import type { Address } from './address.ts';
import type { ForcedResult } from './controls.ts';
import { invalidContract, Refusal } from './refusal.ts';
import { bandwidthLeft, energyLeft, freeBandwidthLeft, slotAt, use } from './resources.ts';
import {
  accountOf,
  contractOf,
  newAccount,
  parameterOf,
  withAccount,
  type Account,
  type ChainState,
} from './state.ts';
import type { ContractCall, Transaction } from './transaction.ts';
import {
  messageOf,
  type BlockContext,
  type CallOutcome,
  type ContractLog,
  type ContractResult,
  type VirtualMachine,
} from './virtual-machine.ts';

/** What a transaction did, as its info tells it. Fees in sun. */
export interface Execution {
  readonly result: ContractResult;
  readonly call: ContractCall;
  readonly feeSun: bigint;
  readonly netUsage: number;
  readonly netFee: bigint;
  readonly energyUsage: number;
  readonly energyFee: bigint;
  readonly energyUsageTotal: number;
  readonly energyPenalty: number;
  readonly returned: Uint8Array;
  readonly logs: readonly ContractLog[];
  /** Why the call failed; empty for success. */
  readonly message: string;
}

export interface ExecutionOrder {
  readonly transaction: Transaction;
  readonly call: ContractCall;
  readonly block: BlockContext;
  readonly forced: ForcedResult | undefined;
}

interface Executed {
  readonly state: ChainState;
  readonly execution: Execution;
}

/** java-tron adds this to a transaction's size for the result that a block keeps with it. */
const RESULT_BYTES = 64;

/** Throws {@link Refusal} where no block may hold the transaction: then nothing is paid for it. */
export async function execute(
  machine: VirtualMachine,
  state: ChainState,
  order: ExecutionOrder,
): Promise<Executed> {
  const paid = payBandwidth(state, order);
  const noted = payMemo(paid.state, order);
  const before: Execution = {
    result: 'SUCCESS',
    call: order.call,
    feeSun: paid.feeSun + noted.feeSun,
    netUsage: paid.usage,
    netFee: paid.feeSun,
    energyUsage: 0,
    energyFee: 0n,
    energyUsageTotal: 0,
    energyPenalty: 0,
    returned: new Uint8Array(0),
    logs: [],
    message: '',
  };
  const { call } = order;
  if (call.kind === 'TransferContract')
    return transfer({ state: noted.state, order, before }, call);
  return await trigger(machine, { state: noted.state, order, before }, call);
}

/** Staked first, then the day's free bytes, then burned at the price of a byte. */
function payBandwidth(
  state: ChainState,
  { transaction, call, block }: ExecutionOrder,
): { state: ChainState; usage: number; feeSun: bigint } {
  const owner = accountOf(state, call.owner);
  if (owner === undefined) throw invalidContract(`account [${call.owner}] does not exist`);
  const bytes = transaction.sizeBytes + RESULT_BYTES;
  const slot = slotAt(block.timestampMs);
  const keep = (account: Account): ChainState =>
    withAccount(state, call.owner, { ...account, operatedAtMs: block.timestampMs });
  if (bandwidthLeft(owner, slot) >= bytes) {
    const bandwidth = use(owner.bandwidth, bytes, slot);
    return { state: keep({ ...owner, bandwidth }), usage: bytes, feeSun: 0n };
  }
  const opensAccount = call.kind === 'TransferContract' && accountOf(state, call.to) === undefined;
  const freeLimit = parameterOf(state, 'getFreeNetLimit');
  if (!opensAccount && freeBandwidthLeft(owner, slot, freeLimit) >= bytes) {
    const freeBandwidth = use(owner.freeBandwidth, bytes, slot);
    return { state: keep({ ...owner, freeBandwidth }), usage: bytes, feeSun: 0n };
  }
  const feeSun = opensAccount
    ? BigInt(parameterOf(state, 'getCreateAccountFee'))
    : BigInt(bytes) * BigInt(parameterOf(state, 'getTransactionFee'));
  if (owner.sun < feeSun) {
    throw new Refusal(
      'BANDWITH_ERROR',
      `Account resource insufficient error: Account has insufficient bandwidth[${bytes}] and balance[${feeSun}] to create new account`,
    );
  }
  return { state: keep({ ...owner, sun: owner.sun - feeSun }), usage: 0, feeSun };
}

/** A transaction with data costs extra (TIP-387). */
function payMemo(
  state: ChainState,
  { transaction, call }: ExecutionOrder,
): { state: ChainState; feeSun: bigint } {
  const feeSun = BigInt(parameterOf(state, 'getMemoFee'));
  const owner = accountOf(state, call.owner);
  if (transaction.raw.data.length === 0 || feeSun === 0n || owner === undefined) {
    return { state, feeSun: 0n };
  }
  if (owner.sun < feeSun) {
    throw new Refusal(
      'BANDWITH_ERROR',
      `Account resource insufficient error: account ${call.owner} balance not enough for memo fee`,
    );
  }
  return { state: withAccount(state, call.owner, { ...owner, sun: owner.sun - feeSun }), feeSun };
}

interface Started {
  readonly state: ChainState;
  readonly order: ExecutionOrder;
  readonly before: Execution;
}

/** TRX from one account to another, which comes into being where it is new, at a price. */
function transfer(
  { state, order, before }: Started,
  call: ContractCall & { kind: 'TransferContract' },
): Executed {
  if (call.to === call.owner) throw invalidContract('Cannot transfer TRX to yourself.');
  if (call.amount <= 0n) throw invalidContract('Amount must be greater than 0.');
  if (contractOf(state, call.to) !== undefined) {
    throw invalidContract('Cannot transfer TRX to a smartContract.');
  }
  const owner = accountOf(state, call.owner) ?? newAccount(order.block.timestampMs);
  const known = accountOf(state, call.to);
  const fee =
    known === undefined ? BigInt(parameterOf(state, 'getCreateNewAccountFeeInSystemContract')) : 0n;
  if (owner.sun < call.amount + fee) {
    throw invalidContract('Validate TransferContract error, balance is not sufficient.');
  }
  const to = known ?? newAccount(order.block.timestampMs);
  const debited = withAccount(state, call.owner, { ...owner, sun: owner.sun - call.amount - fee });
  return {
    state: withAccount(debited, call.to, { ...to, sun: to.sun + call.amount }),
    execution: { ...before, feeSun: before.feeSun + fee },
  };
}

async function trigger(
  machine: VirtualMachine,
  started: Started,
  call: ContractCall & { kind: 'TriggerSmartContract' },
): Promise<Executed> {
  const { state, order, before } = started;
  const contract = contractOf(state, call.contract);
  if (contract === undefined) throw invalidContract('No contract or not a smart contract');
  const energyLimit = energyLimitOf(state, { call, order });
  const outcome = await machine.call(state, {
    caller: call.owner,
    contract: call.contract,
    callValue: call.callValue,
    data: call.data,
    energyLimit,
    energyFactor: contract.energyFactor,
    block: order.block,
  });
  const ended = forcedOutcome(outcome, { state, energyLimit, forced: order.forced });
  const bill = payEnergy(ended, call.owner, slotAt(order.block.timestampMs));
  return {
    state: bill.state,
    execution: {
      ...before,
      result: ended.result,
      feeSun: before.feeSun + bill.energyFee,
      energyUsage: bill.energyUsage,
      energyFee: bill.energyFee,
      energyUsageTotal: ended.energyUsed,
      energyPenalty: ended.energyPenalty,
      returned: ended.returned,
      logs: ended.logs,
      message: ended.message,
    },
  };
}

/** The lesser of what the account can pay for and what the fee limit allows, staked energy included. */
function energyLimitOf(
  state: ChainState,
  { call, order }: { call: ContractCall & { kind: 'TriggerSmartContract' }; order: ExecutionOrder },
): number {
  const { feeLimit } = order.transaction.raw;
  const maximum = parameterOf(state, 'getMaxFeeLimit');
  if (feeLimit < 0n || feeLimit > BigInt(maximum)) {
    throw invalidContract(`feeLimit must be >= 0 and <= ${maximum}`);
  }
  if (call.callValue < 0n) throw invalidContract('callValue must be >= 0');
  if (call.tokenValue !== 0n || call.tokenId !== 0n) {
    throw invalidContract(
      `invalid arguments with tokenValue = ${call.tokenValue}, tokenId = ${call.tokenId}`,
    );
  }
  const owner = accountOf(state, call.owner) ?? newAccount(0);
  if (owner.sun < call.callValue) {
    throw invalidContract('Validate InternalTransfer error, balance is not sufficient.');
  }
  const price = BigInt(parameterOf(state, 'getEnergyFee'));
  const staked = BigInt(energyLeft(owner, slotAt(order.block.timestampMs)));
  const affordable = staked + (owner.sun - call.callValue) / price;
  const allowed = feeLimit / price;
  return Number(affordable < allowed ? affordable : allowed);
}

function forcedOutcome(
  outcome: CallOutcome,
  about: { state: ChainState; energyLimit: number; forced: ForcedResult | undefined },
): CallOutcome {
  const { forced, state } = about;
  if (forced === undefined) return outcome;
  const burnsAll = forced !== 'REVERT' && forced !== 'UNKNOWN';
  return {
    ...outcome,
    result: forced,
    state,
    logs: [],
    returned: new Uint8Array(0),
    energyUsed: burnsAll ? about.energyLimit : outcome.energyUsed,
    message: messageOf(forced),
  };
}

/** Staked energy first; the rest is burned at the price of energy. */
function payEnergy(
  outcome: CallOutcome,
  ownerAddress: Address,
  slot: number,
): { state: ChainState; energyUsage: number; energyFee: bigint } {
  const owner = accountOf(outcome.state, ownerAddress);
  if (owner === undefined) throw new Error('the caller is gone');
  const energyUsage = Math.min(outcome.energyUsed, energyLeft(owner, slot));
  const price = BigInt(parameterOf(outcome.state, 'getEnergyFee'));
  const energyFee = BigInt(outcome.energyUsed - energyUsage) * price;
  if (owner.sun < energyFee) throw new Error('the energy limit was more than can be paid for');
  const energy = use(owner.energy, energyUsage, slot);
  const billed = { ...owner, sun: owner.sun - energyFee, energy };
  return { state: withAccount(outcome.state, ownerAddress, billed), energyUsage, energyFee };
}

import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { shownState, tipOf } from './node-view.ts';
import {
  addressIn,
  bytesOf,
  integerIn,
  parseError,
  showAddress,
  showText,
  withoutDefaults,
  type JsonObject,
  type Question,
} from './question.ts';
import { invalidContract, Refusal } from './refusal.ts';
import { accountOf, contractOf, type ChainState } from './state.ts';
import { buildTransaction, printTransaction } from './transaction-json.ts';
import type { ContractCall, Transaction } from './transaction.ts';
import type { CallOutcome, ContractResult } from './virtual-machine.ts';

type Trigger = ContractCall & { readonly kind: 'TriggerSmartContract' };

/** A node's own bound for calls that change nothing. */
const CONSTANT_ENERGY = 100_000_000;

export async function answerConstantCall(question: Question): Promise<JsonObject> {
  const { visible } = question;
  const call = triggerIn(question);
  return await orRefusal(question, async () => {
    const outcome = await callConstant(question, call);
    const failed = outcome.result !== 'SUCCESS';
    const transaction = printTransaction(built(question, call), {
      visible,
      contractRet: undefined,
    });
    return withoutDefaults({
      result: failed
        ? { result: true, message: showText(outcome.message, visible) }
        : { result: true },
      energy_used: outcome.energyUsed,
      energy_penalty: outcome.energyPenalty,
      constant_result: [bytesToHex(outcome.returned)],
      logs: outcome.logs.map((log) => withoutDefaults({ ...log })),
      transaction: { ret: [failed ? { ret: 'FAILED' } : {}], visible, ...transaction },
    });
  });
}

export async function answerEnergyEstimate(question: Question): Promise<JsonObject> {
  const call = triggerIn(question);
  return await orRefusal(question, async () => {
    const outcome = await callConstant(question, call);
    if (outcome.result !== 'SUCCESS') throw exceptionOf(outcome.result, outcome.message);
    return { result: { result: true }, energy_required: outcome.energyUsed };
  });
}

/** Builds a call; nothing is tried. */
export async function answerTrigger(question: Question): Promise<JsonObject> {
  const { visible } = question;
  const call = triggerIn(question);
  return await orRefusal(question, async () => {
    await contractIn(question, call.contract);
    const transaction = printTransaction(built(question, call), {
      visible,
      contractRet: undefined,
    });
    return { result: { result: true }, transaction: { visible, ...transaction } };
  });
}

/** Builds a transfer of TRX. What could not be carried out is an `Error`, as in java-tron. */
export async function answerCreateTransfer(question: Question): Promise<JsonObject> {
  const { body, visible, core, node, solidity } = question;
  const owner = addressIn(body, 'owner_address', visible);
  const amount = integerIn(body, 'amount');
  const call = {
    kind: 'TransferContract',
    owner,
    to: addressIn(body, 'to_address', visible),
    amount,
  } as const;
  const state = await question.serial(async () => await shownState(core, node, solidity));
  const account = accountOf(state, owner);
  const complaint =
    account === undefined
      ? 'Validate TransferContract error, no OwnerAccount.'
      : account.sun < amount
        ? 'Validate TransferContract error, balance is not sufficient.'
        : undefined;
  if (complaint !== undefined) {
    return { Error: `class org.tron.core.exception.ContractValidateException : ${complaint}` };
  }
  const transaction = printTransaction(built(question, call), { visible, contractRet: undefined });
  return { visible, ...transaction };
}

/** `{}` where there is none. */
export async function answerContract(question: Question): Promise<JsonObject> {
  const { core, node, body, visible, solidity } = question;
  const address = addressIn(body, 'value', visible);
  const state = await question.serial(async () => await shownState(core, node, solidity));
  const contract = contractOf(state, address);
  if (contract === undefined) return {};
  return {
    bytecode: bytesToHex(contract.code),
    name: contract.name,
    consume_user_resource_percent: 100,
    origin_energy_limit: 10_000_000,
    origin_address: showAddress(contract.owner, visible),
    contract_address: showAddress(address, visible),
    abi: { entrys: contract.abi },
    code_hash: bytesToHex(keccak_256(contract.code)),
  };
}

/** The same with what the chain itself knows of it: the dynamic energy factor. */
export async function answerContractInfo(question: Question): Promise<JsonObject> {
  const { core, node, body, visible, solidity } = question;
  const address = addressIn(body, 'value', visible);
  const state = await question.serial(async () => await shownState(core, node, solidity));
  const contract = contractOf(state, address);
  if (contract === undefined) return {};
  return {
    runtimecode: bytesToHex(contract.code),
    smart_contract: await answerContract(question),
    contract_state: withoutDefaults({ energy_factor: contract.energyFactor, update_cycle: 1 }),
  };
}

async function callConstant(question: Question, call: Trigger): Promise<CallOutcome> {
  const { core, node, solidity } = question;
  const { state, energyFactor } = await contractIn(question, call.contract);
  const { number, timestampMs } = tipOf(core, node, solidity);
  if ((accountOf(state, call.owner)?.sun ?? 0n) < call.callValue) {
    throw invalidContract('Validate InternalTransfer error, balance is not sufficient.');
  }
  const outcome = await question.serial(
    async () =>
      await core.machine.call(state, {
        caller: call.owner,
        contract: call.contract,
        callValue: call.callValue,
        data: call.data,
        energyLimit: CONSTANT_ENERGY,
        energyFactor,
        block: { number, timestampMs },
      }),
  );
  if (outcome.result !== 'SUCCESS' && outcome.result !== 'REVERT') {
    throw exceptionOf(outcome.result, outcome.message);
  }
  return outcome;
}

async function contractIn(
  question: Question,
  address: string,
): Promise<{ state: ChainState; energyFactor: number }> {
  const { core, node, solidity } = question;
  const state = await question.serial(async () => await shownState(core, node, solidity));
  const contract = contractOf(state, address);
  if (contract === undefined) {
    throw new Refusal('CONTRACT_VALIDATE_ERROR', 'Smart contract is not exist.');
  }
  return { state, energyFactor: contract.energyFactor };
}

function triggerIn({ body, visible }: Question): Trigger {
  const selector = body['function_selector'];
  const data =
    typeof selector === 'string' && selector !== ''
      ? concatBytes(keccak_256(utf8ToBytes(selector)).subarray(0, 4), bytesOf(body['parameter']))
      : bytesOf(body['data']);
  return {
    kind: 'TriggerSmartContract',
    owner: addressIn(body, 'owner_address', visible),
    contract: addressIn(body, 'contract_address', visible),
    callValue: integerIn(body, 'call_value'),
    data,
    tokenValue: integerIn(body, 'call_token_value'),
    tokenId: integerIn(body, 'token_id'),
  };
}

function built(question: Question, call: ContractCall): Transaction {
  const { core, node, body } = question;
  const memo = body['extra_data'];
  if (memo !== undefined && typeof memo !== 'string') throw parseError('INVALID hex String');
  return buildTransaction(call, {
    head: tipOf(core, node, false),
    feeLimit: integerIn(body, 'fee_limit'),
    data: question.visible && memo !== undefined ? utf8ToBytes(memo) : bytesOf(memo),
    permissionId: integerIn(body, 'Permission_id'),
    nowMs: core.now(),
  });
}

/** java-tron's exceptions in a constant call come as `OTHER_ERROR` with the name of their class. */
function exceptionOf(result: ContractResult, message: string): Refusal {
  const names: Partial<Record<ContractResult, string>> = {
    OUT_OF_ENERGY: 'OutOfEnergyException',
    OUT_OF_TIME: 'OutOfTimeException',
    ILLEGAL_OPERATION: 'IllegalOperationException',
    BAD_JUMP_DESTINATION: 'BadJumpDestinationException',
    STACK_TOO_SMALL: 'StackTooSmallException',
    STACK_TOO_LARGE: 'StackTooLargeException',
  };
  const name = names[result] ?? 'IllegalOperationException';
  return new Refusal('OTHER_ERROR', `class org.tron.core.vm.program.Program$${name} : ${message}`);
}

async function orRefusal(
  { visible }: Question,
  answer: () => Promise<JsonObject>,
): Promise<JsonObject> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { result: { code: error.code, message: showText(error.message, visible) } };
  }
}

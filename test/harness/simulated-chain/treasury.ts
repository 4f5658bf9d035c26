import { keccak256, toBytes } from 'viem';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { spentSlotOf } from '../../../src/networks/evm/spent-slot.ts';
import {
  BATCH_CANCELLED_TOPIC,
  BATCH_EXECUTED_TOPIC,
  ITEM_FAILED_TOPIC,
} from '../../../src/networks/evm/treasury-abi.ts';
import { codeAt, type Code } from './code.ts';
import {
  charge,
  emit,
  load,
  Revert,
  store,
  touchAccount,
  type CallResult,
  type Frame,
} from './frame.ts';
import { bytesOf, HALF_ORDER, keccakOf } from './signatures.ts';
import {
  addressAt,
  addressWord,
  byteLength,
  bytesTail,
  numberAt,
  panicData,
  selectorOf,
  WORD_LIMIT,
  wordOf,
} from './words.ts';

/** contracts/Treasury.sol, line by line. */

type TreasuryCode = Extract<Code, { kind: 'treasury' }>;
/** Calls another account from a frame, with at most so much gas. */
export type SubCall = (frame: Frame, call: { to: Hex; data: Hex; gas: number }) => CallResult;

const EXECUTE = '96932e80';
const CANCEL = 'ba15d49d';
const IS_SPENT = '5a129efe';
const SIGNER = '238ac933';

const ERRORS = {
  AlreadySpent: errorSelector('AlreadySpent()'),
  Expired: errorSelector('Expired()'),
  InvalidSignature: errorSelector('InvalidSignature()'),
  NoItems: errorSelector('NoItems()'),
  NotAToken: errorSelector('NotAToken()'),
  NotEnoughGas: errorSelector('NotEnoughGas()'),
  CoinsRefused: errorSelector('CoinsRefused()'),
};

const DOMAIN_TYPE = keccak256(
  toBytes('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
);
const NAME = keccak256(toBytes('Knit Treasury'));
const VERSION = keccak256(toBytes('1'));
const BATCH_TYPE = keccak256(
  toBytes(
    'Batch(uint256 batchId,uint256 deadline,address token,uint256 gasPerItem,bytes32[] items)',
  ),
);
const CANCELLATION_TYPE = keccak256(toBytes('Cancellation(uint256 batchId)'));

/** What the code costs beyond its storage, its calls and its events. */
const ENTRY_GAS = 150;
const EXECUTE_GAS = 600;
/** The hash of the batch and the recovery of its signer. */
const SIGNED_GAS = 4_261;
/** What follows once the batch may run. */
const RUNNING_GAS = 1_020;
const CANCEL_GAS = 4_565;
const HASH_GAS_PER_ITEM = 12;
const LOOP_GAS = 238;
const REPORT_GAS = 455;
const CALL_MARGIN = 1_000n;

export function runTreasury(frame: Frame, code: TreasuryCode, call: SubCall): Hex {
  charge(frame, ENTRY_GAS);
  const selector = selectorOf(frame.data);
  if (frame.data === '0x') {
    if (frame.self === code.self) throw new Revert(ERRORS.CoinsRefused);
    return '0x';
  }
  if (frame.wei > 0n) throw new Revert();
  switch (selector) {
    case EXECUTE:
      execute(frame, code, call);
      return '0x';
    case CANCEL:
      cancel(frame, code);
      return '0x';
    case IS_SPENT:
      return `0x${wordOf(isSpent(frame, given(numberAt(frame.data, 0))) ? 1n : 0n)}`;
    case SIGNER:
      return `0x${addressWord(signerOf(frame, code))}`;
    case null:
    default:
      throw new Revert();
  }
}

export function storageKey(address: Hex, slot: Hex): string {
  return `s${address}${slot}`;
}

interface BatchCall {
  readonly batchId: bigint;
  readonly deadline: bigint;
  readonly token: Hex;
  readonly gasPerItem: bigint;
  /** 64 digits each. */
  readonly words: string;
  readonly count: number;
  readonly r: bigint;
  readonly yParityAndS: bigint;
}

function execute(frame: Frame, code: TreasuryCode, call: SubCall): void {
  const batch = readBatch(frame.data);
  const { execution, self } = frame;
  charge(frame, EXECUTE_GAS);
  if (execution.timestamp > batch.deadline) throw new Revert(ERRORS.Expired);
  if (batch.count === 0) throw new Revert(ERRORS.NoItems);
  touchAccount(frame, batch.token);
  if (codeAt(execution.state, execution.codes, batch.token).kind === 'none') {
    throw new Revert(ERRORS.NotAToken);
  }
  charge(frame, SIGNED_GAS + batch.count * HASH_GAS_PER_ITEM);
  const digest = digestOf(frame, [
    BATCH_TYPE.slice(2),
    wordOf(batch.batchId),
    wordOf(batch.deadline),
    addressWord(batch.token),
    wordOf(batch.gasPerItem),
    keccakOf(batch.words).slice(2),
  ]);
  requireSigned(frame, code, { ...batch, digest });
  spend(frame, batch.batchId);
  charge(frame, RUNNING_GAS);
  const failed = payEach(frame, batch, call);
  emit(frame, {
    kind: 'other',
    address: self,
    topics: [BATCH_EXECUTED_TOPIC, `0x${wordOf(batch.batchId)}`],
    data: `0x${digest}${wordOf(BigInt(failed))}`,
  });
}

function cancel(frame: Frame, code: TreasuryCode): void {
  const batchId = given(numberAt(frame.data, 0));
  const r = given(numberAt(frame.data, 1));
  const yParityAndS = given(numberAt(frame.data, 2));
  charge(frame, CANCEL_GAS);
  const digest = digestOf(frame, [CANCELLATION_TYPE.slice(2), wordOf(batchId)]);
  requireSigned(frame, code, { digest, r, yParityAndS });
  spend(frame, batchId);
  emit(frame, {
    kind: 'other',
    address: frame.self,
    topics: [BATCH_CANCELLED_TOPIC, `0x${wordOf(batchId)}`],
    data: '0x',
  });
}

/** As Solidity's decoder has it: offsets may be anything that stays inside the calldata. */
function readBatch(data: Hex): BatchCall {
  const token = given(addressAt(data, 2));
  const [offset, r, yParityAndS] = [4, 5, 6].map((index) => given(numberAt(data, index)));
  const size = BigInt(byteLength(data) - 4);
  const start = given(offset);
  if (start + 32n > size) throw new Revert();
  const at = 10 + Number(start) * 2;
  const count = BigInt(`0x${data.slice(at, at + 64)}`);
  if (start + 32n + count * 32n > size) throw new Revert();
  return {
    batchId: given(numberAt(data, 0)),
    deadline: given(numberAt(data, 1)),
    token,
    gasPerItem: given(numberAt(data, 3)),
    words: data.slice(at + 64, at + 64 + Number(count) * 64),
    count: Number(count),
    r: given(r),
    yParityAndS: given(yParityAndS),
  };
}

function payEach(frame: Frame, batch: BatchCall, call: SubCall): number {
  const { execution } = frame;
  const gasNeeded = batch.gasPerItem + batch.gasPerItem / 63n + CALL_MARGIN;
  if (gasNeeded >= WORD_LIMIT) throw new Revert(panicData(0x11n));
  let failed = 0;
  for (let item = 0; item < batch.count; item += 1) {
    if (BigInt(frame.gas) < gasNeeded) throw new Revert(ERRORS.NotEnoughGas);
    charge(frame, LOOP_GAS);
    execution.paying = { batchId: batch.batchId, item };
    const outcome = call(frame, {
      to: batch.token,
      data: transferData(batch.words, item),
      gas: Number(batch.gasPerItem),
    });
    execution.paying = null;
    if (consents(outcome)) continue;
    failed += 1;
    report(frame, { batchId: batch.batchId, item, outcome });
  }
  return failed;
}

/** transfer(address,uint256) of the item at this place. */
export function transferData(words: string, item: number): Hex {
  const start = item * 64;
  const to = words.slice(start, start + 40);
  const units = words.slice(start + 40, start + 64);
  return `0xa9059cbb${'0'.repeat(24)}${to}${'0'.repeat(40)}${units}`;
}

/** It ran and returned nothing, or a word or more of which the first is one. */
export function consents(outcome: CallResult): boolean {
  if (outcome.kind !== 'returned') return false;
  const { output } = outcome;
  return output === '0x' || (byteLength(output) > 31 && BigInt(output.slice(0, 66)) === 1n);
}

/** The first 256 bytes of what a call gave back. */
export function reasonOf(outcome: CallResult): Hex {
  return outcome.kind === 'halted' ? '0x' : (outcome.output.slice(0, 514) as Hex);
}

function report(
  frame: Frame,
  { batchId, item, outcome }: { batchId: bigint; item: number; outcome: CallResult },
): void {
  charge(frame, REPORT_GAS);
  const reverted = outcome.kind === 'returned' ? 0n : 1n;
  const head = wordOf(BigInt(item)) + wordOf(reverted) + wordOf(96n);
  emit(frame, {
    kind: 'other',
    address: frame.self,
    topics: [ITEM_FAILED_TOPIC, `0x${wordOf(batchId)}`],
    data: `0x${head}${bytesTail(reasonOf(outcome))}`,
  });
}

function isSpent(frame: Frame, batchId: bigint): boolean {
  const { slot, bit } = spentSlotOf(batchId);
  return ((load(frame, storageKey(frame.self, slot)) >> bit) & 1n) === 1n;
}

function spend(frame: Frame, batchId: bigint): void {
  const { slot, bit } = spentSlotOf(batchId);
  const key = storageKey(frame.self, slot);
  const word = load(frame, key);
  if (((word >> bit) & 1n) === 1n) throw new Revert(ERRORS.AlreadySpent);
  store(frame, key, word | (1n << bit));
}

function signerOf(frame: Frame, code: TreasuryCode): Hex {
  return frame.self === code.self ? code.key : frame.self;
}

/** The EIP-712 digest, 64 digits, of a struct given by its words. */
function digestOf(frame: Frame, words: readonly string[]): string {
  const chainId = wordOf(BigInt(frame.execution.chainId));
  const domain = [DOMAIN_TYPE.slice(2), NAME.slice(2), VERSION.slice(2), chainId];
  const domainHash = keccakOf(domain.join('') + addressWord(frame.self)).slice(2);
  const structHash = keccakOf(words.join('')).slice(2);
  return keccakOf(`1901${domainHash}${structHash}`).slice(2);
}

function requireSigned(
  frame: Frame,
  code: TreasuryCode,
  signed: { readonly digest: string; readonly r: bigint; readonly yParityAndS: bigint },
): void {
  const s = signed.yParityAndS & (2n ** 255n - 1n);
  const yParity = Number(signed.yParityAndS >> 255n);
  const digest = bytesOf(signed.digest);
  const recovered = frame.execution.signatures.recover(digest, { r: signed.r, s, yParity });
  if (s > HALF_ORDER || recovered === null || recovered !== signerOf(frame, code)) {
    throw new Revert(ERRORS.InvalidSignature);
  }
}

function given<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Revert();
  return value;
}

function errorSelector(signature: string): Hex {
  return keccak256(toBytes(signature)).slice(0, 10) as Hex;
}

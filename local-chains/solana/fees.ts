import { COMPUTE_BUDGET_PROGRAM, SYSTEM_PROGRAM } from './address.ts';
import type { WireMessage } from './wire-transaction.ts';

const LAMPORTS_PER_SIGNATURE = 5_000n;

export interface Fee {
  readonly lamports: bigint;
  readonly unitLimit: bigint;
  /** Micro-lamports a unit. */
  readonly unitPrice: bigint;
}

const MAX_UNITS = 1_400_000n;
/** Where no limit is set: of an instruction of a program, and of one that is part of the validator. */
const UNITS_PER_INSTRUCTION = 200_000n;
const UNITS_PER_BUILTIN = 3_000n;

const BUILTINS = new Set([
  SYSTEM_PROGRAM,
  COMPUTE_BUDGET_PROGRAM,
  'Vote111111111111111111111111111111111111111',
  'BPFLoader1111111111111111111111111111111111',
  'BPFLoader2111111111111111111111111111111111',
  'BPFLoaderUpgradeab1e11111111111111111111111',
  'LoaderV411111111111111111111111111111111111',
]);

/** The base fee of each signature, and the price of all units that are asked for, used or not. */
export function feeOf(message: WireMessage): Fee {
  let limit: bigint | null = null;
  let unitPrice = 0n;
  let assumed = 0n;
  for (const { program, data } of message.instructions) {
    const address = message.keys[program] ?? '';
    assumed += BUILTINS.has(address) ? UNITS_PER_BUILTIN : UNITS_PER_INSTRUCTION;
    if (address !== COMPUTE_BUDGET_PROGRAM) continue;
    const view = Buffer.from(data);
    if (view[0] === SET_LIMIT && view.length >= 5) limit = BigInt(view.readUInt32LE(1));
    if (view[0] === SET_PRICE && view.length >= 9) unitPrice = view.readBigUInt64LE(1);
  }
  const asked = limit ?? assumed;
  const unitLimit = asked < MAX_UNITS ? asked : MAX_UNITS;
  const priority = (unitPrice * unitLimit + MICRO - 1n) / MICRO;
  const base = LAMPORTS_PER_SIGNATURE * BigInt(message.requiredSignatures);
  return { lamports: base + priority, unitLimit, unitPrice };
}

/** ComputeBudgetInstruction. */
const SET_LIMIT = 2;
const SET_PRICE = 3;
const MICRO = 1_000_000n;

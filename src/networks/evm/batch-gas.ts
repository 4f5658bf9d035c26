import { TRANSACTION_GAS_CAP } from './fees.ts';

/** Of the token's calls: half as much again as the dearest took, within these bounds. */
export const GAS_PER_ITEM_FLOOR = 60_000n;
export const GAS_PER_ITEM_CEILING = 200_000n;

/** EIP-2028, and the least that EIP-7623 asks for in all: of calldata bytes that are not zero. */
const TRANSACTION_GAS = 21_000n;
const BYTE_GAS = 16n;
const FLOOR_BYTE_GAS = 40n;

/**
 * What execute takes beside its items and calldata: at most 22,100 for the spent bit, 3,100 for the
 * signature, 5,200 for the token's account and the delegation's, 1,637 and 300 for event and flag, about
 * 3,000 of decoding and hashing; and 25,000 for a recipient whose balance has become zero since.
 */
const FIXED_GAS = 65_000n;

/** The selector, seven arguments, and the number of items. */
const CALL_BYTES = 4n + 8n * 32n;

/** The treasury's own loop for one item, and the event of one that fails. */
const LOOP_GAS = 500n;
const FAILED_ITEM_GAS = 6_000n;

/** As contracts/Treasury.sol has it: what it asks to have left before each item. */
function gasNeededFor(gasPerItem: bigint): bigint {
  return gasPerItem + gasPerItem / 63n + 1_000n;
}

/** What the token may use for one item, by what it was measured to use for each. */
export function gasPerItemFor(measured: readonly bigint[]): bigint {
  const dearest = measured.reduce((most, gas) => (gas > most ? gas : most), 0n);
  const wished = (dearest * 3n) / 2n;
  if (wished < GAS_PER_ITEM_FLOOR) return GAS_PER_ITEM_FLOOR;
  return wished > GAS_PER_ITEM_CEILING ? GAS_PER_ITEM_CEILING : wished;
}

/** So many items run to their end in one transaction even where the token burns all gas of each. */
export function itemsWithin(gasPerItem: bigint): number {
  const items = TRANSACTION_GAS_CAP - TRANSACTION_GAS - FIXED_GAS - gasNeededFor(gasPerItem);
  return Number(items / ((gasPerItem * 64n) / 63n + FAILED_ITEM_GAS));
}

/** What a transaction must be given, so that its batch runs to its end. */
export interface BatchGas {
  readonly gasPerItem: bigint;
  /** From {@link itemsGasOf}. */
  readonly itemsGas: bigint;
  readonly items: number;
}

/** What the items take together, with a fifth more than was measured for each. */
export function itemsGasOf(measured: readonly bigint[]): bigint {
  return measured.reduce((sum, gas) => sum + (gas * 6n) / 5n + LOOP_GAS, 0n);
}

/**
 * The gas limit of the transaction that carries a batch: all that is not the items at its dearest, and
 * the calldata as if no byte were zero. What is not used is not paid; it only has to be in the sender's
 * account.
 */
export function batchGasLimit({ gasPerItem, itemsGas, items }: BatchGas): bigint {
  const bytes = CALL_BYTES + 32n * BigInt(items);
  // Before its last item the treasury asks for an item's whole share, whatever the item then takes.
  const execution = FIXED_GAS + itemsGas + gasNeededFor(gasPerItem);
  const needed = TRANSACTION_GAS + bytes * BYTE_GAS + execution;
  const floor = TRANSACTION_GAS + bytes * FLOOR_BYTE_GAS;
  return needed > floor ? needed : floor;
}

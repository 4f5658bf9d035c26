import { encodeAbiParameters, keccak256 } from 'viem';
import type { Hex } from './read-answer.ts';

/** Where the treasury keeps whether a batch id is spent. */
export interface SpentSlot {
  /** Of the treasury's account, as eth_getStorageAt takes it. */
  readonly slot: Hex;
  /** From the lowest, 0 to 255. */
  readonly bit: bigint;
}

/**
 * The ERC-7201 slot of "knit.treasury": keccak256(keccak256("knit.treasury") - 1), its last byte
 * cleared. contracts/Treasury.sol has it as its layout; the bitmap is its first variable.
 */
const TREASURY_ROOT = 0xb7227a09903107712365b4a5f65ef52355ab70936bf3159bed805558c0c11100n;

const WORD_BITS = 256n;

/** 256 batch ids a word: the bit `id % 256` of word `id / 256` of a mapping (Solidity's layout). */
export function spentSlotOf(batchId: bigint): SpentSlot {
  const types = [{ type: 'uint256' }, { type: 'uint256' }] as const;
  const slot = keccak256(encodeAbiParameters(types, [batchId / WORD_BITS, TREASURY_ROOT]));
  return { slot, bit: batchId % WORD_BITS };
}

/** Whether a word of the bitmap says that the id is spent. */
export function isSpentIn(word: bigint, { bit }: SpentSlot): boolean {
  return ((word >> bit) & 1n) === 1n;
}

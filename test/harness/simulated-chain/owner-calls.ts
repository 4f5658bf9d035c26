import { keccak256, toBytes } from 'viem';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { wordOf } from './words.ts';

/** Calldata of a function whose arguments are addresses and whole numbers. */
export function ownerCall(signature: string, args: readonly bigint[]): Hex {
  const selector = keccak256(toBytes(signature)).slice(0, 10) as Hex;
  return `${selector}${args.map(wordOf).join('')}`;
}

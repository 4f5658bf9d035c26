import type { Hex } from '../../../src/networks/evm/read-answer.ts';

/** How many transactions an account has sent; of a contract, one more than it has created. */
export function nonceKey(address: Hex): string {
  return `n${address}`;
}

/** An account's coins, in wei. */
export function weiKey(address: Hex): string {
  return `w${address}`;
}

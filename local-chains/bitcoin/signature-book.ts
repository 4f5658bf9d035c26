import type { Coin } from './block-store.ts';
import type { Transaction } from './transaction.ts';
import { inputProblem } from './verify-input.ts';

/** Signatures are checked once for all nodes: a transaction's bytes name the coins, and so what was signed. */
export interface SignatureBook {
  /** With what consensus demands alone, as blocks are checked. */
  problemInBlock(transaction: Transaction, coins: readonly Coin[]): string | undefined;
  /** With what relay demands besides. */
  problemInRelay(transaction: Transaction, coins: readonly Coin[]): string | undefined;
}

export function createSignatureBook(): SignatureBook {
  const known = new Map<string, string | undefined>();
  const look = (
    transaction: Transaction,
    coins: readonly Coin[],
    strictness: 'consensus' | 'relay',
  ): string | undefined => {
    const key = `${transaction.wtxid} ${strictness}`;
    if (known.has(key)) return known.get(key);
    const problem = firstProblem(transaction, coins, strictness);
    known.set(key, problem);
    return problem;
  };
  const problemInBlock = (transaction: Transaction, coins: readonly Coin[]): string | undefined => {
    // What is good enough for relay is good enough for a block.
    if (known.has(`${transaction.wtxid} relay`)) {
      if (known.get(`${transaction.wtxid} relay`) === undefined) return undefined;
    }
    const problem = look(transaction, coins, 'consensus');
    return problem === undefined ? undefined : `mandatory-script-verify-flag-failed (${problem})`;
  };
  return {
    problemInBlock,
    problemInRelay(transaction, coins) {
      const problem = look(transaction, coins, 'relay');
      if (problem === undefined) return undefined;
      return problemInBlock(transaction, coins) ?? `non-mandatory-script-verify-flag (${problem})`;
    },
  };
}

function firstProblem(
  transaction: Transaction,
  spent: readonly Coin[],
  strictness: 'consensus' | 'relay',
): string | undefined {
  for (let index = 0; index < transaction.inputs.length; index += 1) {
    const problem = inputProblem({ transaction, index, spent }, strictness);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

import type { Coin } from './block-store.ts';
import type { Refusal } from './check-transaction.ts';
import { outpointKey, type Transaction } from './transaction.ts';
import { inputProblem, type Strictness } from './verify-input.ts';

/** Signatures are checked once for all nodes: a transaction's bytes name the coins, and so what was signed. */
export interface SignatureBook {
  /** With what consensus demands alone, as blocks are checked. */
  problemInBlock(transaction: Transaction, coins: readonly Coin[]): string | undefined;
  /** With what relay demands besides. */
  problemInRelay(transaction: Transaction, coins: readonly Coin[]): Refusal | undefined;
}

interface Problem {
  readonly words: string;
  /** Of the input. */
  readonly index: number;
}

export function createSignatureBook(): SignatureBook {
  const known = new Map<string, Problem | null>();
  const look = (
    transaction: Transaction,
    coins: readonly Coin[],
    strictness: Strictness,
  ): Problem | null => {
    const key = `${transaction.wtxid} ${strictness}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const problem = firstProblem(transaction, coins, strictness);
    known.set(key, problem);
    return problem;
  };
  return {
    problemInBlock(transaction, coins) {
      // What is good enough for relay is good enough for a block.
      if (known.get(`${transaction.wtxid} relay`) === null) return undefined;
      const problem = look(transaction, coins, 'consensus');
      return problem === null
        ? undefined
        : `mandatory-script-verify-flag-failed (${problem.words})`;
    },
    problemInRelay(transaction, coins) {
      const problem = look(transaction, coins, 'relay');
      if (problem === null) return undefined;
      const { txid, wtxid, inputs } = transaction;
      const input = inputs[problem.index];
      const spent = input === undefined ? '' : outpointKey(input);
      return {
        reason: `mempool-script-verify-flag-failed (${problem.words})`,
        details: `input ${problem.index} of ${txid} (wtxid ${wtxid}), spending ${spent}`,
      };
    },
  };
}

function firstProblem(
  transaction: Transaction,
  spent: readonly Coin[],
  strictness: Strictness,
): Problem | null {
  for (let index = 0; index < transaction.inputs.length; index += 1) {
    const words = inputProblem({ transaction, index, spent }, strictness);
    if (words !== undefined) return { words, index };
  }
  return null;
}

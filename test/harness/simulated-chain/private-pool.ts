import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { Core } from './core.ts';
import { createPool, type Pool } from './pool.ts';
import { TransactionRefusal, type ChainTransaction } from './transaction.ts';

/** What one node has accepted and the others have not heard of. */
export interface PrivatePool {
  readonly pool: Pool;
  /** Until so many blocks more were made; null: for ever. */
  hold(
    transaction: ChainTransaction,
    until: { readonly forBlocks: number | null; readonly afterwards: 'forwards' | 'forgets' },
  ): void;
  onBlock(): void;
}

export function createPrivatePool(core: Core): PrivatePool {
  const { codes, blockGasLimit } = core;
  const pool = createPool({ codes, blockGasLimit });
  const held = new Map<Hex, { blocksLeft: number; readonly forwards: boolean }>();
  return {
    pool,
    hold(transaction, { forBlocks, afterwards }) {
      pool.put(transaction);
      held.set(transaction.hash, {
        blocksLeft: forBlocks ?? Infinity,
        forwards: afterwards === 'forwards',
      });
    },
    onBlock() {
      if (held.size === 0) return;
      pool.sweep(core.state);
      for (const [hash, entry] of held) {
        entry.blocksLeft -= 1;
        const transaction = pool.get(hash);
        if (transaction !== null && entry.blocksLeft > 0) continue;
        held.delete(hash);
        pool.remove(hash);
        if (transaction !== null && entry.forwards) offer(core, transaction);
      }
    },
  };
}

/** Tells the shared pool of it, which takes it or not. */
export function offer(core: Core, transaction: ChainTransaction): boolean {
  try {
    core.pool.check(transaction, core.state);
  } catch (error) {
    if (!(error instanceof TransactionRefusal)) throw error;
    return false;
  }
  core.pool.put(transaction);
  return true;
}

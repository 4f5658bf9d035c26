import { moneyText, type Refusal } from './check-transaction.ts';
import { inByteOrder, type Mempool, type PoolEntry } from './mempool.ts';
import { feeAt, INCREMENTAL_RATE, rateText } from './standardness.ts';
import type { Transaction } from './transaction.ts';

const MAX_REPLACED = 100;

/** A transaction that spends what others in the pool spend. */
export interface Contender {
  readonly transaction: Transaction;
  readonly feeUnits: bigint;
  readonly vsize: number;
  /** Ids of those in the pool that spend one of its coins. */
  readonly conflicts: ReadonlySet<string>;
}

/**
 * Ids of what it would drive out, or why it may not. Signalling is not asked for (full replacement), as
 * in Bitcoin Core since 28. Source: BIP-125 rules 2 to 5, and Core's rule 6 on rates.
 */
export function replacedBy(
  contender: Contender,
  pool: Mempool,
): Refusal | { readonly replaced: ReadonlySet<string> } {
  const { transaction, feeUnits, vsize, conflicts } = contender;
  const { txid } = transaction;
  for (const conflict of entriesOf(pool, inByteOrder(conflicts))) {
    if (feeUnits * BigInt(conflict.vsize) <= conflict.feeUnits * BigInt(vsize)) {
      const rates = `${rateText(feeUnits, vsize)} <= old feerate ${rateText(conflict.feeUnits, conflict.vsize)}`;
      return insufficient(`rejecting replacement ${txid}; new feerate ${rates}`);
    }
  }
  const replaced = new Set([...conflicts].flatMap((each) => [...pool.descendantsOf(each)]));
  if (replaced.size > MAX_REPLACED) {
    const details = `rejecting replacement ${txid}; too many potential replacements (${replaced.size} > ${MAX_REPLACED})`;
    return { reason: 'too many potential replacements', details };
  }
  const added = addedUnconfirmed(contender, pool);
  if (added !== -1) {
    const details = `replacement ${txid} adds unconfirmed input, idx ${added}`;
    return { reason: 'replacement-adds-unconfirmed', details };
  }
  const oldFees = entriesOf(pool, replaced).reduce((sum, each) => sum + each.feeUnits, 0n);
  if (feeUnits < oldFees) {
    const fees = `${moneyText(feeUnits)} < ${moneyText(oldFees)}`;
    return insufficient(`rejecting replacement ${txid}, less fees than conflicting txs; ${fees}`);
  }
  const more = feeUnits - oldFees;
  const needed = feeAt(INCREMENTAL_RATE, vsize);
  if (more < needed) {
    const fees = `${moneyText(more)} < ${moneyText(needed)}`;
    return insufficient(
      `rejecting replacement ${txid}, not enough additional fees to relay; ${fees}`,
    );
  }
  return { replaced };
}

/** The place of the first unconfirmed input that none of the conflicts had; -1: there is none. */
function addedUnconfirmed({ transaction, conflicts }: Contender, pool: Mempool): number {
  const parents = new Set(
    entriesOf(pool, conflicts).flatMap((each) => each.transaction.inputs.map(({ txid }) => txid)),
  );
  return transaction.inputs.findIndex(
    ({ txid }) => !parents.has(txid) && pool.entry(txid) !== undefined,
  );
}

function entriesOf(pool: Mempool, txids: Iterable<string>): readonly PoolEntry[] {
  return [...txids].flatMap((txid) => pool.entry(txid) ?? []);
}

function insufficient(details: string): Refusal {
  return { reason: 'insufficient fee', details };
}

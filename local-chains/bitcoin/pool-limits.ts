import type { Refusal } from './check-transaction.ts';
import { inByteOrder, type Mempool } from './mempool.ts';
import type { Transaction } from './transaction.ts';

const MAX_FAMILY = 25;
const MAX_FAMILY_VBYTES = 101_000;
/** A small child of a full family may still come (the carve-out for fees paid by a child). */
const CARVE_OUT_VBYTES = 10_000;

interface Limits {
  readonly ancestors: number;
  readonly descendants: number;
  readonly descendantVbytes: number;
}

/**
 * Whether the chains of unconfirmed transactions would become too long. `conflicts` are the ids of what
 * it spends against: of a single one its place is free again.
 */
export function familyProblem(
  candidate: { readonly transaction: Transaction; readonly vsize: number },
  conflicts: ReadonlySet<string>,
  pool: Mempool,
): Refusal | undefined {
  const [only] = conflicts;
  const single = conflicts.size === 1 && only !== undefined ? pool.entry(only) : undefined;
  const extra = single === undefined ? 0 : 1;
  const limits: Limits = {
    ancestors: MAX_FAMILY,
    descendants: MAX_FAMILY + extra,
    descendantVbytes: MAX_FAMILY_VBYTES + (single?.vsize ?? 0),
  };
  const problem = limitProblem(candidate, limits, pool);
  if (problem === undefined) return undefined;
  const carved: Limits = {
    ancestors: 2,
    descendants: limits.descendants + 1,
    descendantVbytes: limits.descendantVbytes + CARVE_OUT_VBYTES,
  };
  const isSmall = candidate.vsize <= CARVE_OUT_VBYTES;
  if (isSmall && limitProblem(candidate, carved, pool) === undefined) return undefined;
  return { reason: 'too-long-mempool-chain', details: problem };
}

function limitProblem(
  candidate: { readonly transaction: Transaction; readonly vsize: number },
  limits: Limits,
  pool: Mempool,
): string | undefined {
  const parentsOf = ({ inputs }: Transaction): readonly string[] =>
    inputs.map(({ txid }) => txid).filter((txid) => pool.entry(txid) !== undefined);
  const found = new Set(parentsOf(candidate.transaction));
  const tooMany = (): boolean => found.size + 1 > limits.ancestors;
  if (tooMany()) return `too many unconfirmed parents [limit: ${limits.ancestors}]`;
  let vbytes = candidate.vsize;
  const open = new Set(found);
  for (let [txid] = inByteOrder(open); txid !== undefined; [txid] = inByteOrder(open)) {
    open.delete(txid);
    const entry = pool.entry(txid);
    if (entry === undefined) continue;
    const family = [...pool.descendantsOf(txid)];
    const size = family.reduce((sum, each) => sum + (pool.entry(each)?.vsize ?? 0), 0);
    if (size + candidate.vsize > limits.descendantVbytes) {
      return `exceeds descendant size limit for tx ${txid} [limit: ${limits.descendantVbytes}]`;
    }
    if (family.length + 1 > limits.descendants) {
      return `too many descendants for tx ${txid} [limit: ${limits.descendants}]`;
    }
    vbytes += entry.vsize;
    if (vbytes > MAX_FAMILY_VBYTES) {
      return `exceeds ancestor size limit [limit: ${MAX_FAMILY_VBYTES}]`;
    }
    for (const parent of parentsOf(entry.transaction)) {
      if (!found.has(parent)) open.add(parent);
      found.add(parent);
    }
    if (tooMany()) return `too many unconfirmed ancestors [limit: ${limits.ancestors}]`;
  }
  return undefined;
}

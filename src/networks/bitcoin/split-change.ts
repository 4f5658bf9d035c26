import { partFee } from './weight.ts';

/** What there is to decide how many outputs change becomes. Units are satoshis. */
export interface ChangeTask {
  readonly changeUnits: bigint;
  /** What the transaction pays: another one like it should find a coin. */
  readonly payUnits: bigint;
  /** Unspent coins that the treasury keeps, final or not, that are large enough to count. */
  readonly otherCoins: number;
  /** How many it should have. */
  readonly wantedCoins: number;
  readonly changeWeight: number;
  readonly satPerKvb: bigint;
}

/** So many pieces at most in one transaction: 301 virtual bytes more than one change output. */
const MOST_PIECES = 8;

/** A piece costs at most a hundredth of what it holds. */
const LEAST_PER_COST = 100n;

/** What is smaller is no piece, and does not count as a coin to pay out of. */
export function leastPiece(task: Pick<ChangeTask, 'changeWeight' | 'satPerKvb'>): bigint {
  return LEAST_PER_COST * partFee(task.changeWeight, task.satPerKvb);
}

/**
 * The outputs that change becomes. Only final coins are spent, and change is final after an hour, so a
 * treasury with one coin could pay once an hour: it is split until there are enough coins, into pieces that
 * each could pay for another transaction like this. Their sum is the change less what the further outputs
 * cost at the rate.
 */
export function splitChange(task: ChangeTask): readonly bigint[] {
  const { changeUnits, payUnits, otherCoins, wantedCoins } = task;
  const least = payUnits > leastPiece(task) ? payUnits : leastPiece(task);
  const missing = Math.max(1, wantedCoins - otherCoins);
  const most = Math.min(missing, MOST_PIECES);
  for (let pieces = most; pieces > 1; pieces -= 1) {
    const cost = partFee(task.changeWeight * (pieces - 1), task.satPerKvb) + ROUNDING_UNITS;
    const units = (changeUnits - cost) / BigInt(pieces);
    if (units < least) continue;
    const rest = changeUnits - cost - units * BigInt(pieces);
    return [units + rest, ...Array.from({ length: pieces - 1 }, () => units)];
  }
  return [changeUnits];
}

/** Nodes round the whole up, which the parts may be a satoshi short of; a count may take two bytes more. */
const ROUNDING_UNITS = 2n;

import { assert } from '../../base/assert.ts';
import { mayBecome, type PayoutStatus } from '../payout.ts';
import type { News, Progress } from '../progress.ts';

/** Where a payout stands before news of it. `lastNumber`: of the newest line of its history. */
export interface Standing {
  readonly businessId: string;
  readonly payoutId: string;
  readonly status: PayoutStatus;
  readonly transactionHash: string | null;
  readonly updatedAt: Date;
  readonly lastNumber: number;
}

/** One line of a payout's history to be. */
export interface Line {
  readonly number: number;
  readonly status: PayoutStatus;
  readonly detail: string | null;
  readonly at: Date;
}

/** What the news of one payout makes of it. */
export interface Advance {
  readonly from: Standing;
  /** None where the payout has heard it all. */
  readonly lines: readonly Line[];
  readonly status: PayoutStatus;
  readonly transactionHash: string | null;
  readonly info: string | null;
  readonly updatedAt: Date;
  /** Where it ends: as what, and when. */
  readonly end: { readonly status: 'COMPLETED' | 'FAILED'; readonly at: Date } | undefined;
  /** For each piece of news whether it changed anything. */
  readonly changed: readonly boolean[];
}

/** Hears the news in order. Asserts that a final state is never left. */
export function decideAdvance(from: Standing, news: readonly News[]): Advance {
  const { status, transactionHash, updatedAt } = from;
  const start = { from, lines: [], changed: [], end: undefined, info: null };
  return news.reduce<Advance>(hear, { ...start, status, transactionHash, updatedAt });
}

function hear(before: Advance, { progress, at }: News): Advance {
  if (isStale(before, progress)) return { ...before, changed: [...before.changed, false] };
  let after = before;
  if (hasSkippedProcessing(before, progress)) {
    const { transactionHash } = progress;
    after = step(after, { status: 'PROCESSING', transactionHash, info: null, at });
  }
  const { status, transactionHash } = progress;
  const info = progress.status === 'FAILED' ? progress.info : null;
  after = step(after, { status, transactionHash, info, at });
  const end = status === 'PROCESSING' ? undefined : { status, at };
  return { ...after, end, changed: [...before.changed, true] };
}

function isStale({ from, status, transactionHash }: Advance, progress: Progress): boolean {
  if (status === 'COMPLETED' || status === 'FAILED') {
    assert(
      progress.status === status || progress.status === 'PROCESSING',
      `payout ${from.payoutId} is ${status} and is reported ${progress.status}`,
    );
    return true;
  }
  return (
    progress.status === 'PROCESSING' &&
    status === 'PROCESSING' &&
    transactionHash === progress.transactionHash
  );
}

/** PENDING fails directly only where nothing was ever signed. */
function hasSkippedProcessing({ status }: Advance, progress: Progress): boolean {
  if (status !== 'PENDING') return false;
  return progress.status === 'COMPLETED' || (progress.status === 'FAILED' && progress.wasSigned);
}

function step(
  before: Advance,
  change: {
    readonly status: PayoutStatus;
    readonly transactionHash: string | null;
    readonly info: string | null;
    readonly at: Date;
  },
): Advance {
  const { status, transactionHash, info } = change;
  const isNewHash = before.status === status && status === 'PROCESSING';
  assert(
    isNewHash || mayBecome(before.status, status),
    `${before.status} may not become ${status}`,
  );
  // The clock may have been set back; a payout is never updated before it was created.
  const at = change.at < before.updatedAt ? before.updatedAt : change.at;
  const number = before.from.lastNumber + before.lines.length + 1;
  const line: Line = { number, status, detail: info ?? transactionHash, at };
  return {
    ...before,
    lines: [...before.lines, line],
    status,
    transactionHash,
    info,
    updatedAt: at,
  };
}

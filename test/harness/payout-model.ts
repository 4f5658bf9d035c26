import type { Payout, PayoutStatus } from '../../src/payouts/payout.ts';
import type { News, Progress } from '../../src/payouts/progress.ts';

/** What may be seen of a payout from outside, in a form that compares. */
export interface PayoutView {
  readonly status: PayoutStatus;
  readonly transactionHash: string | null;
  readonly info: string | null;
  readonly updatedAt: Date;
  /** Each line as "number status detail time". */
  readonly history: readonly string[];
  readonly hold: 'HELD' | 'POSTED' | 'RELEASED';
  readonly events: readonly string[];
  /** Ledger units that left for good. */
  readonly postedUnits: readonly bigint[];
}

export function lineText(line: {
  readonly number: number;
  readonly status: PayoutStatus;
  readonly detail: string | null;
  readonly at: Date;
}): string {
  return `${line.number} ${line.status} ${line.detail} ${line.at.toISOString()}`;
}

/** A payout's life told in the plainest way: one piece of news after another, in memory. */
export class PayoutModel {
  view: PayoutView;
  readonly #units: bigint;

  constructor(payout: Payout) {
    const { status, transactionHash, info, updatedAt, createdAt, units } = payout;
    const line = lineText({ number: 1, status, detail: null, at: createdAt });
    const nothingYet = { history: [line], hold: 'HELD', events: [], postedUnits: [] } as const;
    this.view = { status, transactionHash, info, updatedAt, ...nothingYet };
    this.#units = units;
  }

  /** Whether the news changed anything. Throws where it contradicts what is final. */
  hear({ progress, at }: Pick<News, 'progress' | 'at'>): boolean {
    const { status, transactionHash } = this.view;
    if (status === 'COMPLETED' || status === 'FAILED') {
      if (progress.status === 'PROCESSING' || progress.status === status) return false;
      throw new Error(`is ${status}`);
    }
    if (progress.status === 'PROCESSING') {
      if (status === 'PROCESSING' && transactionHash === progress.transactionHash) return false;
      this.#write(progress, at);
      return true;
    }
    const wasSigned = progress.status === 'COMPLETED' || progress.wasSigned;
    if (status === 'PENDING' && wasSigned) {
      this.#write({ status: 'PROCESSING', transactionHash: progress.transactionHash }, at);
    }
    this.#write(progress, at);
    const isPaid = progress.status === 'COMPLETED';
    this.view = {
      ...this.view,
      hold: isPaid ? 'POSTED' : 'RELEASED',
      events: [isPaid ? 'PAYOUT_SUCCESSFUL' : 'PAYOUT_FAILED'],
      postedUnits: isPaid ? [this.#units] : [],
    };
    return true;
  }

  #write(
    progress: Progress | { status: 'PROCESSING'; transactionHash: string | null },
    at: Date,
  ): void {
    const { status, transactionHash } = progress;
    const info = progress.status === 'FAILED' ? progress.info : null;
    const { updatedAt: before, history } = this.view;
    const updatedAt = at < before ? before : at;
    const number = history.length + 1;
    const line = lineText({ number, status, detail: info ?? transactionHash, at: updatedAt });
    const written = [...history, line];
    this.view = { ...this.view, status, transactionHash, info, updatedAt, history: written };
  }
}

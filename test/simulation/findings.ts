/** The ways in which a promise can be broken, as the simulation's result counts them. */
export const FINDING_KINDS = [
  /** Paid twice, or the way to it is open: two attempts alive, bytes sent that are not recorded. */
  'duplicates',
  /** FAILED, and the chain has paid it. */
  'paidButFailed',
  /** The payout has ended and its hold has not. */
  'holdsLeaked',
  /**
   * Books that do not balance, in the ledger or against the chain (COMPLETED and not paid), and whatever an
   * assertion of Knit's own has refused.
   */
  'imbalances',
  /** No end within the bound, after all faults have ceased. */
  'unterminated',
] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

/** What was found broken. Each subject is counted once under each kind. */
export interface Findings {
  readonly add: (kind: FindingKind, subject: string, words: string) => void;
  readonly count: (kind: FindingKind) => number;
  readonly total: () => number;
  /** A sentence each, the first ones. */
  readonly sentences: () => readonly string[];
}

const MOST_SENTENCES = 40;

export function createFindings(): Findings {
  const subjects = new Map<FindingKind, Set<string>>();
  const sentences: string[] = [];
  return {
    add: (kind, subject, words) => {
      const known = subjects.get(kind) ?? new Set();
      subjects.set(kind, known);
      if (known.has(subject)) return;
      known.add(subject);
      if (sentences.length < MOST_SENTENCES) sentences.push(`${kind}: ${subject} ${words}`);
    },
    count: (kind) => subjects.get(kind)?.size ?? 0,
    total: () => FINDING_KINDS.reduce((sum, kind) => sum + (subjects.get(kind)?.size ?? 0), 0),
    sentences: () => sentences,
  };
}

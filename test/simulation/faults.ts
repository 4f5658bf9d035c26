import type { SeededRandom } from '../harness/seeded-random.ts';

/**
 * What can go wrong around Knit's own code, by kind. Each seed draws the share of each: about half of
 * them are off, so that a rare trouble meets quiet surroundings too.
 */
export const FAULT_KINDS = [
  // The database
  'commit-lost-done',
  'commit-lost-undone',
  'connection-lost',
  'answer-lost',
  'serialization-failure',
  'statement-timeout',
  // The way to a node. Of its answers the chain has faults of its own.
  'slow-answer',
  'repeated-delivery',
  // Processes
  'crash',
  'crash-before-answer',
  'stall',
  'clock-jump',
  // Nodes
  'node-lagging',
  'node-stalled',
  'node-lying',
  'node-unindexed',
  'node-failing',
  'node-on-abandoned-branch',
  'node-keeps-transactions',
  'method-outage',
  // The chain
  'reorg',
  'deep-reorg',
  'pool-forgets',
  'blocks-withheld',
  'fee-spike',
  'front-run',
  // Of one family's chain only
  'busy-after-accept',
  'broadcast-refused',
  'broadcast-lost',
  'expired-on-one-node',
  'late-landing',
  'execution-fails',
  'energy-penalty',
  'status-cache-without-history',
  'stray-blockhash',
  'slots-skipped',
  'recipient-not-a-wallet',
  'outbid-by-others',
  'older-version-revived',
  'pool-full',
  'key-used-by-hand',
  // Tokens and money
  'recipient-blacklisted',
  'token-paused',
  'treasury-short',
  // Not a fault: what a person had to let go on
  'network-resumed',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Faults {
  /** Whether it strikes now; counted where it does. */
  readonly strikes: (kind: FaultKind) => boolean;
  readonly isOn: (kind: FaultKind) => boolean;
  readonly count: (kind: FaultKind) => void;
  /** From now on nothing strikes. */
  readonly cease: () => void;
  readonly counts: () => Readonly<Record<string, number>>;
}

/**
 * Chances for each opportunity, at most; what is drawn is between none and this. What goes wrong by itself
 * has an opportunity every two seconds and lasts for a minute, both on average.
 */
const GREATEST: Readonly<Record<FaultKind, number>> = {
  'commit-lost-done': 0.03,
  'commit-lost-undone': 0.03,
  'connection-lost': 0.03,
  'answer-lost': 0.03,
  'serialization-failure': 0.05,
  'statement-timeout': 0.02,
  'slow-answer': 0.1,
  'repeated-delivery': 0.2,
  crash: 0.08,
  'crash-before-answer': 0.004,
  stall: 0.08,
  'clock-jump': 0.1,
  'node-lagging': 0.1,
  'node-stalled': 0.06,
  'node-lying': 0.12,
  'node-unindexed': 0.12,
  'node-failing': 0.1,
  'node-on-abandoned-branch': 0.12,
  'node-keeps-transactions': 0.1,
  'method-outage': 0.04,
  reorg: 0.2,
  'deep-reorg': 1,
  'pool-forgets': 0.1,
  'blocks-withheld': 0.2,
  'fee-spike': 0.03,
  'front-run': 0.1,
  'busy-after-accept': 0.1,
  'broadcast-refused': 0.06,
  'broadcast-lost': 0.06,
  'expired-on-one-node': 0.08,
  'late-landing': 0.12,
  'execution-fails': 0.05,
  'energy-penalty': 0.05,
  'status-cache-without-history': 0.12,
  'stray-blockhash': 0.06,
  'slots-skipped': 0.1,
  'recipient-not-a-wallet': 0.02,
  'outbid-by-others': 0.9,
  'older-version-revived': 0.5,
  'pool-full': 0.05,
  'key-used-by-hand': 0.5,
  'recipient-blacklisted': 0.2,
  'token-paused': 0.03,
  'treasury-short': 1,
  'network-resumed': 0,
};

/** Of 16 seeds one has a reorganisation that no honest chain makes. */
const DEEP_REORG_SHARE = 1 / 16;
const ON_SHARE = 0.55;

export function createFaults(random: SeededRandom): Faults {
  const shares = new Map(
    FAULT_KINDS.map((kind): [FaultKind, number] => {
      const own = random.fork(kind);
      const onShare = kind === 'deep-reorg' ? DEEP_REORG_SHARE : ON_SHARE;
      return [kind, own.chance(onShare) ? (GREATEST[kind] * own.between(1, 100)) / 100 : 0];
    }),
  );
  const counts: Record<string, number> = {};
  const striking = random.fork('striking');
  const count = (kind: FaultKind): void => {
    counts[kind] = (counts[kind] ?? 0) + 1;
  };
  return {
    strikes: (kind) => {
      const does = striking.chance(shares.get(kind) ?? 0);
      if (does) count(kind);
      return does;
    },
    isOn: (kind) => (shares.get(kind) ?? 0) > 0,
    count,
    cease: () => shares.clear(),
    counts: () => counts,
  };
}

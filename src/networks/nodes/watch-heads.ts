import type { SeenHead, Standing } from './node-standing.ts';

/** How far a node's newest block may be from what others say before it is passed over. */
export interface HeadBounds {
  /** Blocks behind the others. */
  readonly lagBlocks: bigint;
  /** Time without a new block while another node shows one. */
  readonly stillMs: number;
}

export interface HeadHeard {
  readonly standing: Standing;
  readonly head: SeenHead;
}

/** Judges newest blocks that were asked for together. A node that did not answer keeps its standing. */
export function judgeHeads(heard: readonly HeadHeard[], bounds: HeadBounds): void {
  for (const { standing, head } of heard) standing.sawHead(head);
  const witnesses = heard.filter(({ standing }) => standing.counts());
  const expected = expectedHead(witnesses.map(({ head }) => head.number));
  if (expected === null) return;
  for (const { standing, head } of heard) {
    const others = witnesses.filter((it) => it.standing !== standing);
    standing.passOver(complaintAbout({ standing, head }, { expected, others, bounds }));
  }
}

/**
 * The best head that can be believed: of three or more nodes the one that more than half have
 * reached or passed, so that a single node's invention makes nobody else late; of two, the higher.
 */
function expectedHead(numbers: readonly bigint[]): bigint | null {
  const falling = numbers.toSorted((a, b) => Number(b - a));
  return falling[Math.floor((falling.length - 1) / 2)] ?? null;
}

function complaintAbout(
  { standing, head }: HeadHeard,
  against: { expected: bigint; others: readonly HeadHeard[]; bounds: HeadBounds },
): string | null {
  const { expected, others, bounds } = against;
  const stillMs = standing.stillForMs();
  // A chain that stands still for all must not be held against the one that saw it a block earlier.
  const movesElsewhere = others.some((other) => {
    const ago = other.standing.movedAgoMs();
    return ago !== null && ago < bounds.stillMs / 2;
  });
  if (stillMs >= bounds.stillMs && movesElsewhere) {
    const seconds = Math.floor(stillMs / 1000);
    return `stands still: its newest block has been ${head.number} for ${seconds} s`;
  }
  if (expected - head.number > bounds.lagBlocks) {
    return `lags behind: its newest block is ${head.number}, others have ${expected}`;
  }
  return null;
}

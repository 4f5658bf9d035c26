/**
 * Spoils a JSON answer: the `turn`th of its values, in order, has the wrong type or is cut short. The same
 * turn spoils the same value.
 */
export function garble(answer: unknown, turn: number): unknown {
  const leaves = countLeaves(answer);
  if (leaves === 0) return 'null';
  return spoil(answer, { left: turn % leaves, turn });
}

interface Aim {
  /** Leaves to pass before the one that is spoiled. */
  left: number;
  readonly turn: number;
}

function spoil(value: unknown, aim: Aim): unknown {
  if (Array.isArray(value)) return value.map((each: unknown) => spoil(each, aim));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, spoil(each, aim)] as const),
    );
  }
  aim.left -= 1;
  return aim.left === -1 ? spoiled(value, aim.turn) : value;
}

function spoiled(value: unknown, turn: number): unknown {
  if (typeof value === 'string') return turn % 2 === 0 ? value.slice(0, -1) : { text: value };
  if (typeof value === 'number') return turn % 2 === 0 ? `${value}x` : value + 0.5;
  return turn % 2 === 0 ? null : 'true';
}

function countLeaves(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((sum, each) => sum + countLeaves(each), 0);
}

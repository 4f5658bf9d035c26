/** A block with five others on it. With a tenth of the hash power, undoing it succeeds once in 4,000 times. */
export const STANDARD_CONFIRMATIONS = 6;

/** The height of the newest block that lies deep enough; below 0: none does. */
export function finalHeightOf(tipHeight: number, confirmations: number): number {
  return tipHeight - (confirmations - 1);
}

/** Rolls a transaction back: another worker has what this one claimed. */
export class StaleClaim extends Error {
  override readonly name = 'StaleClaim';
}

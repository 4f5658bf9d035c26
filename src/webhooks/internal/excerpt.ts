/** The most that is kept of an answer, in bytes of UTF-8. */
export const EXCERPT_BYTES = 1024;

/**
 * The first kilobyte of an answer's body as text. Bytes that are not UTF-8 are shown as U+FFFD, and so
 * is NUL, which PostgreSQL does not store.
 */
export function excerptOf(chunks: readonly Buffer[]): string {
  if (chunks.length === 0) return '';
  const text = decode(Buffer.concat(chunks)).replaceAll('\0', '\uFFFD');
  return decode(Buffer.from(text, 'utf8'));
}

/** At most a kilobyte, cut between two characters. */
function decode(bytes: Buffer): string {
  return new TextDecoder().decode(bytes.subarray(0, EXCERPT_BYTES), { stream: true });
}

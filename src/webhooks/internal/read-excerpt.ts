/** The most that is kept of an answer, in bytes of UTF-8. */
const EXCERPT_BYTES = 1024;

/** The most that is read of an answer. A longer one is broken off: its status has been heard. */
const READ_BYTES = 16_384;

/**
 * The first kilobyte of an answer's body as text. Bytes that are not UTF-8 are shown as U+FFFD, and so
 * is NUL, which PostgreSQL does not store. Throws where the connection breaks before the bound.
 */
export async function readExcerpt(body: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    const bytes = chunk as Buffer;
    if (length < EXCERPT_BYTES) chunks.push(bytes);
    length += bytes.length;
    // Leaving the loop destroys the body and with it the connection.
    if (length > READ_BYTES) break;
  }
  const text = decode(Buffer.concat(chunks)).replaceAll('\0', '\uFFFD');
  return decode(Buffer.from(text, 'utf8'));
}

/** At most a kilobyte, cut between two characters. */
function decode(bytes: Buffer): string {
  return new TextDecoder().decode(bytes.subarray(0, EXCERPT_BYTES), { stream: true });
}

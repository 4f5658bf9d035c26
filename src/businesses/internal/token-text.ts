/** Bytes as a credential's text: the prefix, then base64url without padding (RFC 4648 §5). */
export function tokenText(prefix: string, parts: readonly Uint8Array[]): string {
  return prefix + Buffer.concat(parts).toString('base64url');
}

/**
 * The bytes of a text that {@link tokenText} gave, or undefined. One credential has one text:
 * another spelling of the same bytes (padding, spare bits, white space) is no credential.
 * The length is looked at first, so a long hostile text costs nothing.
 */
export function readTokenText(
  prefix: string,
  text: string,
  byteLength: number,
): Uint8Array | undefined {
  if (text.length !== prefix.length + Math.ceil((byteLength * 4) / 3)) return undefined;
  if (!text.startsWith(prefix)) return undefined;
  const bytes = Buffer.from(text.slice(prefix.length), 'base64url');
  if (bytes.length !== byteLength || tokenText(prefix, [bytes]) !== text) return undefined;
  return new Uint8Array(bytes);
}

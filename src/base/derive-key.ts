import { hkdfSync } from 'node:crypto';
import { assert } from './assert.ts';

/** Bytes of the master key and of every key derived from it. */
export const KEY_BYTES = 32;

/**
 * A 32-byte key for one purpose, derived from the 32-byte master key, so that no two purposes share
 * a key and the master key itself is used for nothing else. HKDF-SHA-256 (RFC 5869) with the salt
 * "knit" and the purpose as its info.
 */
export function deriveKey(masterKey: Uint8Array, purpose: string): Uint8Array {
  assert(masterKey.length === KEY_BYTES, 'the master key has 32 bytes');
  assert(purpose !== '', 'a derived key has a purpose');
  return new Uint8Array(hkdfSync('sha256', masterKey, 'knit', purpose, KEY_BYTES));
}

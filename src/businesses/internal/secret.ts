import { hash, timingSafeEqual } from 'node:crypto';
import { assert } from '../../base/assert.ts';
import type { IdSource } from '../../base/id.ts';
import type { Random } from '../../base/random.ts';

/** Where a new credential takes its id and its secret from. */
export interface CredentialSources {
  readonly ids: IdSource;
  readonly random: Random;
}

/** Bytes of every secret that we make: 256 bits cannot be guessed, so a fast hash protects them. */
export const SECRET_BYTES = 32;

export function newSecret(random: Random): Uint8Array {
  const secret = random.bytes(SECRET_BYTES);
  assert(secret.length === SECRET_BYTES, 'a secret has 32 bytes');
  return secret;
}

/** SHA-256: what is stored in place of the secret. */
export function hashSecret(secret: Uint8Array): Uint8Array {
  return hash('sha256', secret, 'buffer');
}

/** Compares in a time that does not tell how much of the hash was right. */
export function isSecret(secret: Uint8Array, storedHash: Uint8Array): boolean {
  const digest = hashSecret(secret);
  return digest.length === storedHash.length && timingSafeEqual(digest, storedHash);
}

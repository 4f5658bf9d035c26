import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from './assert.ts';
import { deriveKey } from './derive-key.ts';
import type { Random } from './random.ts';

/** What a sealed secret is for and whose it is. It opens only in the place where it was sealed. */
export interface SealPlace {
  /** For example "webhook-secret". Each purpose has a key of its own. */
  readonly purpose: string;
  /** The ids of the row that holds it, so that a sealed secret copied to another row does not open. */
  readonly ids: readonly string[];
}

/** The sealed bytes were changed, cut, moved to another place, or sealed under another master key. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';

  constructor(cause?: unknown) {
    super('a sealed secret does not open', { cause });
  }
}

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts a secret for keeping: AES-256-GCM (NIST SP 800-38D) under the purpose's key, with a
 * random nonce, bound to its place.
 * Gives version (1 byte, now 1) ‖ nonce (12) ‖ ciphertext (as long as the secret) ‖ tag (16).
 * A random 96-bit nonce bears 2^32 secrets a purpose before it is one too many.
 */
export function seal(
  masterKey: Uint8Array,
  place: SealPlace,
  secret: { readonly plaintext: Uint8Array; readonly random: Random },
): Uint8Array {
  const nonce = secret.random.bytes(NONCE_BYTES);
  assert(nonce.length === NONCE_BYTES, 'a nonce has 12 bytes');
  const cipher = createCipheriv('aes-256-gcm', keyFor(masterKey, place), nonce, {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(associatedData(place));
  const ciphertext = Buffer.concat([cipher.update(secret.plaintext), cipher.final()]);
  return new Uint8Array(
    Buffer.concat([Uint8Array.of(VERSION), nonce, ciphertext, cipher.getAuthTag()]),
  );
}

/** The secret that {@link seal} was given. Throws {@link SealBroken}. */
export function open(masterKey: Uint8Array, place: SealPlace, sealed: Uint8Array): Uint8Array {
  if (sealed.length < 1 + NONCE_BYTES + TAG_BYTES || sealed[0] !== VERSION) throw new SealBroken();
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const ciphertext = sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES);
  // Without a fixed length Node would take a shorter tag, which is easier to guess.
  const decipher = createDecipheriv('aes-256-gcm', keyFor(masterKey, place), nonce, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associatedData(place));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
  } catch (error) {
    throw new SealBroken(error);
  }
}

function keyFor(masterKey: Uint8Array, place: SealPlace): Uint8Array {
  return deriveKey(masterKey, `seal:${place.purpose}`);
}

/** JSON, because it keeps ["ab","c"] and ["a","bc"] apart. */
function associatedData(place: SealPlace): Buffer {
  return Buffer.from(JSON.stringify([VERSION, place.purpose, ...place.ids]), 'utf8');
}

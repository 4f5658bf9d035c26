import { webcrypto } from 'node:crypto';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AssertionFailure } from './assert.ts';
import { deriveKey } from './derive-key.ts';
import { systemRandom } from './random.ts';
import { SealBroken, open, seal } from './seal.ts';

const masterKey = new Uint8Array(32).map((_, index) => index);
const place = { purpose: 'webhook-secret', ids: ['business', 'endpoint'] };
const plaintext = Buffer.from('a secret of a merchant');
const countingNonce = { bytes: (length: number) => new Uint8Array(length).fill(7) };

test('a derived key is HKDF-SHA-256 with the purpose as info', () => {
  const expected = hkdf(sha256, masterKey, Buffer.from('knit'), Buffer.from('some purpose'), 32);
  expect(deriveKey(masterKey, 'some purpose')).toEqual(expected);
  expect(deriveKey(masterKey, 'another purpose')).not.toEqual(expected);
});

test('a master key of another length, or no purpose, is our own mistake', () => {
  expect(() => deriveKey(masterKey.subarray(1), 'purpose')).toThrow(AssertionFailure);
  expect(() => deriveKey(masterKey, '')).toThrow(AssertionFailure);
});

test('what was sealed opens', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.string()), (secret, ids) => {
      const here = { purpose: 'p', ids };
      const sealed = seal(masterKey, here, { plaintext: secret, random: systemRandom });
      expect(sealed).toHaveLength(secret.length + 29);
      expect(open(masterKey, here, sealed)).toEqual(secret);
    }),
  );
});

test('the bytes are version, nonce, AES-256-GCM ciphertext and tag, as another reader sees them', async () => {
  const sealed = seal(masterKey, place, { plaintext, random: countingNonce });
  const raw = hkdf(sha256, masterKey, Buffer.from('knit'), Buffer.from('seal:webhook-secret'), 32);
  const key = await webcrypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt']);
  const opened = await webcrypto.subtle.decrypt(
    {
      name: 'AES-GCM',
      iv: sealed.subarray(1, 13),
      additionalData: Buffer.from('[1,"webhook-secret","business","endpoint"]'),
      tagLength: 128,
    },
    key,
    sealed.subarray(13),
  );
  expect(sealed[0]).toBe(1);
  expect(sealed.subarray(1, 13)).toEqual(new Uint8Array(12).fill(7));
  expect(Buffer.from(opened)).toEqual(plaintext);
});

test('the same secret sealed twice gives other bytes', () => {
  const [one, two] = [1, 2].map(() => seal(masterKey, place, { plaintext, random: systemRandom }));
  expect(one).not.toEqual(two);
});

test('a change of any bit, and any cut, breaks the seal', () => {
  const sealed = seal(masterKey, place, { plaintext, random: systemRandom });
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => open(masterKey, place, changed)).toThrow(SealBroken);
  }
  for (let length = 0; length < sealed.length; length += 1) {
    expect(() => open(masterKey, place, sealed.subarray(0, length))).toThrow(SealBroken);
  }
  expect(() => open(masterKey, place, Buffer.concat([sealed, Buffer.of(0)]))).toThrow(SealBroken);
});

test.each([
  ['another purpose', { ...place, purpose: 'oauth-secret' }],
  ['another id', { ...place, ids: ['business', 'another endpoint'] }],
  ['one id fewer', { ...place, ids: ['business'] }],
  ['the ids in another order', { ...place, ids: ['endpoint', 'business'] }],
  ['the ids cut at another place', { ...place, ids: ['businessen', 'dpoint'] }],
])('it does not open under %s', (_, elsewhere) => {
  const sealed = seal(masterKey, place, { plaintext, random: systemRandom });
  expect(() => open(masterKey, elsewhere, sealed)).toThrow(SealBroken);
});

test('it does not open under another master key', () => {
  const sealed = seal(masterKey, place, { plaintext, random: systemRandom });
  expect(() => open(masterKey.toReversed(), place, sealed)).toThrow(SealBroken);
});

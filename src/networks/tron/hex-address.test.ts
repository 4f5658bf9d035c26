import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { TronWeb, utils } from 'tronweb';
import { describe, expect, it } from 'vitest';
import {
  addressOfPublicKey,
  base58Address,
  contractForm,
  fromContractForm,
  hexAddress,
  recoverSigner,
} from './hex-address.ts';

const privateKeys = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .filter((bytes) => secp256k1.utils.isValidSecretKey(bytes));

describe('addresses', () => {
  it.each([
    // Contracts of the main network, as block explorers show them.
    ['TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', '41a614f803b6fd780986a42c78ec9c7f77e6ded13c'],
    ['TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL', '418840e6c55b9ada326d211d818c34a994aeced808'],
  ])('%s', (base58, hex) => {
    expect(hexAddress(base58)).toBe(hex);
    expect(base58Address(hexAddress(base58))).toBe(base58);
    expect(fromContractForm(contractForm(hexAddress(base58)))).toBe(hex);
  });

  it.each(['', '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', '41a614f803b6fd780986a42c78ec9c7f77e6ded13c'])(
    'asserts that %j is one',
    (text) => {
      expect(() => hexAddress(text)).toThrow('not a Tron address');
    },
  );

  it('asserts 20 bytes', () => {
    expect(() => fromContractForm('a614')).toThrow('an address has 20 bytes');
    expect(() => addressOfPublicKey(new Uint8Array(33))).toThrow('not uncompressed');
  });

  it('are what tronweb makes of a private key', () => {
    fc.assert(
      fc.property(privateKeys, (key) => {
        const address = addressOfPublicKey(secp256k1.getPublicKey(key, false));
        expect(base58Address(address)).toBe(TronWeb.address.fromPrivateKey(bytesToHex(key)));
      }),
      { numRuns: 25 },
    );
  });
});

describe('recoverSigner', () => {
  const key = hexToBytes('11'.repeat(32));
  const own = addressOfPublicKey(secp256k1.getPublicKey(key, false));
  const digest = sha256(Uint8Array.of(1, 2, 3));
  const signature = hexToBytes(utils.crypto.ECKeySign([...digest], [...key]).toLowerCase());

  it("reads tronweb's signatures", () => {
    expect([27, 28]).toContain(signature[64]);
    expect(recoverSigner(digest, signature)).toBe(own);
  });

  it('takes a bare recovery id too', () => {
    const bare = Uint8Array.of(...signature.subarray(0, 64), (signature[64] ?? 0) - 27);
    expect(recoverSigner(digest, bare)).toBe(own);
  });

  it('gives another signer for another digest or recovery id', () => {
    const other = signature[64] === 27 ? 28 : 27;
    expect(recoverSigner(sha256(digest), signature)).not.toBe(own);
    const flipped = Uint8Array.of(...signature.subarray(0, 64), other);
    expect(recoverSigner(digest, flipped)).not.toBe(own);
  });

  it.each([
    ['too short', signature.subarray(0, 64)],
    ['too long', Uint8Array.of(...signature, 0)],
    ['an unknown v', Uint8Array.of(...signature.subarray(0, 64), 29)],
    ['no point', Uint8Array.of(...new Uint8Array(64).fill(0xff), 27)],
    ['zeros', Uint8Array.of(...new Uint8Array(64), 27)],
  ])('refuses %s', (_, bytes) => {
    expect(recoverSigner(digest, bytes)).toBeNull();
  });
});

import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { taprootTweakPrivKey } from '@scure/btc-signer/utils.js';
import type { Signer } from '../../src/networks/signer.ts';

/** Keys for tests, made of a name. */
export function secretOf(name: string): Uint8Array {
  return sha256(utf8ToBytes(`bitcoin test key ${name}`));
}

/** Signs for a P2TR treasury: the key tweaked without scripts (BIP-86). */
export function taprootSigner(name: string): Signer {
  const secret = taprootTweakPrivKey(secretOf(name));
  return {
    curve: 'bip340',
    publicKey: schnorr.getPublicKey(secret),
    sign: async (digest) => await Promise.resolve(schnorr.sign(digest, secret, new Uint8Array(32))),
  };
}

/** Signs for a P2WPKH treasury. */
export function ecdsaSigner(name: string): Signer {
  const secret = secretOf(name);
  return {
    curve: 'secp256k1',
    publicKey: secp256k1.getPublicKey(secret, false),
    async sign(digest) {
      const options = { prehash: false, lowS: true, format: 'recovered' } as const;
      const signed = secp256k1.sign(digest, secret, options);
      return await Promise.resolve(Uint8Array.of(...signed.subarray(1), signed[0] ?? 0));
    },
  };
}

import { secp256k1 } from '@noble/curves/secp256k1.js';
import { present } from '../../src/base/assert.ts';
import type { Signer } from '../../src/networks/signer.ts';

/** A secret that is worth nothing: it signs for a chain in memory. */
export function simulatedSecret(number: number): Uint8Array {
  const secret = new Uint8Array(32).fill(7);
  secret[0] = number;
  return secret;
}

/** On secp256k1. */
export function createSimulatedSigner(number: number): Signer {
  const secret = simulatedSecret(number);
  return {
    curve: 'secp256k1',
    publicKey: secp256k1.getPublicKey(secret, false),
    sign: async (digest) => await Promise.resolve(sign(digest, secret)),
  };
}

/** As the treasury's signer does: deterministic (RFC 6979), low s, the recovery id last. */
function sign(digest: Uint8Array, secret: Uint8Array): Uint8Array {
  const signed = secp256k1.sign(digest, secret, {
    prehash: false,
    lowS: true,
    format: 'recovered',
  });
  return Uint8Array.of(...signed.subarray(1), present(signed[0], 'a signature is not empty'));
}

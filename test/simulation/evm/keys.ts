import { secp256k1 } from '@noble/curves/secp256k1.js';
import { present } from '../../../src/base/assert.ts';
import { evmAddressOfPublicKey } from '../../../src/networks/evm/address-of-public-key.ts';
import type { Signer } from '../../../src/networks/signer.ts';

/** A key that is worth nothing: it signs for a chain in memory. */
export interface SimulatedKey {
  readonly signer: Signer;
  /** Lower case. */
  readonly address: `0x${string}`;
}

export function createSimulatedKey(number: number): SimulatedKey {
  const secret = new Uint8Array(32).fill(7);
  secret[0] = number;
  const publicKey = secp256k1.getPublicKey(secret, false);
  return {
    address: evmAddressOfPublicKey(publicKey).toLowerCase() as `0x${string}`,
    signer: {
      curve: 'secp256k1',
      publicKey,
      sign: async (digest) => await Promise.resolve(sign(digest, secret)),
    },
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

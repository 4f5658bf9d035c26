import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { assert } from '../../base/assert.ts';
import { parseEvmAddress } from './address.ts';

/**
 * The EIP-55 address of a secp256k1 public key (65 uncompressed bytes, SEC 1 §2.3.3): the last
 * 20 bytes of the Keccak-256 of its coordinates. Source: Yellow Paper, appendix F.
 */
export function evmAddressOfPublicKey(publicKey: Uint8Array): string {
  assert(publicKey.length === 65 && publicKey[0] === 4, 'the public key is not uncompressed');
  const hash = keccak_256(publicKey.subarray(1));
  const parsed = parseEvmAddress(`0x${bytesToHex(hash.subarray(12))}`);
  assert(parsed.ok, 'the public key has no usable address');
  return parsed.address;
}

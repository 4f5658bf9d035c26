import { secp256k1 } from '@noble/curves/secp256k1.js';
import { ripemd160 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { assert, present } from '../../base/assert.ts';
import type { Signer } from '../signer.ts';
import { addressOfScript } from './script.ts';
import type { TreasuryKind } from './weight.ts';

/** The treasury: one key, one script, one address. */
export interface TreasuryKey {
  readonly kind: TreasuryKind;
  readonly script: string;
  readonly address: string;
  /** As scripts and witnesses hold it: 33 bytes (P2WPKH), or the 32 of a taproot output. */
  readonly publicKey: Uint8Array;
  /** What a node's wallet watches: an output descriptor without its checksum (BIP-380). */
  readonly descriptor: string;
  readonly signer: Signer;
}

/** A signer of BIP-340 signatures has a P2TR treasury, one of ECDSA signatures a P2WPKH one. */
export function treasuryKeyOf(signer: Signer): TreasuryKey {
  const { curve } = signer;
  assert(curve !== 'ed25519', 'Bitcoin has no ed25519 keys');
  const own = curve === 'bip340' ? taprootOf(signer) : witnessKeyHashOf(signer);
  const address = present(addressOfScript(own.script), 'the script has an address');
  return { ...own, address, signer };
}

type OwnScript = Omit<TreasuryKey, 'address' | 'signer'>;

/** The key is tweaked already (BIP-86), so a descriptor has to name the output's key itself (BIP-386, rawtr). */
function taprootOf({ publicKey }: Signer): OwnScript {
  assert(publicKey.length === 32, 'the key of a taproot output has 32 bytes');
  const hex = bytesToHex(publicKey);
  return { kind: 'p2tr', script: `5120${hex}`, publicKey, descriptor: `rawtr(${hex})` };
}

function witnessKeyHashOf(signer: Signer): OwnScript {
  const publicKey = secp256k1.Point.fromBytes(signer.publicKey).toBytes(true);
  const hash = bytesToHex(ripemd160(sha256(publicKey)));
  const descriptor = `wpkh(${bytesToHex(publicKey)})`;
  return { kind: 'p2wpkh', script: `0014${hash}`, publicKey, descriptor };
}

import { ed25519 } from '@noble/curves/ed25519.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { base58, bech32, createBase58check } from '@scure/base';
import { sha256 } from '@noble/hashes/sha2.js';
import type { NetworkId } from '../../src/money/asset.ts';

const base58check = createBase58check(sha256);

/** An address on a network that is made of a name: whoever uses a name of his own is alone in paying it. */
export function recipientOf(network: NetworkId, name: string): string {
  const hash = keccak_256(utf8ToBytes(name));
  const account = hash.slice(12);
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET':
      return `0x${bytesToHex(account)}`;
    case 'TRON_MAINNET':
      return base58check.encode(Uint8Array.of(0x41, ...account));
    case 'SOL_MAINNET':
      return base58.encode(ed25519.getPublicKey(hash));
    case 'BITCOIN_MAINNET':
      return bech32.encode('bc', [0, ...bech32.toWords(account)]);
  }
}

import { expect, test } from 'vitest';
import type { NetworkId } from '../money/asset.ts';
import { createMnemonicSigner, type BitcoinAddressType } from './mnemonic-signer.ts';
import { treasuryAddressOf } from './treasury-address.ts';

/** The mnemonic of BIP-84's and BIP-86's vectors. */
const mnemonic =
  'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';

// Bitcoin: BIP-86 and BIP-84. The others are what wallets show for this mnemonic.
test.each<[NetworkId, BitcoinAddressType, string]>([
  ['MATIC_MAINNET', 'p2tr', '0x9858EfFD232B4033E47d90003D41EC34EcaEda94'],
  ['ETHEREUM_MAINNET', 'p2tr', '0x9858EfFD232B4033E47d90003D41EC34EcaEda94'],
  ['BSC_MAINNET', 'p2tr', '0x9858EfFD232B4033E47d90003D41EC34EcaEda94'],
  ['TRON_MAINNET', 'p2tr', 'TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH'],
  ['SOL_MAINNET', 'p2tr', 'HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk'],
  ['BITCOIN_MAINNET', 'p2tr', 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr'],
  ['BITCOIN_MAINNET', 'p2wpkh', 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu'],
])('the treasury on %s (%s) is %s', (network, type, address) => {
  expect(treasuryAddressOf(network, createMnemonicSigner({ mnemonic }), type)).toBe(address);
});

import { base58 } from '@scure/base';
import type { NetworkId } from '../money/asset.ts';
import { treasuryKeyOf } from '../networks/bitcoin/treasury-key.ts';
import { evmAddressOfPublicKey } from '../networks/evm/address-of-public-key.ts';
import { addressOfPublicKey, base58Address } from '../networks/tron/hex-address.ts';
import type { BitcoinAddressType, MnemonicSigner } from './mnemonic-signer.ts';

/** The address that the treasury of these keys has on a network, as drivers and people write it. */
export function treasuryAddressOf(
  network: NetworkId,
  keys: MnemonicSigner,
  bitcoinAddressType: BitcoinAddressType,
): string {
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET':
      return evmAddressOfPublicKey(keys.for(network).publicKey);
    case 'TRON_MAINNET':
      return base58Address(addressOfPublicKey(keys.for(network).publicKey));
    case 'SOL_MAINNET':
      // An account of Solana is named by its public key.
      return base58.encode(keys.forSolana().publicKey);
    case 'BITCOIN_MAINNET':
      return treasuryKeyOf(keys.forBitcoin(bitcoinAddressType)).address;
  }
}

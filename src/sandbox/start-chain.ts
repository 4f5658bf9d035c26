import type { Log } from '../base/log.ts';
import { STANDARD_GAS_ACCOUNTS } from '../config.ts';
import type { NetworkId } from '../money/asset.ts';
import { evmAddressOfPublicKey } from '../networks/evm/address-of-public-key.ts';
import type { MnemonicSigner } from '../treasury/mnemonic-signer.ts';
import { treasuryAddressOf } from '../treasury/treasury-address.ts';
import type { Guard } from './guard.ts';
import type { SandboxChain } from './sandbox-chain.ts';
import { startBitcoinChain } from './start-bitcoin-chain.ts';
import { startEvmChain } from './start-evm-chain.ts';
import { startSolanaChain } from './start-solana-chain.ts';
import { startTronChain } from './start-tron-chain.ts';

/** The sandbox's treasury on Bitcoin has the kind of address that is the default of workers. */
const BITCOIN_ADDRESS_TYPE = 'p2tr';

/** Starts the local chain of a network, with the tokens of the real one and a treasury ready to pay. */
export async function startSandboxChain(
  network: NetworkId,
  world: { readonly guard: Guard; readonly log: Log; readonly keys: MnemonicSigner },
): Promise<SandboxChain> {
  const { guard, log, keys } = world;
  const treasury = treasuryAddressOf(network, keys, BITCOIN_ADDRESS_TYPE);
  const options = { guard, log, treasury };
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET': {
      const gasAccounts = keys
        .gasAccountsFor(network, STANDARD_GAS_ACCOUNTS)
        .map(({ publicKey }) => evmAddressOfPublicKey(publicKey));
      return await startEvmChain({ ...options, network, gasAccounts });
    }
    case 'TRON_MAINNET':
      return await startTronChain(options);
    case 'SOL_MAINNET':
      return await startSolanaChain(options);
    case 'BITCOIN_MAINNET':
      return await startBitcoinChain(options);
  }
}

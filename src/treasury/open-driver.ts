import { present } from '../base/assert.ts';
import type { Log } from '../base/log.ts';
import type { NetworkId } from '../money/asset.ts';
import { createBitcoinDriver } from '../networks/bitcoin/driver.ts';
import { createEvmDriver } from '../networks/evm/driver.ts';
import type { NetworkAccess } from '../networks/network-access.ts';
import type { NetworkDriver } from '../networks/network.ts';
import { createSolanaDriver } from '../networks/solana/driver.ts';
import { createTronDriver } from '../networks/tron/driver.ts';
import type { BitcoinAddressType, MnemonicSigner } from './mnemonic-signer.ts';

/** Shorter times than a real network asks for, where a local chain makes its blocks faster. */
export interface ChainTimes {
  /** For one call to a node. */
  readonly timeoutMs?: number;
  /** How long a transaction of Tron's may wait for a block. */
  readonly lifetimeSeconds?: bigint;
}

/** The driver of a network with the treasury's key. Only the worker may have one. */
export function openDriver(
  network: NetworkId,
  settings: {
    readonly access: NetworkAccess & { readonly log: Log };
    readonly keys: MnemonicSigner;
    /** How many accounts send what the treasury has signed, where they do. */
    readonly gasAccounts: number;
    readonly bitcoinAddressType: BitcoinAddressType;
    readonly times?: ChainTimes;
  },
): NetworkDriver {
  const { access, keys, gasAccounts, bitcoinAddressType, times = {} } = settings;
  const { registry, rpcUrls, log, bitcoinConfirmations } = access;
  const { chainId, genesis } = registry.network(network);
  const { lifetimeSeconds, ...patience } = times;
  const parts = { rpcUrls, log, assets: registry.assets(network), ...patience };
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET':
      return createEvmDriver({
        ...parts,
        network,
        chainId: present(chainId, 'an EVM network has a chain id'),
        signer: keys.for(network),
        gasSigners: keys.gasAccountsFor(network, gasAccounts),
      });
    case 'TRON_MAINNET':
      return createTronDriver({
        ...parts,
        ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }),
        expectedGenesis: genesis,
        signer: keys.for(network),
      });
    case 'SOL_MAINNET':
      return createSolanaDriver({
        ...parts,
        network,
        expectedGenesis: genesis,
        signer: keys.forSolana(),
      });
    case 'BITCOIN_MAINNET':
      return createBitcoinDriver({
        ...parts,
        expectedGenesis: genesis,
        signer: keys.forBitcoin(bitcoinAddressType),
        confirmations: bitcoinConfirmations,
      });
  }
}

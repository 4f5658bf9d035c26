import { assert, present } from '../base/assert.ts';
import type { Log } from '../base/log.ts';
import type { NetworkId } from '../money/asset.ts';
import { createEvmDriver } from '../networks/evm/driver.ts';
import { isEvmNetwork } from '../networks/evm/evm-network.ts';
import type { NetworkDriver } from '../networks/network.ts';
import type { NetworkAccess } from '../networks/network-access.ts';
import type { BitcoinAddressType, MnemonicSigner } from './mnemonic-signer.ts';

/** The driver of a network with the treasury's key. Only the worker may have one. */
export function openDriver(
  network: NetworkId,
  settings: {
    readonly access: NetworkAccess & { readonly log: Log };
    readonly keys: MnemonicSigner;
    /** How many accounts send what the treasury has signed. */
    readonly gasAccounts: number;
    readonly bitcoinAddressType: BitcoinAddressType;
  },
): NetworkDriver {
  const { access, keys, gasAccounts } = settings;
  const { registry, rpcUrls, log } = access;
  assert(isEvmNetwork(network), `${network} has a driver`);
  return createEvmDriver({
    network,
    chainId: present(registry.network(network).chainId, 'an EVM network has a chain id'),
    rpcUrls,
    signer: keys.for(network),
    gasSigners: keys.gasAccountsFor(network, gasAccounts),
    log,
    assets: registry.assets(network),
  });
}

import type { Command } from 'commander';
import type { Json } from '../base/json.ts';
import { readNetworkConfig, type NetworkConfig } from '../config.ts';
import { formatUnits } from '../money/amount.ts';
import type { NetworkInfo } from '../networks/registry.ts';
import type { CommandDeps } from './command-deps.ts';
import { addNetworkResume } from './network-resume.ts';
import { addNetworkStatus } from './network-status.ts';
import { operatorCommand } from './operator-command.ts';
import { respond, table, type OutputOptions } from './respond.ts';

export function addNetworkCommands(program: Command, deps: CommandDeps): void {
  const network = program.command('network').description('The networks and their tokens.');
  operatorCommand(network, 'list', 'Lists the networks as the settings have them.').action(
    (options: OutputOptions) => {
      const config = readNetworkConfig(deps.terminal.env);
      respond(deps, options, {
        json: config.registry.networks().map((info) => networkJson(config, info)),
        lines: networkTable(config),
      });
    },
  );
  addNetworkStatus(network, deps);
  addNetworkResume(network, deps);
}

/** RPC URLs are counted, not shown: they often hold a provider's key. */
function networkJson(config: NetworkConfig, info: NetworkInfo): Json {
  const { identifier } = info;
  return {
    identifier,
    name: info.name,
    chainId: info.chainId,
    enabled: config.enabledNetworks.includes(identifier),
    rpcUrlCount: config.rpcUrls.get(identifier)?.length ?? 0,
    tokens: config.registry.assets(identifier).map((asset) => ({
      token: asset.token,
      contract: asset.contract,
      decimals: asset.decimals,
      minimum: formatUnits(asset.minimumUnits, asset.decimals),
      payoutsEnabled: asset.payoutsEnabled,
    })),
  };
}

function networkTable(config: NetworkConfig): string[] {
  const rows = config.registry
    .networks()
    .flatMap(({ identifier, chainId }) =>
      config.registry
        .assets(identifier)
        .map((asset) => [
          identifier,
          config.enabledNetworks.includes(identifier) ? 'yes' : 'no',
          chainId === null ? '-' : String(chainId),
          asset.token,
          asset.payoutsEnabled ? 'yes' : 'no',
          String(asset.decimals),
          formatUnits(asset.minimumUnits, asset.decimals),
          asset.contract ?? '-',
        ]),
    );
  const headings = ['NETWORK', 'ENABLED', 'CHAIN', 'TOKEN', 'PAYOUTS', 'DECIMALS', 'MINIMUM'];
  return table([...headings, 'CONTRACT'], rows, 'there is no network');
}

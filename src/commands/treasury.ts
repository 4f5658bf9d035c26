import type { Command } from 'commander';
import type { Json } from '../base/json.ts';
import { accessOf, readNetworkConfig, type NetworkConfig } from '../config.ts';
import { formatUnits } from '../money/amount.ts';
import type { NetworkId } from '../money/asset.ts';
import { NetworkUnreachable, type Holdings } from '../networks/account-reader.ts';
import { ChainMismatch } from '../networks/network.ts';
import { openAccountReader } from '../networks/open-account-reader.ts';
import { listLanes, type Lane } from '../settlement/lanes.ts';
import type { CommandDeps } from './command-deps.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { withDatabase } from './open-database.ts';
import { operatorCommand } from './operator-command.ts';
import { respond, table, type OutputOptions } from './respond.ts';

/** One address that Knit pays from, and what it holds, or why that is not known. */
interface TreasuryView {
  readonly network: NetworkId;
  /** Null where the worker has not run on the network yet. */
  readonly address: string | null;
  /** TREASURY is the address to fund; it fills the GAS accounts itself. */
  readonly role: Lane['role'] | null;
  readonly holdings: Holdings | null;
  readonly problem: string | null;
}

type Place = Pick<TreasuryView, 'network' | 'address' | 'role'>;

export function addTreasuryCommands(program: Command, deps: CommandDeps): void {
  const treasury = program.command('treasury').description("The platform's own hot wallets.");
  operatorCommand(
    treasury,
    'show',
    'Shows what each treasury holds on chain, asked without a key; exit code 3 if a network is not reachable.',
  ).action(async (options: OutputOptions) => {
    await show(deps, options);
  });
}

async function show(deps: CommandDeps, options: OutputOptions): Promise<void> {
  const config = readNetworkConfig(deps.terminal.env);
  const lanes = await withDatabase(deps, async (database) => await listLanes(database));
  const wanted = config.enabledNetworks.flatMap((network): Place[] => {
    const places = lanes
      .filter((lane) => lane.network === network)
      .map(({ sender, role }) => ({ network, address: sender, role }));
    return places.length === 0 ? [{ network, address: null, role: null }] : places;
  });
  const views = await Promise.all(wanted.map(async (place) => await look(config, place)));
  respond(deps, options, { json: views.map(viewJson), lines: viewTable(views) });
  const failed = views.filter((view) => view.problem !== null).map((view) => view.network);
  if (failed.length === 0) return;
  const names = [...new Set(failed)].join(', ');
  throw new CommandFailure(EXIT.unreachable, `could not be asked: ${names}`);
}

async function look(config: NetworkConfig, place: Place): Promise<TreasuryView> {
  const { network, address } = place;
  if (address === null) return { ...place, holdings: null, problem: null };
  try {
    const reader = openAccountReader(network, accessOf(config, network));
    const holdings = await reader.holdings(address, config.registry.assets(network));
    return { ...place, holdings, problem: null };
  } catch (error) {
    if (!(error instanceof NetworkUnreachable) && !(error instanceof ChainMismatch)) throw error;
    return { ...place, holdings: null, problem: error.message };
  }
}

function viewJson({ network, address, role, holdings, problem }: TreasuryView): Json {
  return {
    network,
    address,
    role,
    coin: holdings === null ? null : coinOf(holdings),
    tokens:
      holdings === null
        ? null
        : holdings.tokens.map(({ asset, units }) => ({
            token: asset.token,
            balance: formatUnits(units, asset.decimals),
          })),
    problem,
  };
}

function coinOf(holdings: Holdings): { readonly symbol: string; readonly balance: string } {
  const { coin: symbol, coinUnits, coinDecimals } = holdings;
  return { symbol, balance: formatUnits(coinUnits, coinDecimals) };
}

function viewTable(views: readonly TreasuryView[]): string[] {
  const rows = views.flatMap(({ network, address, role, holdings, problem }) => {
    if (address === null || role === null) {
      return [[network, '-', '-', 'the worker has not run on it yet', '']];
    }
    if (holdings === null) return [[network, address, role, `not reachable: ${problem ?? ''}`, '']];
    const coin = coinOf(holdings);
    // On Bitcoin the coin is what payouts are made of: once is enough.
    const isAsset = holdings.tokens.some(({ asset }) => asset.contract === null);
    // A gas account needs no tokens: any are there by mistake.
    const tokens = holdings.tokens.filter(({ units }) => role === 'TREASURY' || units > 0n);
    return [
      ...(isAsset ? [] : [[network, address, role, coin.symbol, coin.balance]]),
      ...tokens.map(({ asset, units }) => [
        network,
        address,
        role,
        asset.token,
        formatUnits(units, asset.decimals),
      ]),
    ];
  });
  return table(['NETWORK', 'ADDRESS', 'ROLE', 'ASSET', 'BALANCE'], rows, 'no network is enabled');
}

import { parseArgs } from 'node:util';
import { NETWORK_IDS, type NetworkId } from '../../src/money/asset.ts';
import { familyOf, type NetworkFamily } from '../../src/networks/family.ts';
import type { Plant } from './plant.ts';

const USUAL: Readonly<Record<NetworkFamily, NetworkId>> = {
  evm: 'MATIC_MAINNET',
  tron: 'TRON_MAINNET',
  solana: 'SOL_MAINNET',
  bitcoin: 'BITCOIN_MAINNET',
};

const MOST_PAYOUTS = 100_000_000;

/** What was asked for: the list of plants, or a run. */
export type Asked =
  | { readonly kind: 'plants' }
  | {
      readonly kind: 'run';
      readonly payouts: number;
      readonly seed: number;
      readonly network: NetworkId;
      readonly plant: Plant | null;
    };

/** The command line is wrong. Its message is one line. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage';
}

export function readArguments(words: readonly string[], plants: readonly Plant[]): Asked {
  const values = parse(words);
  if (values.plants === true) {
    if (Object.keys(values).length > 1) throw new WrongUsage('--plants stands alone');
    return { kind: 'plants' };
  }
  const plant = readPlant(values.plant, plants);
  return {
    kind: 'run',
    payouts: readNumber('--payouts', values.payouts, { least: 1, most: MOST_PAYOUTS }),
    seed: readNumber('--seed', values.seed, { least: 0, most: Number.MAX_SAFE_INTEGER }),
    network: readNetwork(values.network, plant),
    plant,
  };
}

interface Values {
  readonly payouts?: string;
  readonly seed?: string;
  readonly network?: string;
  readonly plant?: string;
  readonly plants?: boolean;
}

function parse(words: readonly string[]): Values {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...words],
      options: {
        payouts: text,
        seed: text,
        network: text,
        plant: text,
        plants: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    const message = error instanceof Error ? error.message : 'wrong arguments';
    throw new WrongUsage(message);
  }
}

function readNumber(
  name: string,
  text: string | undefined,
  range: { least: number; most: number },
): number {
  const { least, most } = range;
  if (text === undefined) throw new WrongUsage(`${name} is missing`);
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new WrongUsage(`${name} must be a whole number from ${least} to ${most}`);
}

/** Where a run with this plant names no network. */
export function usualNetworkOf(plant: Plant | null): NetworkId {
  return USUAL[plant?.family ?? 'evm'];
}

function readNetwork(text: string | undefined, plant: Plant | null): NetworkId {
  if (text === undefined) return usualNetworkOf(plant);
  const network = NETWORK_IDS.find((name) => name === text);
  if (network === undefined) {
    throw new WrongUsage(`--network must be one of ${NETWORK_IDS.join(', ')}`);
  }
  if (plant !== null && plant.family !== familyOf(network)) {
    throw new WrongUsage(`--plant ${plant.name} is a mistake of other networks (${plant.family})`);
  }
  return network;
}

function readPlant(text: string | undefined, plants: readonly Plant[]): Plant | null {
  if (text === undefined) return null;
  const plant = plants.find(({ name }) => name === text);
  if (plant !== undefined) return plant;
  throw new WrongUsage('--plant names no plant; npm run simulate -- --plants lists them');
}

import { describe, expect, it } from 'vitest';
import type { NetworkId } from '../../src/money/asset.ts';
import { familyOf } from '../../src/networks/family.ts';
import { readArguments, WrongUsage } from './arguments.ts';
import { PLANTS } from './plants.ts';

const good = ['--payouts', '10', '--seed', '7'];

function read(...words: string[]): unknown {
  return readArguments(words, PLANTS);
}

describe('the arguments of a simulation', () => {
  it('are a number of payouts and a seed', () => {
    const asked = { kind: 'run', payouts: 10, seed: 7, network: 'MATIC_MAINNET', plant: null };
    expect(read(...good)).toEqual(asked);
    expect(read('--seed=7', '--payouts=10')).toEqual(asked);
  });

  it('may name a network and a plant', () => {
    for (const plant of PLANTS.filter(({ family }) => family === 'evm')) {
      const asked = read(...good, '--network', 'BSC_MAINNET', '--plant', plant.name);
      expect(asked).toMatchObject({ network: 'BSC_MAINNET', plant: { name: plant.name } });
    }
  });

  it('take the network of their plant where they name none', () => {
    for (const plant of PLANTS) {
      const { network } = read(...good, '--plant', plant.name) as { network: NetworkId };
      expect(familyOf(network)).toBe(plant.family);
    }
  });

  it('may ask for the plants', () => {
    expect(read('--plants')).toEqual({ kind: 'plants' });
  });

  it.each([
    [],
    ['--payouts', '10'],
    ['--seed', '7'],
    ['--payouts', '0', '--seed', '7'],
    ['--payouts', '-1', '--seed', '7'],
    ['--payouts', '1e3', '--seed', '7'],
    ['--payouts', '1.5', '--seed', '7'],
    ['--payouts', '', '--seed', '7'],
    ['--payouts', '0x10', '--seed', '7'],
    ['--payouts', '99999999999999999999', '--seed', '7'],
    ['--payouts', '10', '--seed', 'seven'],
    ['--payouts', '10', '--seed', '9007199254740993'],
    [...good, '--network', 'DOGE_MAINNET'],
    [...good, '--network', 'SOL_MAINNET', '--plant', 'lease-without-fencing'],
    [...good, '--network', '__proto__'],
    [...good, '--plant', 'nothing'],
    [...good, '--plant', ''],
    [...good, '--plants'],
    [...good, '--unknown'],
    [...good, 'stray'],
    [...good, '--payouts'],
    ['--plants=yes'],
  ])('that are %j are refused in one line', (...words) => {
    expect(() => read(...words)).toThrow(WrongUsage);
  });
});

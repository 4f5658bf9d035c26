import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { commandOf } from './simulation/run.ts';
import { simulate, wholeOf } from './simulation/small-worlds.ts';

// A bound for a machine that is busy with something else; a quiet one needs a small part of it.
vi.setConfig({ testTimeout: 300_000 });

const CLEAN = {
  duplicates: 0,
  paidButFailed: 0,
  holdsLeaked: 0,
  imbalances: 0,
  unterminated: 0,
};

describe('the simulation', () => {
  it.each(['MATIC_MAINNET', 'TRON_MAINNET', 'SOL_MAINNET', 'BITCOIN_MAINNET'] as const)(
    'has the same history for the same seed on %s, and another for another',
    async (network) => {
      const [first, again, other] = [
        await simulate({ seed: 7, network, payouts: 5 }),
        await simulate({ seed: 7, network, payouts: 5 }),
        await simulate({ seed: 8, network, payouts: 5 }),
      ];
      expect(again.digest).toBe(first.digest);
      expect(again.result).toEqual(first.result);
      expect(other.digest).not.toBe(first.digest);
    },
  );

  it.each([
    { seed: 1, network: 'MATIC_MAINNET' },
    { seed: 2, network: 'ETHEREUM_MAINNET' },
    { seed: 3, network: 'BSC_MAINNET' },
    { seed: 4, network: 'MATIC_MAINNET' },
    { seed: 3, network: 'TRON_MAINNET' },
    { seed: 2, network: 'SOL_MAINNET' },
    { seed: 5, network: 'BITCOIN_MAINNET' },
  ] as const)('finds nothing wrong with seed $seed on $network', async (options) => {
    const { result, sentences } = await simulate(options);
    const command = commandOf(wholeOf(options));
    expect(sentences, `Again: ${command}`).toEqual([]);
    expect(result, `Again: ${command}`).toMatchObject(CLEAN);
    expect(Object.keys(result.faults).length).toBeGreaterThan(5);
  });

  it.each([
    { seed: 14, network: 'MATIC_MAINNET' },
    { seed: 3, network: 'BITCOIN_MAINNET' },
  ] as const)(
    'pays nothing wrongly where $network goes back on what was final (seed $seed)',
    async (options) => {
      const { result, sentences } = await simulate(options);
      expect(sentences, `Again: ${commandOf(wholeOf(options))}`).toEqual([]);
      expect(result.faults).toMatchObject({ 'deep-reorg': 1 });
    },
  );

  it('ends a command that is wrong with one line and its code', () => {
    const program = fileURLToPath(new URL('./simulation/simulate.ts', import.meta.url));
    const words = ['--payouts', '10', '--seed', '1', '--network', 'a\nb'];
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^simulate: --network must be one of /);
  });
});

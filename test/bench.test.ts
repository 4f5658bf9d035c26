import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compareRuns, type BenchResult } from '../bench/bench-result.ts';
import { measureCoins } from '../bench/coin-selection.ts';
import { measureCosts } from '../bench/costs.ts';
import { OPERATIONS } from '../bench/growth-operations.ts';
import { measureGrowth } from '../bench/growth.ts';
import { measureNetworks } from '../bench/networks.ts';
import { partOfSandbox } from '../bench/part-of-sandbox.ts';
import { measureMemory, readTree } from '../bench/process-memory.ts';
import { blockMsOf } from '../bench/watch-heads.ts';
import { measureWebhooks } from '../bench/webhooks.ts';

// What the benches say is looked at, and not how fast anything is.

const BENCH = fileURLToPath(new URL('../bench/bench.ts', import.meta.url));
const MINUTES = 60_000;
const silent = (): void => undefined;

async function runBench(...args: readonly string[]): Promise<[number, string, string]> {
  const child = spawn(process.execPath, [BENCH, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return [code, stdout, stderr];
}

/** Each ratio is ours divided by its baseline; the figures are rounded, so to two digits. */
function expectRatios({ ours, baselines, ratios }: BenchResult): void {
  expect(Object.keys(ratios)).toEqual(Object.keys(baselines));
  for (const [key, baseline] of Object.entries(baselines)) {
    const own = ours[key.slice(key.indexOf('/') + 1)] ?? Number.NaN;
    expect(Math.abs((ratios[key] ?? 0) - own / baseline), key).toBeLessThan(0.01);
  }
}

it('the list names every bench, and another name is refused', { timeout: MINUTES }, async () => {
  const [code, stdout] = await runBench('--list');
  const benches = [
    'gas',
    'batch-shapes',
    'settle',
    'recovery',
    'costs',
    'coins',
    'networks',
    'intake',
    'growth',
    'webhooks',
    'crash',
  ];
  expect([code, JSON.parse(stdout)]).toEqual([0, { benches }]);
  const refused = await runBench('nothing');
  expect(refused).toEqual([1, '', expect.stringContaining('there is no bench nothing')]);
});

describe('figures of several runs', () => {
  const run = (own: number, other: number): Parameters<typeof compareRuns>[1][number] => ({
    ours: new Map([['a/1', own]]),
    baselines: new Map([['other/a/1', other]]),
  });

  it('are their medians, with the least and the greatest', () => {
    const result = compareRuns({ name: 'x', unit: 'y' }, [run(1, 4), run(9, 2), run(2, 8)]);
    expect(result).toMatchObject({
      ours: { 'a/1': 2 },
      baselines: { 'other/a/1': 4 },
      ratios: { 'other/a/1': 0.5 },
      runs: 3,
      spreads: {
        ours: { 'a/1': [1, 9] },
        baselines: { 'other/a/1': [2, 8] },
        ratios: { 'other/a/1': [0.25, 4.5] },
      },
    });
  });

  it('are taken of the runs that have them, and compared with something', () => {
    const more = { ours: new Map([['b', 7]]), baselines: new Map<string, number>() };
    const result = compareRuns({ name: 'x', unit: 'y' }, [run(1, 4), more]);
    expect(result.ours).toEqual({ 'a/1': 1, b: 7 });
    const lonely = { ours: new Map<string, number>(), baselines: new Map([['other/c', 1]]) };
    expect(() => compareRuns({ name: 'x', unit: 'y' }, [lonely])).toThrow('compared with nothing');
  });
});

it(
  'costs: a batch is cheaper than its payouts alone, up to where it is full',
  { timeout: 3 * MINUTES },
  async () => {
    const result = await measureCosts(silent);
    expectRatios(result);
    const { ours, ratios } = result;
    const rising = [
      ['SOL/USDT/existing', [1, 2, 5, ours['SOL/USDT/existing/payouts-when-full'] ?? 0]],
      ['SOL/USDT/fresh', [1, 2, 5, ours['SOL/USDT/fresh/payouts-when-full'] ?? 0]],
      ['BTC/p2tr', [1, 2, 5, 10, 50, 100, ours['BTC/payouts-when-full'] ?? 0]],
      ['BTC/p2wpkh', [1, 2, 5, 10, 50, 100, ours['BTC/payouts-when-full'] ?? 0]],
    ] as const;
    for (const [about, sizes] of rising) {
      const shares = sizes.map((size) => ratios[`single/${about}/${size}`] ?? Number.NaN);
      expect([about, shares[0]]).toEqual([about, 1]);
      expect([about, shares.toSorted((a, b) => b - a)]).toEqual([about, shares]);
      expect(new Set(shares).size).toBe(sizes.length);
    }
    expect(ours['TRON/payouts-when-full']).toBe(1);
    // Nothing of ours is dearer on Tron than what a wallet sends; a memo is.
    const plain = Object.entries(ratios).filter(([key]) => key.startsWith('plain/TRON/'));
    expect(plain.length).toBeGreaterThan(0);
    for (const [key, ratio] of plain) expect([key, ratio <= 1]).toEqual([key, true]);
    expect(ratios['memo/TRON/USDT/existing/1']).toBeLessThan(1);
    // At 100 sun a unit of energy and 1,000 a byte.
    const energy = ours['TRON/USDT/fresh/1/energy'] ?? 0;
    const bytes = ours['TRON/USDT/fresh/1/bandwidth-bytes'] ?? 0;
    expect(ours['TRON/USDT/fresh/1']).toBe(100 * energy + 1_000 * bytes);
    // The rent is what the chain asks for a token account of 165 bytes, however many are opened.
    expect(ours['SOL/USDT/fresh/5/rent-lamports']).toBe(2_039_280);
    expect(ours['SOL/USDT/existing/5/rent-lamports']).toBe(0);
  },
);

it('coins: no choice beats the exact one, and all strategies pay the same', async () => {
  const result = await measureCoins(silent, { seeds: [1, 2, 3], cases: 40, blocks: 300 });
  expectRatios(result);
  const { ours, baselines, spreads, runs } = result;
  expect(runs).toBe(3);
  for (const rate of [3, 12, 30, 100]) {
    const key = `waste/${rate}-sat-per-byte`;
    expect(spreads?.ours[`${key}/beyond-exact`]?.[0]).toBeGreaterThanOrEqual(0);
    const exact = ours[`${key}/percent-exact`] ?? -1;
    expect(exact >= 0 && exact <= 100).toBe(true);
  }
  expect(ours['stream/payouts']).toBeGreaterThan(1_000);
  expect(ours['stream/payouts']).toBe(baselines['largest-first/stream/payouts']);
  expect(ours['stream/feesPaid']).toBeGreaterThan(0);
});

describe('the parts of a sandbox', () => {
  it.each([
    ['launcher', 'node /a/bin/start.mjs'],
    ['sandbox', 'node src/main.ts sandbox'],
    ['api', '/x/node /a/src/main.ts api'],
    ['worker', '/x/node /a/src/main.ts worker'],
    ['guard', '/x/node /a/src/sandbox/guard-process.ts'],
    ['chain-TRON_MAINNET', '/x/node /a/local-chains/tron/main.ts --port 0 --block-time=1000'],
    ['chain-SOL_MAINNET', '/x/node /a/local-chains/solana/main.ts --port 0'],
    ['chain-BITCOIN_MAINNET', '/x/node /a/local-chains/bitcoin/main.ts --port 0'],
    ['chain-ETHEREUM_MAINNET', '/x/anvil --port=0 --chain-id=1'],
    ['chain-MATIC_MAINNET', '/x/anvil --port=0 --chain-id=137'],
    ['chain-BSC_MAINNET', '/x/anvil --chain-id=56 --port=0'],
    ['postgres', '/x/bin/postgres -D /y/data'],
    ['other', '/bin/sleep 1'],
  ])('%s: %s', (part, line) => {
    expect(partOfSandbox(line.split(' '))).toBe(part);
  });

  it('a worker of PostgreSQL, which names itself', () => {
    expect(partOfSandbox(['postgres: io worker 0 '])).toBe('postgres');
  });

  it('are found as descendants, with their memory', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: 'pipe' });
    await once(child, 'spawn');
    expect(readTree(process.pid)).toContain(child.pid);
    expect(readTree(child.pid ?? 0)).toEqual([child.pid]);
    const found = measureMemory(child.pid ?? 0, () => 'part').get('part');
    expect(found?.processes).toBe(1);
    expect(found?.residentBytes).toBeGreaterThan(2 ** 20);
    expect(found?.proportionalBytes).toBeLessThanOrEqual(found?.residentBytes ?? 0);
    child.stdin.end();
    await once(child, 'close');
    expect(readTree(process.pid)).not.toContain(child.pid);
  });
});

it('a block takes the time between the first and the last that were seen to come', () => {
  const seen = (atMs: number, newest: number, final: number): Parameters<typeof blockMsOf>[0] => [
    { atMs, newest, final },
  ];
  const changes = [...seen(900, 7, 5), ...seen(1_000, 8, 5), ...seen(1_100, 8, 6)];
  expect(blockMsOf([...changes, ...seen(1_900, 10, 6), ...seen(2_500, 11, 9)])).toBe(500);
  expect(() => blockMsOf(changes)).toThrow('too few blocks');
});

it(
  'networks: a sandbox that pays on every kind of chain, and what each part of it holds',
  { timeout: 5 * MINUTES },
  async () => {
    const networks = ['BSC_MAINNET', 'TRON_MAINNET', 'SOL_MAINNET', 'BITCOIN_MAINNET'] as const;
    const result = await measureNetworks(silent, { networks, starts: 1, payouts: 1 });
    expectRatios(result);
    const { ours, ratios } = result;
    const finality = networks.map((network) => `finality/${network}`);
    expect(Object.keys(ratios).toSorted()).toEqual(finality.toSorted());
    for (const network of networks) {
      const stages = ['from-201-to-block', 'from-block-to-final', 'from-final-to-completed'];
      const sum = stages.reduce((all, stage) => all + (ours[`${network}/${stage}`] ?? NaN), 0);
      expect(ours[network]).toBe(sum);
    }
    const parts = Object.keys(ours).flatMap((key) =>
      key.startsWith('resident-MB/after-payouts/') ? [key.split('/').at(-1) ?? ''] : [],
    );
    const own = ['api', 'guard', 'launcher', 'postgres', 'sandbox', 'worker'];
    expect(parts.toSorted()).toEqual(
      [...own, ...networks.map((network) => `chain-${network}`)].toSorted(),
    );
    expect(ours['time-to-ready']).toBeGreaterThan(0);
  },
);

it(
  'growth: every operation finds the same beside few and many payouts, and the books balance',
  { timeout: 3 * MINUTES },
  async () => {
    const result = await measureGrowth(silent, {
      few: 10_000,
      many: 16_000,
      businesses: 101,
      detailEvery: 8,
      runs: 1,
      warmUpTurns: 2,
      turns: 4,
    });
    const { ours, baselines, ratios } = result;
    const names = [...OPERATIONS.keys()];
    expect([ours, baselines, ratios].map((each) => Object.keys(each))).toEqual([
      names,
      names,
      names,
    ]);
    for (const [name, ratio] of Object.entries(ratios)) {
      const quotient = (ours[name] ?? Number.NaN) / (baselines[name] ?? Number.NaN);
      expect(Math.abs(ratio - quotient), name).toBeLessThan(0.01);
    }
  },
);

it(
  'webhooks: a worker beside the bare client, and beside itself with one endpoint dead',
  { timeout: 5 * MINUTES },
  async () => {
    const { ours, baselines, ratios } = await measureWebhooks(silent, {
      runs: 1,
      endpoints: 10,
      deliveries: 40,
      bareWarmUpSeconds: 0.2,
      bareSeconds: 0.5,
      profileFolder: undefined,
    });
    const keys = ['bareClient', 'othersWithOneDead', 'othersWithOneRefusing'];
    expect(Object.keys(ratios)).toEqual(keys);
    expect(Object.keys(baselines)).toEqual(keys);
    const parts = ['deliveries', 'events', 'others/one-silent', 'others/one-refusing'];
    expect(Object.keys(ours)).toEqual(parts);
    for (const figure of Object.values(ours)) expect(figure).toBeGreaterThan(0);
    expect(ratios['bareClient']).toBeCloseTo(
      (ours['deliveries'] ?? NaN) / (baselines['bareClient'] ?? NaN),
      2,
    );
  },
);

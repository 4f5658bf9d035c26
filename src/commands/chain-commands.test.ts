import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestChain, type TestChain } from '../../test/harness/chain.ts';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { runKnit, spawnKnit, type KnitResult } from '../../test/harness/run-knit.ts';
import { TEST_TREASURY } from '../../test/harness/settlement-world.ts';
import { listLanes, openLane, stopLane } from '../settlement/lanes.ts';

// The commands that ask a chain, on a real one.

const GAS_ACCOUNT = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';
const OTHER = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';

let db: TestDatabase;
let chain: TestChain;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  chain = await startTestChain();
  folder = await mkdtemp(join(tmpdir(), 'knit-commands-'));
  await chain.fund(TEST_TREASURY, { units: 1_500_000n, wei: 2_500000000000000000n });
  const { USDT, USDC } = chain.tokens;
  const assets = { MATIC_MAINNET: { chainId: chain.chainId, tokens: { USDT, USDC } } };
  await writeFile(join(folder, 'assets.json'), JSON.stringify(assets));
});
afterAll(async () => {
  await chain.stop();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  db = await createTestDatabase();
  env = {
    DATABASE_URL: db.url,
    KNIT_NETWORKS: 'MATIC_MAINNET',
    KNIT_RPC_MATIC_MAINNET: chain.rpcUrl,
    KNIT_ASSETS_FILE: join(folder, 'assets.json'),
  };
  return async () => await db.drop();
});

async function openTreasuryLane(firstSequence: bigint): Promise<void> {
  const lane = { network: 'MATIC_MAINNET', sender: TEST_TREASURY, at: new Date() } as const;
  await openLane(db.database, { ...lane, role: 'TREASURY', firstSequence });
}

describe('network list', () => {
  test('shows the settings, and counts the RPC URLs', async () => {
    const secret = `${chain.rpcUrl}/secret`;
    const result = await runKnit(['network', 'list', '--json'], {
      ...env,
      KNIT_RPC_MATIC_MAINNET: `${chain.rpcUrl},${secret}`,
    });
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).not.toContain('secret');
    const networks = JSON.parse(result.stdout) as { identifier: string }[];
    expect(networks).toHaveLength(6);
    expect(networks.find(({ identifier }) => identifier === 'MATIC_MAINNET')).toMatchObject({
      chainId: chain.chainId,
      enabled: true,
      rpcUrlCount: 2,
      tokens: [
        { token: 'USDT', decimals: 6, minimum: '0.01', payoutsEnabled: true },
        { token: 'USDC' },
      ],
    });
    expect(networks.find(({ identifier }) => identifier === 'TRON_MAINNET')).toMatchObject({
      enabled: false,
      rpcUrlCount: 0,
    });
    const table = await runKnit(['network', 'list'], env);
    expect(table.stdout).toMatch(/\nMATIC_MAINNET +yes +137 +USDT +yes +6 +0[.]01 +0x/);
  });
});

describe('treasury show', () => {
  const show = ['treasury', 'show'];

  test('before the worker has run there is nothing to ask', async () => {
    const result = await runKnit([...show, '--json'], env);
    expect(result.exitCode).toBe(0);
    expect(JSON.parse(result.stdout)).toEqual([
      {
        network: 'MATIC_MAINNET',
        address: null,
        role: null,
        coin: null,
        tokens: null,
        problem: null,
      },
    ]);
  });

  test('shows what is on the chain', async () => {
    await openTreasuryLane(0n);
    const result = await runKnit([...show, '--json'], env);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toEqual([
      {
        network: 'MATIC_MAINNET',
        address: TEST_TREASURY,
        role: 'TREASURY',
        coin: { symbol: 'POL', balance: '2.5' },
        tokens: [
          { token: 'USDT', balance: '1.5' },
          { token: 'USDC', balance: '1.5' },
        ],
        problem: null,
      },
    ]);
    expect((await runKnit(show, env)).stdout).toMatch(/USDT +1[.]5\n/);
  });

  test('tells the address to fund from the gas accounts', async () => {
    await openTreasuryLane(0n);
    await openLane(db.database, {
      network: 'MATIC_MAINNET',
      sender: GAS_ACCOUNT,
      role: 'GAS',
      firstSequence: 0n,
      at: new Date(),
    });
    const lines = (await runKnit(show, env)).stdout.split('\n').slice(1, -1);
    expect(lines.map((line) => line.split(/ +/).slice(1, 4))).toEqual([
      [TEST_TREASURY, 'TREASURY', 'POL'],
      [TEST_TREASURY, 'TREASURY', 'USDT'],
      [TEST_TREASURY, 'TREASURY', 'USDC'],
      [GAS_ACCOUNT, 'GAS', 'POL'],
    ]);
  });

  test('says which network it could not ask, without the URL', async () => {
    await openTreasuryLane(0n);
    const down = { ...env, KNIT_RPC_MATIC_MAINNET: 'http://127.0.0.1:1/secret' };
    const result = await runKnit([...show, '--json'], down);
    expect(result).toMatchObject({
      exitCode: 3,
      stderr: 'knit: could not be asked: MATIC_MAINNET\n',
    });
    expect(result.stdout).not.toContain('secret');
    expect(JSON.parse(result.stdout)).toMatchObject([
      {
        network: 'MATIC_MAINNET',
        tokens: null,
        problem: 'node 1 of 1, eth_chainId: no answer (ECONNREFUSED)',
      },
    ]);
  });

  test('does not believe another chain', async () => {
    await openTreasuryLane(0n);
    const wrong = { ...env, KNIT_NETWORKS: 'BSC_MAINNET', KNIT_RPC_BSC_MAINNET: chain.rpcUrl };
    await openLane(db.database, {
      network: 'BSC_MAINNET',
      sender: TEST_TREASURY,
      role: 'TREASURY',
      firstSequence: 0n,
      at: new Date(),
    });
    const result = await runKnit([...show, '--json'], wrong);
    expect(result.exitCode).toBe(3);
    expect(JSON.parse(result.stdout)).toMatchObject([
      { coin: null, problem: 'node 1 of 1 is of chain 137, not 56' },
    ]);
  });
});

describe('lane', () => {
  const adopt = ['lane', 'adopt', '--network', 'MATIC_MAINNET', '--sender', TEST_TREASURY];
  const confirmed = ['--confirm', 'production'];

  /** Transactions of the treasury's key that Knit knows nothing of. */
  async function spendElsewhere(count: number): Promise<void> {
    for (let sent = 0; sent < count; sent += 1) {
      await chain.rpc('eth_sendTransaction', { from: TEST_TREASURY, to: OTHER, value: '0x1' });
    }
    await chain.mine(1);
  }

  async function counted(): Promise<bigint> {
    const count = await chain.rpc('eth_getTransactionCount', TEST_TREASURY, 'latest');
    return BigInt(count as string);
  }

  async function nextSequence(): Promise<bigint | undefined> {
    return (await listLanes(db.database))[0]?.nextSequence;
  }

  function answerIn(result: KnitResult): unknown {
    return JSON.parse(result.stdout) as unknown;
  }

  test('list shows where each sender stands', async () => {
    expect((await runKnit(['lane', 'list'], env)).stdout).toMatch(/there is no lane yet/);
    await openTreasuryLane(12n);
    expect(answerIn(await runKnit(['lane', 'list', '--json'], env))).toEqual([
      {
        network: 'MATIC_MAINNET',
        sender: TEST_TREASURY,
        role: 'TREASURY',
        nextSequence: '12',
        holderId: null,
        leaseUntil: expect.stringMatching(/[.]\d{6}Z$/) as string,
        stoppedFor: null,
      },
    ]);
  });

  test('adopt moves it past foreign transactions once they are final', async () => {
    const before = await counted();
    await openTreasuryLane(before);
    expect(answerIn(await runKnit([...adopt, '--json'], env))).toMatchObject({ adopted: false });

    await spendElsewhere(2);
    const early = await runKnit([...adopt, ...confirmed], env);
    expect(early).toMatchObject({ exitCode: 1, stdout: '' });
    expect(early.stderr).toMatch(/are final: try again when all are\n$/);

    await chain.mine(4);
    const unconfirmed = await runKnit(adopt, env, { typed: 'staging' });
    expect(unconfirmed).toMatchObject({ exitCode: 4, stdout: '' });
    expect(unconfirmed.stderr).toMatch(
      /^Accepts 2 transactions that Knit did not make.*treasury[.] /,
    );
    expect(unconfirmed.stderr).toContain('environment        production\n');
    expect(unconfirmed.stderr).toContain(`next to be signed  sequence ${before + 2n}\n`);
    expect(await nextSequence()).toBe(before);

    const done = await runKnit([...adopt, ...confirmed, '--json'], env);
    expect(done.exitCode).toBe(0);
    expect(answerIn(done)).toEqual({
      network: 'MATIC_MAINNET',
      sender: TEST_TREASURY,
      adopted: true,
      nextSequence: String(before + 2n),
    });
    expect(await nextSequence()).toBe(before + 2n);
    expect((await runKnit(adopt, env)).stdout).toMatch(/^nothing to do/);
  });

  test('adopt lets a stopped lane go on where it stands', async () => {
    await openTreasuryLane(1_000n);
    const lane = { network: 'MATIC_MAINNET', sender: TEST_TREASURY } as const;
    const stop = { ...lane, reason: 'a stranger', at: new Date() };
    await db.database.transaction(async (tx) => {
      await stopLane(tx, stop);
    });
    expect((await runKnit(['lane', 'list'], env)).stdout).toMatch(/a stranger\n$/);
    const result = await runKnit([...adopt, ...confirmed, '--json'], env);
    expect(result.stderr).toMatch(/stopped, because +a stranger\n/);
    expect(answerIn(result)).toMatchObject({ adopted: true, nextSequence: '1000' });
    expect(await listLanes(db.database)).toMatchObject([
      { nextSequence: 1_000n, stoppedFor: null },
    ]);
  });

  test('adopt says of a gas account that its key moves no tokens', async () => {
    const gas = { network: 'MATIC_MAINNET', sender: OTHER } as const;
    const at = new Date();
    await openLane(db.database, { ...gas, role: 'GAS', firstSequence: 1_000n, at });
    await stopLane(db.database, { ...gas, reason: 'a stranger', at });
    const ofGas = [...adopt.slice(0, -1), OTHER];
    const result = await runKnit([...ofGas, ...confirmed], env);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(/^Accepts .*gas account.* coins; it cannot move the treasury's/);
    expect(result.stderr).not.toContain('paid again');
    expect((await runKnit(['lane', 'list'], env)).stdout).toMatch(/ GAS +1000 /);
  });

  test('adopt never goes beyond the chain', async () => {
    await openTreasuryLane(1_000n);
    const result = await runKnit([...adopt, ...confirmed, '--json'], env);
    expect(answerIn(result)).toMatchObject({ adopted: false, nextSequence: '1000' });
    expect(await nextSequence()).toBe(1_000n);
  });

  test('adopt is refused where there is no lane, no network or no answer', async () => {
    expect(await runKnit(adopt, env)).toMatchObject({ exitCode: 1, stdout: '' });
    await openTreasuryLane(0n);
    const down = { ...env, KNIT_RPC_MATIC_MAINNET: 'http://127.0.0.1:1' };
    expect(await runKnit([...adopt, ...confirmed], down)).toMatchObject({ exitCode: 3 });
    const off = { ...env, KNIT_NETWORKS: 'BSC_MAINNET', KNIT_RPC_BSC_MAINNET: chain.rpcUrl };
    const result = await runKnit([...adopt, ...confirmed], off);
    expect(result).toMatchObject({
      exitCode: 2,
      stderr: 'knit: KNIT_NETWORKS: MATIC_MAINNET is not enabled\n',
    });
  });
});

describe('the API does not start', () => {
  const withAssets = async (assets: object): Promise<Record<string, string>> => {
    const file = join(folder, 'contradicted.json');
    await writeFile(file, JSON.stringify({ MATIC_MAINNET: assets }));
    return { ...env, KNIT_ASSETS_FILE: file, KNIT_MASTER_KEY: 'ab'.repeat(32), PORT: '0' };
  };

  test('with decimals or a chain id that the chain contradicts', async () => {
    const { chainId, tokens } = chain;
    const decimals = { chainId, tokens: { ...tokens, USDT: { ...tokens.USDT, decimals: 18 } } };
    expect(await spawnKnit(['api'], await withAssets(decimals))).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        'knit: KNIT_RPC_MATIC_MAINNET or KNIT_ASSETS_FILE: USDT on MATIC_MAINNET has 6 decimals on chain, 18 configured\n',
    });
    const other = await spawnKnit(['api'], await withAssets({ chainId: chainId + 1, tokens }));
    expect(other).toMatchObject({ exitCode: 2, stdout: '' });
    expect(other.stderr).toMatch(/^knit: KNIT_RPC_MATIC_MAINNET or .* is of chain \d+, not \d+\n$/);
  });
});

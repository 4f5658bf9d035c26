import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { runKnit } from '../../test/harness/run-knit.ts';
import { TEST_MNEMONIC } from '../../test/harness/settlement-world.ts';
import { silentLog } from '../base/log.ts';
import type { NetworkId } from '../money/asset.ts';
import { assetsFileOf } from '../sandbox/handover.ts';
import { createGuard, type Guard } from '../sandbox/guard.ts';
import type { SandboxChain } from '../sandbox/sandbox-chain.ts';
import { startSandboxChain } from '../sandbox/start-chain.ts';
import { createMnemonicSigner } from '../treasury/mnemonic-signer.ts';

// What an operator is told of nodes of Tron, Solana and Bitcoin, each on its local chain.

const NETWORKS = ['TRON_MAINNET', 'SOL_MAINNET', 'BITCOIN_MAINNET'] as const;
type Network = (typeof NETWORKS)[number];

let guard: Guard;
let chains: SandboxChain[];
let db: TestDatabase;
let folder: string;

beforeAll(async () => {
  guard = createGuard();
  const keys = createMnemonicSigner({ mnemonic: TEST_MNEMONIC });
  chains = await Promise.all(
    NETWORKS.map(async (id) => await startSandboxChain(id, { guard, log: silentLog, keys })),
  );
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'knit-doctor-'));
  await writeFile(join(folder, 'assets.json'), assetsFileOf(chains));
});
afterAll(async () => {
  await Promise.all(chains.map(async (chain) => await chain.stop()));
  await Promise.all([guard.dispose(), db.drop(), rm(folder, { recursive: true })]);
});

function urlOf(network: Network): string {
  return chains.find((chain) => chain.network === network)?.rpcUrl ?? '';
}

async function control(network: Network, what: string, body: object): Promise<void> {
  const response = await fetch(`${urlOf(network)}/control/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect([response.status, await response.text()]).toEqual([200, expect.anything()]);
}

const PATIENCE = { timeout: 15_000, interval: 500 };

interface Finding {
  readonly level: string;
  readonly network: NetworkId | null;
  readonly what: string;
}

/** Of one network, whose node is the one of this name. */
async function diagnose(
  network: Network,
  node = 'main',
  changes: Record<string, string> = {},
): Promise<readonly string[]> {
  const { stdout } = await runKnit(['doctor', '--json'], {
    DATABASE_URL: db.url,
    KNIT_MASTER_KEY: 'ab'.repeat(32),
    KNIT_NETWORKS: network,
    [`KNIT_RPC_${network}`]: `${urlOf(network)}/nodes/${node}`,
    KNIT_ASSETS_FILE: join(folder, 'assets.json'),
    KNIT_TREASURY_MNEMONIC: TEST_MNEMONIC,
    ...changes,
  });
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
  return findings
    .filter((finding) => finding.network === network)
    .map(({ level, what }) => `${level} ${what}`);
}

describe('a node that is well', () => {
  test.each<[Network, string[]]>([
    ['TRON_MAINNET', ['ok the treasury holds 100000 TRX and 0 energy']],
    ['SOL_MAINNET', ['ok the treasury holds 1000 SOL']],
    ['BITCOIN_MAINNET', ['warn node 1 of 1 has no wallet that watches the treasury yet']],
  ])('of %s', async (network, expected) => {
    const said = await diagnose(network);
    expect(said).toEqual(
      expect.arrayContaining([
        'ok node 1 of 1 answers, is of the chain and can do what is asked of it',
        ...expected,
      ]),
    );
    expect(said.filter((line) => line.startsWith('fail'))).toEqual([]);
  });
});

test.each(NETWORKS)('%s: a node of another chain', async (network) => {
  // Without the file the main network is meant.
  const said = await diagnose(network, 'main', { KNIT_ASSETS_FILE: '' });
  expect(said[0]).toMatch(/^fail node 1 of 1 is of the chain/);
});

describe('a node that lacks something', () => {
  test('Tron: no transaction infos', async () => {
    const node = { name: 'bare', switches: { withoutInfo: true } };
    await control('TRON_MAINNET', 'node', node);
    // The chain's first transactions have to be solidified before they can be missed.
    await expect
      .poll(async () => await diagnose('TRON_MAINNET', 'bare'), PATIENCE)
      .toContain(
        'warn node 1 of 1 does not give blocks that are about two hours old: node 1 of 1 keeps no transaction infos of block 1',
      );
  });

  test('Solana: no history', async () => {
    const node = { name: 'forgetful', set: { history: 'cache', emptyStatusCache: true } };
    await control('SOL_MAINNET', 'node', node);
    expect(await diagnose('SOL_MAINNET', 'forgetful')).toContainEqual(
      expect.stringMatching(
        /^fail node 1 of 1 does not give the finalized transactions of an address: /,
      ),
    );
  });

  test('Bitcoin: blocks of the last week', async () => {
    await control('BITCOIN_MAINNET', 'openNode', { node: 'pruned' });
    const faults = { prunedBelowDepth: 20 };
    await control('BITCOIN_MAINNET', 'setNode', { node: 'pruned', faults });
    expect(await diagnose('BITCOIN_MAINNET', 'pruned')).toContainEqual(
      expect.stringMatching(
        /^warn node 1 of 1 does not give blocks of the last week: .* before block \d+$/,
      ),
    );
  });
});

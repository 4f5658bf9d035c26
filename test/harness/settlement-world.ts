import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { present } from '../../src/base/assert.ts';
import { checkBooks } from '../../src/ledger/check-books.ts';
import { createPayout } from '../../src/payouts/create-payout.ts';
import { findPayout } from '../../src/payouts/find-payouts.ts';
import type { Payout } from '../../src/payouts/payout.ts';
import type { Checkpoint } from '../../src/settlement/settlement.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { recipientOf } from './fresh-recipient.ts';
import type { PayingChain } from './paying-chain.ts';
import { createTestBusiness, testIds, testOrder, type TestBusiness } from './world.ts';

/** The well-known development mnemonic, and the address that it pays from on EVM networks. */
export const TEST_MNEMONIC = 'test test test test test test test test test test test junk';
export const TEST_TREASURY = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';

/** Real worker processes on a real database and a chain. */
export interface SettlementWorld {
  readonly db: TestDatabase;
  readonly chain: PayingChain;
  readonly business: TestBusiness;
  /** Creates a payout of so many hundredths of a token to an address that nobody else pays. */
  readonly order: (hundredths: bigint) => Promise<Payout>;
  /** Starts a worker; with `at` it sends itself `signal` at that checkpoint. */
  readonly startWorker: (rehearsal?: { at: Checkpoint; signal: NodeJS.Signals }) => ChildProcess;
  readonly read: (payout: Payout) => Promise<Payout>;
  /** Waits until every payout is COMPLETED or FAILED. */
  readonly untilFinal: (payouts: readonly Payout[]) => Promise<Payout[]>;
  /** How often, and how much, each recipient was paid, by the chain; of the ledger's units. */
  readonly paidTimes: () => Promise<ReadonlyMap<string, readonly bigint[]>>;
  readonly problems: () => Promise<string[]>;
  /** The payouts whose news are not told or not noted as told. */
  readonly leftOver: () => Promise<string[]>;
  /** The chain's end too. */
  readonly close: () => Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('worker-that-dies.ts', import.meta.url));

export async function createSettlementWorld(chain: PayingChain): Promise<SettlementWorld> {
  const { network, tokens } = chain;
  const token = present(tokens[0], 'the chain has a token');
  const db = await createTestDatabase();
  const business = await createTestBusiness(db.database, { token, units: 10n ** 24n });
  const folder = await mkdtemp(join(tmpdir(), 'knit-settlement-'));
  const assetsFile = join(folder, 'assets.json');
  await writeFile(assetsFile, JSON.stringify({ [network]: chain.registryEntry }));
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: db.url,
    KNIT_NETWORKS: network,
    [`KNIT_RPC_${network}`]: chain.rpcUrl,
    KNIT_ASSETS_FILE: assetsFile,
    KNIT_MASTER_KEY: '11'.repeat(32),
    KNIT_TREASURY_MNEMONIC: TEST_MNEMONIC,
    KNIT_LOG_LEVEL: process.env['KNIT_TEST_LOG_LEVEL'] ?? 'error',
    ...chain.settings,
  };
  const workers: ChildProcess[] = [];
  const scale = 10n ** BigInt(18 - chain.decimals);
  const read = async (payout: Payout): Promise<Payout> =>
    present(await findPayout(db.database, payout.businessId, payout.payoutId), 'it exists');
  return {
    db,
    chain,
    business,
    order: async (hundredths) => {
      const toAddress = recipientOf(network, testIds.next());
      const order = { network, units: hundredths * 10n ** 16n, token, toAddress };
      const deps = { database: db.database, ids: testIds };
      const outcome = await createPayout(deps, testOrder(business, order));
      if (outcome.kind !== 'created') throw new Error('not created');
      return outcome.payout;
    },
    startWorker: (rehearsal) => {
      const extra = rehearsal && { KNIT_TEST_AT: rehearsal.at, KNIT_TEST_SIGNAL: rehearsal.signal };
      const worker = spawn(process.execPath, [SCRIPT], {
        env: { ...env, ...extra },
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      workers.push(worker);
      return worker;
    },
    read,
    untilFinal: async (payouts) => {
      for (;;) {
        const now = await Promise.all(payouts.map(read));
        if (now.every(({ status }) => status === 'COMPLETED' || status === 'FAILED')) return now;
        await new Promise((resolve) => {
          setTimeout(resolve, 100);
        });
      }
    },
    paidTimes: async () => {
      const byRecipient = Map.groupBy(await chain.paidOut(token), ({ to }) => to);
      const entries = [...byRecipient].map(
        ([to, paid]) => [to, paid.map(({ units }) => units * scale)] as const,
      );
      return new Map(entries);
    },
    leftOver: async () => {
      const rows = await db.database.query<{ payout_id: string }>(
        'SELECT payout_id FROM settlement_orders WHERE reported_version < version',
      );
      return rows.map((row) => row.payout_id);
    },
    problems: async () => await checkBooks(db.database, business.businessId),
    close: async () => {
      for (const worker of workers) worker.kill('SIGKILL');
      await chain.stop();
      await db.drop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Ends a worker and waits until it is gone. */
export async function endWorker(worker: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const gone = once(worker, 'exit');
  worker.kill(signal);
  await gone;
}

/** An address of an EVM network, in lower case, that has not been used before. */
export function freshAddress(): string {
  return recipientOf('MATIC_MAINNET', testIds.next());
}

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createBooksWorld,
  hashOfBlock,
  TEST_PAYER,
  type BooksWorld,
} from '../../test/harness/books-world.ts';
import { runKnit, type KnitResult } from '../../test/harness/run-knit.ts';
import { createTestBusiness, testIds } from '../../test/harness/world.ts';
import type { Row } from '../database/database.ts';
import { findNetworkStates, stopNetwork } from '../settlement/network-state.ts';
import { watchChain } from '../settlement/watch-chain.ts';

// What an operator sees of a network that reconciliation has stopped, and how it goes on.

const BOB = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const TOKEN = 10n ** 18n;

let world: BooksWorld;
let env: Record<string, string>;
beforeEach(async () => {
  world = await createBooksWorld();
  env = { DATABASE_URL: world.db.url, KNIT_ENVIRONMENT: 'rehearsal' };
  world.chain.opening.set('USDT', 1_000n * TOKEN);
  await world.round(90n);
});
afterEach(async () => {
  await world.close();
});

const explained = ['--by', 'A. Person', '--because', 'a sweep by hand'];

async function resume(...args: string[]): Promise<KnitResult> {
  const command = ['network', 'resume', '--network', 'BSC_MAINNET', '--confirm', 'rehearsal'];
  return await runKnit([...command, ...args], env);
}

async function status(): Promise<Record<string, unknown>> {
  const result = await runKnit(['network', 'status', '--json'], env);
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  const [view] = JSON.parse(result.stdout) as Record<string, unknown>[];
  return view ?? {};
}

async function acceptances(): Promise<Row[]> {
  return await world.db.database.query(
    'SELECT kind, subject, units, accepted_by, because FROM settlement_acceptances ORDER BY kind',
  );
}

/** A transfer that somebody made with the treasury's key. */
async function payByHand(block = 91n): Promise<string> {
  const out = { direction: 'out', units: 2n * TOKEN, counterparty: BOB, block } as const;
  const { transactionHash } = world.move(out);
  await world.round(block);
  return transactionHash;
}

describe('network status', () => {
  test('before settlement has run', async () => {
    await world.db.database.query('DELETE FROM settlement_networks');
    const result = await runKnit(['network', 'status'], env);
    expect(result.stdout).toBe('settlement has run on no network yet\n');
    expect((await runKnit(['network', 'status', '--json'], env)).stdout).toBe('[]\n');
  });

  test('shows who pays, how far it is reconciled, and the figures', async () => {
    world.move({ direction: 'in', units: 5n * TOKEN, block: 91n });
    await world.round(91n);
    expect(await status()).toMatchObject({
      network: 'BSC_MAINNET',
      payer: TEST_PAYER,
      nextNumber: '1',
      stoppedFor: null,
      inTheWay: [],
      finalBlock: { number: '91', hash: hashOfBlock(91n) },
      tokens: [
        { token: 'USDC' },
        {
          token: 'USDT',
          openedBlock: '90',
          scannedBlock: '91',
          checkedBlock: '91',
          opening: '1000',
          in: '5',
          out: '0',
          adjusted: '0',
          onChain: '1005',
          difference: '0',
          paid: '0',
          signedAndOpen: '0',
        },
      ],
    });
    const { stdout } = await runKnit(['network', 'status'], env);
    expect(stdout).toContain(
      'reconciled to block 91: 1000 at block 90, 5 in, 0 out, 0 adjusted; 1005 on chain at block 91; 0 paid, 0 signed and open\n',
    );
  });

  test('says what is in the way, and what accepts it', async () => {
    const hash = await payByHand();
    const problem = `transaction ${hash} of block 91 sent 2 USDT to ${BOB}, which no attempt explains`;
    expect(await status()).toMatchObject({ inTheWay: [{ accept: hash, problem }] });
    const { stdout } = await runKnit(['network', 'status'], env);
    expect(stdout).toContain(`in the way        ${problem} (--accept ${hash})\n`);
  });
});

describe('network resume', () => {
  test('does nothing where nothing is stopped, and knows no other network', async () => {
    const result = await resume('--json');
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toEqual({
      network: 'BSC_MAINNET',
      resumed: false,
      accepted: [],
    });
    const unknown = await runKnit(['network', 'resume', '--network', 'MATIC_MAINNET'], env);
    expect(unknown).toMatchObject({
      exitCode: 1,
      stderr: 'knit: Settlement has not run on MATIC_MAINNET yet\n',
    });
  });

  test('goes on after a stop whose cause only a person can see, when confirmed', async () => {
    const stop = { network: world.network, reason: 'a stranger has the key', at: new Date() };
    await stopNetwork(world.db.database, stop);
    const typed = await runKnit(['network', 'resume', '--network', 'BSC_MAINNET'], env, {
      typed: 'no',
    });
    expect(typed).toMatchObject({ exitCode: 4, stdout: '' });
    expect(typed.stderr).toMatch(/stopped, because +a stranger has the key\n/);
    expect(await world.stoppedFor()).toBe('a stranger has the key');
    expect(await resume()).toMatchObject({ exitCode: 0, stdout: 'the network signs again\n' });
    expect(await world.stoppedFor()).toBeNull();
  });

  test('refuses while a transfer is unexplained, until it is accepted by its hash', async () => {
    const hash = await payByHand();
    const refused = await resume();
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain(`knit: still in the way: transaction ${hash} of block 91`);
    expect(refused.stderr).toContain(`(--accept ${hash})`);
    expect(await resume('--accept', hash)).toMatchObject({
      exitCode: 2,
      stderr: 'knit: --accept needs --by and --because\n',
    });
    expect(await resume('--accept', `0x${'00'.repeat(32)}`, ...explained)).toMatchObject({
      exitCode: 1,
    });
    expect(await world.stoppedFor()).not.toBeNull();

    const accepted = await resume('--accept', hash.toUpperCase(), ...explained, '--json');
    expect(accepted.exitCode).toBe(0);
    expect(JSON.parse(accepted.stdout)).toMatchObject({
      resumed: true,
      accepted: [{ kind: 'MOVEMENTS', subject: hash }],
    });
    expect(await acceptances()).toEqual([
      {
        kind: 'MOVEMENTS',
        subject: hash,
        units: null,
        accepted_by: 'A. Person',
        because: 'a sweep by hand',
      },
    ]);
    expect(await world.stoppedFor()).toBeNull();
    await world.round(92n);
    expect(await world.stoppedFor()).toBeNull();
    expect(await status()).toMatchObject({ inTheWay: [] });
  });

  test('accepts one transfer and not another', async () => {
    const first = await payByHand();
    const second = await payByHand(92n);
    const result = await resume('--accept', first, ...explained);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(second);
    expect(await acceptances()).toEqual([]);
    expect((await resume('--accept', `${first},${second}`, ...explained)).exitCode).toBe(0);
    expect(await acceptances()).toHaveLength(2);
  });

  test('takes a difference into the figures, and reconciles on', async () => {
    world.chain.silent.push({ token: 'USDT', block: 91n, units: -100n * TOKEN });
    await world.round(91n);
    const refused = await resume();
    expect(refused.stderr).toContain(
      'at block 91 the payer held 100 USDT less than its transfers explain',
    );
    const accepted = await resume('--accept', 'USDT', ...explained);
    expect(accepted.exitCode).toBe(0);
    expect(await acceptances()).toMatchObject([
      { kind: 'DIFFERENCE', subject: 'USDT', units: -100n * TOKEN },
    ]);
    await world.round(92n);
    expect(await world.stoppedFor()).toBeNull();
    expect(await world.row()).toMatchObject({
      scannedNumber: 92n,
      adjustedUnits: -100n * TOKEN,
      differenceUnits: 0n,
    });
  });

  test('takes another chain for the chain, and begins the comparison anew', async () => {
    const { db, chain } = world;
    chain.answers.set(hashOfBlock(90n), 'no');
    await watchChain(world.settlement(), 32n);
    const refused = await resume();
    expect(refused.stderr).toMatch(/still in the way: block 90 .*the nodes deny it/);
    expect((await resume('--accept', hashOfBlock(90n), ...explained)).exitCode).toBe(0);
    expect((await findNetworkStates(db.database))[0]).toMatchObject({ final: null });
    chain.final = 93n;
    await watchChain(world.settlement(), 32n);
    await world.round(93n);
    expect(await world.row()).toMatchObject({ openedNumber: 93n });
    expect(await world.stoppedFor()).toBeNull();
  });

  test('accepts an attempt that the transfers contradict, once', async () => {
    const attempt = await world.attempt({ items: [{ units: TOKEN, to: BOB }] });
    await world.judge(attempt, { block: 91n, transactionHash: '0x1', fates: ['PAID'] });
    await settle(TOKEN);
    await world.round(91n);
    expect((await resume()).stderr).toContain(`attempt ${attempt.attemptId}: payout`);
    expect((await resume('--accept', attempt.attemptId, ...explained)).exitCode).toBe(0);
    await world.round(92n);
    expect(await world.stoppedFor()).toBeNull();
  });

  test('accepts no ledger that settlement contradicts', async () => {
    await settle(TOKEN);
    await stopNetwork(world.db.database, {
      network: world.network,
      reason: 'the ledger',
      at: new Date(),
    });
    const sentence = 'the ledger has settled 1 USDT, more than the 0 USDT that settlement has paid';
    expect(await resume()).toMatchObject({
      exitCode: 1,
      stderr: `knit: still in the way: ${sentence}\n`,
    });
    expect((await resume('--accept', sentence, ...explained)).exitCode).toBe(1);
    const books = await runKnit(['books', 'check', '--json'], env);
    expect(books).toMatchObject({
      exitCode: 1,
      stderr: 'knit: the ledger and settlement contradict each other\n',
    });
    expect(JSON.parse(books.stdout)).toMatchObject({
      balanced: false,
      settlement: { problems: [sentence], notCompared: [] },
    });
  });
});

/** A business whose books balance, and whose SETTLED account holds this. */
async function settle(units: bigint): Promise<void> {
  const { database } = world.db;
  const { businessId } = await createTestBusiness(database, { units });
  const [account] = await database.query<{ account_id: string }>(
    `SELECT account_id FROM ledger_accounts WHERE business_id = $1 AND kind = 'API_ACCOUNT'`,
    [businessId],
  );
  const settledId = testIds.next();
  await database.query(
    `INSERT INTO ledger_accounts
       (business_id, account_id, kind, token, balance_units, held_units, created_at, updated_at)
     VALUES ($1, $2, 'SETTLED', 'USDT', $3, 0, $4, $4)`,
    [businessId, settledId, units, new Date()],
  );
  await database.query(
    `INSERT INTO ledger_transfers
       (business_id, transfer_id, kind, debit_account_id, credit_account_id, units, reference_id,
        created_at)
     VALUES ($1, $2, 'POST', $3, $4, $5, $2, $6)`,
    [businessId, testIds.next(), account?.account_id, settledId, units, new Date()],
  );
  await database.query(
    'UPDATE ledger_accounts SET balance_units = 0 WHERE business_id = $1 AND account_id = $2',
    [businessId, account?.account_id],
  );
}

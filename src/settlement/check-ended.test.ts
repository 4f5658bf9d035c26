import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBooksWorld, type BooksWorld } from '../../test/harness/books-world.ts';

const ALICE = '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b';
const BOB = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const HASH = `0x${'a1'.repeat(32)}`;

let world: BooksWorld;
beforeEach(async () => {
  world = await createBooksWorld();
  await world.round(90n);
});
afterEach(async () => {
  await world.close();
});

async function expectClean(): Promise<void> {
  expect(await world.stoppedFor()).toBeNull();
  expect(world.alarms()).toEqual([]);
}

describe('an attempt that has ended', () => {
  const items = [
    { units: 30n, to: ALICE },
    { units: 40n, to: BOB },
  ];

  async function land(fates: readonly ('PAID' | 'REFUSED')[], block = 91n): Promise<string> {
    const attempt = await world.attempt({ items });
    await world.judge(attempt, { block, transactionHash: HASH, fates });
    return attempt.attemptId;
  }

  test('agrees where just what is held for paid was moved, judged before or after', async () => {
    const attempt = await world.attempt({ items });
    const out = {
      direction: 'out',
      block: 91n,
      transactionHash: HASH,
      carried: attempt.carried,
    } as const;
    world.move({ ...out, units: 30n, counterparty: ALICE });
    await world.round(91n);
    expect(await world.row()).toMatchObject({ outUnits: 30n, paidUnits: 0n, openUnits: 40n });
    await world.judge(attempt, { block: 91n, transactionHash: HASH, fates: ['PAID', 'REFUSED'] });
    await world.round(91n);
    await world.round(91n);
    expect(await world.row()).toMatchObject({ outUnits: 30n, paidUnits: 30n });
    await expectClean();
  });

  test('is not compared before its block is scanned', async () => {
    await land(['PAID', 'PAID'], 95n);
    await world.round(94n);
    await expectClean();
  });

  test('is not compared where it landed before reconciliation began', async () => {
    await land(['PAID', 'PAID'], 90n);
    await world.round(91n);
    expect(await world.row()).toMatchObject({ paidUnits: 0n });
    await expectClean();
  });

  test('that is held for paid and moved nothing stops the network', async () => {
    await land(['PAID', 'REFUSED']);
    await world.round(91n);
    expect(await world.stoppedFor()).toMatch(
      new RegExp(
        `^payout \\S+ is recorded as paid by transaction ${HASH}, which moved no .* to ${ALICE}$`,
      ),
    );
    await world.round(92n);
    expect(world.alarms()).toHaveLength(1);
  });

  test('that is held for refused and moved something stops the network', async () => {
    const attempt = await world.attempt({ items });
    const out = {
      direction: 'out',
      block: 91n,
      transactionHash: HASH,
      carried: attempt.carried,
    } as const;
    world.move({ ...out, units: 30n, counterparty: ALICE });
    world.move({ ...out, units: 40n, counterparty: BOB });
    await world.round(91n);
    await expectClean();
    await world.judge(attempt, { block: 91n, transactionHash: HASH, fates: ['PAID', 'REFUSED'] });
    await world.round(91n);
    expect(await world.stoppedFor()).toMatch(/for payout \S+, which is recorded as REFUSED$/);
    expect(await world.row()).toMatchObject({ paidUnits: 0n });
  });

  test('dead, after its transfer was booked, stops the network', async () => {
    const attempt = await world.attempt({ items: [{ units: 30n, to: ALICE }] });
    world.move({
      direction: 'out',
      units: 30n,
      block: 91n,
      counterparty: ALICE,
      carried: attempt.carried,
    });
    await world.round(91n);
    const { database } = world.db;
    await database.query(`UPDATE settlement_attempt_items SET fate = 'DEAD', proof = '{}'`);
    await database.query(`UPDATE settlement_attempts SET state = 'DEAD', proof = '{}'`);
    await world.round(91n);
    expect(await world.stoppedFor()).toMatch(/for payout \S+, which is recorded as DEAD$/);
  });

  test('is looked at in one round with all others, however many they are', async () => {
    const { database } = world.db;
    await world.attempt({ items: [{ units: 30n, to: ALICE }], state: 'DEAD' });
    const copies = `generate_series(1, 1200) AS g (i), LATERAL (
      SELECT ('01890000-0000-7000-8000-' || lpad(g.i::text, 12, '0'))::uuid AS id) AS c`;
    await database.query(
      `INSERT INTO settlement_attempts (network, attempt_id, fence, payer, authority, authority_hash,
         since_block, state, next_check_at, proof, created_at, updated_at)
       SELECT a.network, c.id, 'f' || g.i, a.payer, a.authority, a.authority_hash, a.since_block, a.state,
         a.next_check_at, a.proof, a.created_at, a.updated_at FROM settlement_attempts a, ${copies}`,
    );
    await database.query(
      `INSERT INTO settlement_attempt_items (network, attempt_id, payout_id, position, fate, proof)
       SELECT n.network, c.id, n.payout_id, n.position, n.fate, n.proof
       FROM settlement_attempt_items n, ${copies}`,
    );
    await world.round(91n);
    const left = await database.query(
      'SELECT attempt_id FROM settlement_attempts WHERE reconciled_at IS NULL',
    );
    expect(left).toEqual([]);
    await expectClean();
  });
});

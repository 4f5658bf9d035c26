import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  PACE,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import type { NetworkDriver } from '../networks/network.ts';
import type { Payout } from '../payouts/payout.ts';
import { acceptOrders } from './accept-orders.ts';
import { listLanes } from './lanes.ts';
import { submitPayouts } from './submit-payouts.ts';

let road: SettlementRoad;
let driver: NetworkDriver;
beforeAll(async () => {
  road = await createSettlementRoad();
  driver = road.treasury.driver;
});
afterAll(async () => {
  await road.close();
});
afterEach(async () => {
  await road.drain();
  expect(await road.faults()).toEqual([]);
});

/** A driver that says it sent, and does not: the node took the bytes and forgot them. */
const forgetful: Partial<NetworkDriver> = {
  broadcast: async () => await Promise.resolve({ kind: 'accepted' }),
};

describe('an attempt whose payout is in flight under another fence', () => {
  it.each(['final', 'dead'] as const)('ends nothing where it is %s', async (kind) => {
    const payout = await road.order(4n);
    await road.submit();
    await road.finalize();
    const { fence } = await road.orderRow(payout);
    const set = 'UPDATE settlement_orders SET fence = $2 WHERE payout_id = $1';
    await road.db.database.query(set, [payout.payoutId, 'another:1']);
    const dead = { kind: 'dead', reason: 'a test', proof: { test: true }, takenBy: null } as const;
    const status: NetworkDriver['status'] = async (attempt) =>
      kind === 'dead' ? dead : await driver.status(attempt);
    await road.follow(road.settlement({ driver: { status } }));
    expect(await road.orderRow(payout)).toMatchObject({ state: 'IN_FLIGHT', fence: 'another:1' });
    expect((await road.attempts(payout))[0]).toMatchObject({ state: 'OPEN', fate: 'OPEN' });
    await road.db.database.query(set, [payout.payoutId, fence]);
  });
});

describe('two attempts with one fence', () => {
  /** Another attempt for the same payout with the same nonce, as a fee replacement would be. */
  async function addSibling(payout: Payout): Promise<string> {
    const { database } = road.db;
    const [attempt] = await road.attempts(payout);
    const sequence = BigInt(attempt?.fence.split(':')[1] ?? '');
    const dearer = road.treasury.driverWith({
      feePolicy: {
        tipFloorWei: 10n ** 12n,
        tipCeilingWei: 10n ** 13n,
        maxFeeCeilingWei: 10n ** 14n,
        gasCeiling: 250_000n,
      },
    });
    const order = road.treasury.orderOf({
      payoutId: payout.payoutId,
      toAddress: payout.toAddress,
      units: payout.units / 10n ** 12n,
    });
    const signed = await dearer.sign([order], { sender: driver.treasury, sequence });
    road.clock.advance(1);
    const attemptId = road.settlement().ids.next();
    await database.query(
      `INSERT INTO settlement_attempts
         (network, attempt_id, fence, sender, sequence, transaction_hash, raw_transaction, state,
          next_check_at, broadcast_count, created_at, updated_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, 'OPEN', $8, 0, $8, $8)`,
      [
        payout.network,
        attemptId,
        signed.fence,
        signed.sender,
        sequence,
        signed.transactionHash,
        Buffer.from(signed.rawTransaction),
        road.clock.now(),
      ],
    );
    await database.query(
      `INSERT INTO settlement_attempt_items (network, attempt_id, payout_id, position, fate)
       VALUES ($1, $2, $3, 0, 'OPEN')`,
      [payout.network, attemptId, payout.payoutId],
    );
    return signed.transactionHash;
  }

  it('end with one that landed and one that is dead, with proof', async () => {
    const payout = await road.order(4n);
    await road.submit();
    const sibling = await addSibling(payout);
    await road.follow();
    await road.finalize();
    await road.follow();
    const attempts = await road.attempts(payout);
    expect(attempts.map(({ state }) => state).sort()).toEqual(['DEAD', 'LANDED']);
    expect(attempts.map(({ fate }) => fate).sort()).toEqual(['DEAD', 'PAID']);
    const landed = attempts.find(({ state }) => state === 'LANDED');
    const dead = attempts.find(({ state }) => state === 'DEAD');
    expect(dead?.proof).not.toBeNull();
    expect([landed?.transactionHash, dead?.transactionHash]).toContain(sibling);
    expect(await road.read(payout)).toMatchObject({
      status: 'COMPLETED',
      transactionHash: landed?.transactionHash,
    });
    expect((await listLanes(road.db.database))[0]?.stoppedFor).toBeNull();
  });

  it('end together: where one has landed, the other is not asked about any more', async () => {
    const payout = await road.order(4n);
    await road.submit();
    const sibling = await addSibling(payout);
    await road.finalize();
    const status: NetworkDriver['status'] = async (attempt) =>
      attempt.transactionHash === sibling ? { kind: 'unseen' } : await driver.status(attempt);
    await road.follow(road.settlement({ driver: { ...forgetful, status } }));
    const attempts = await road.attempts(payout);
    expect(attempts).toMatchObject([
      { state: 'LANDED', fate: 'PAID' },
      {
        state: 'DEAD',
        fate: 'DEAD',
        proof: { landedUnderTheSameFence: attempts[0]?.transactionHash },
      },
    ]);
  });

  it('stop no lane: the one that took the fence is known', async () => {
    const payout = await road.order(4n);
    await road.submit();
    const sibling = await addSibling(payout);
    await road.finalize();
    const status: NetworkDriver['status'] = async (attempt) =>
      attempt.transactionHash === sibling ? await driver.status(attempt) : { kind: 'waiting' };
    await road.follow(road.settlement({ driver: { ...forgetful, status } }));
    const attempts = await road.attempts(payout);
    expect(attempts.map(({ state }) => state)).toEqual(['OPEN', 'DEAD']);
    expect(attempts[1]?.proof).toMatchObject({ replacedBy: attempts[0]?.transactionHash });
    expect(await road.orderRow(payout)).toMatchObject({ state: 'IN_FLIGHT' });
    expect((await listLanes(road.db.database))[0]?.stoppedFor).toBeNull();
  });

  it('keep the payout in flight while one of the two is not proven dead', async () => {
    const payout = await road.order(4n);
    await road.submit(road.settlement({ driver: forgetful }));
    const sibling = await addSibling(payout);
    const takenBy = `0x${'ab'.repeat(32)}`;
    const status: NetworkDriver['status'] = async (attempt) =>
      await Promise.resolve(
        attempt.transactionHash === sibling
          ? { kind: 'unseen' }
          : { kind: 'dead', reason: 'a test', proof: { test: true }, takenBy },
      );
    await road.follow(road.settlement({ driver: { ...forgetful, status } }));
    expect((await road.attempts(payout)).map(({ state }) => state)).toEqual(['DEAD', 'OPEN']);
    expect(await road.orderRow(payout)).toMatchObject({ state: 'IN_FLIGHT' });
    expect(await road.adopt()).toBe(true);
    road.clock.advance(PACE.leaseMs);
    expect(await submitPayouts(road.settlement())).toBe(0);
    expect(await road.attempts(payout)).toHaveLength(2);
  });

  it('let nothing hang that only one of the two would have paid', async () => {
    const payout = await road.order(4n);
    const other = await road.order(4n);
    await road.submit(road.settlement({ driver: forgetful, roundSize: 1 }));
    await acceptOrders(road.settlement());
    const [first] = await road.attempts(payout);
    const sibling = await addSibling(payout);
    // As in a batch of two, of which the replacement pays one.
    await road.db.database.query(
      `UPDATE settlement_orders SET state = 'IN_FLIGHT', fence = $2, transaction_hash = $3
       WHERE payout_id = $1`,
      [other.payoutId, first?.fence, first?.transactionHash],
    );
    await road.db.database.query(
      `INSERT INTO settlement_attempt_items (network, attempt_id, payout_id, position, fate)
       VALUES ($1, $2, $3, 1, 'OPEN')`,
      [payout.network, first?.attemptId, other.payoutId],
    );
    let isFirst = true;
    const status: NetworkDriver['status'] = async (attempt) =>
      await Promise.resolve(
        (attempt.transactionHash === sibling) === isFirst
          ? { kind: 'unseen' }
          : { kind: 'dead', reason: 'a test', proof: { test: true }, takenBy: null },
      );
    await road.follow(road.settlement({ driver: { ...forgetful, status } }));
    expect(await road.orderRow(other)).toMatchObject({ state: 'IN_FLIGHT' });
    isFirst = false;
    await road.follow(road.settlement({ driver: { ...forgetful, status } }));
    for (const it of [payout, other]) {
      expect(await road.orderRow(it)).toMatchObject({ state: 'QUEUED', fence: null });
      expect((await road.attempts(it)).map(({ fate }) => fate)).not.toContain('OPEN');
    }
    // The test has lied about the nonce: it is free.
    await road.payByHand((await road.nextSequence()) - 1n);
  });

  it('go back to the queue once, where both are proven dead at the same time', async () => {
    const payout = await road.order(4n);
    await road.submit(road.settlement({ driver: forgetful }));
    await addSibling(payout);
    await road.payByHand((await road.nextSequence()) - 1n);
    await road.finalize();
    const before = await road.orderRow(payout);
    await road.follow();
    expect((await road.attempts(payout)).map(({ state }) => state)).toEqual(['DEAD', 'DEAD']);
    expect(await road.orderRow(payout)).toMatchObject({
      state: 'QUEUED',
      claim_token: BigInt(String(before['claim_token'])) + 1n,
    });
  });
});

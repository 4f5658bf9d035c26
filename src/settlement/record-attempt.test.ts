import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  losingCommits,
  PACE,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import type { NetworkDriver, SignedAttempt } from '../networks/network.ts';
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

async function expectWaiting(payout: Payout, reason: RegExp | null): Promise<void> {
  const order = await road.orderRow(payout);
  expect(order).toMatchObject({ state: 'QUEUED', fence: null });
  if (reason === null) expect(order['waiting_for']).toBeNull();
  else expect(order['waiting_for']).toMatch(reason);
  expect(await road.attempts(payout)).toEqual([]);
  expect(await road.read(payout)).toMatchObject({ status: 'PENDING', transactionHash: null });
  expect(await road.holdState(payout)).toBe('HELD');
}

async function expectSigned(payout: Payout, attempts = 1): Promise<void> {
  expect(await road.orderRow(payout)).toMatchObject({ state: 'IN_FLIGHT', waiting_for: null });
  expect(await road.attempts(payout)).toHaveLength(attempts);
}

async function laneSequences(): Promise<bigint[]> {
  return (await listLanes(road.db.database)).map(({ nextSequence }) => nextSequence);
}

function carriedBy(
  signed: SignedAttempt,
  changes: Partial<SignedAttempt['transaction']>,
): SignedAttempt {
  return { ...signed, transaction: { ...signed.transaction, ...changes } };
}

describe('a worker that has lost its claim to another', () => {
  /** Signs, and lets `meanwhile` happen between signing and recording. */
  function signingWhile(meanwhile: () => Promise<void>): Partial<NetworkDriver> {
    let isDone = false;
    return {
      sign: async (order) => {
        const signed = await driver.sign(order);
        if (!isDone) {
          isDone = true;
          await meanwhile();
        }
        return signed;
      },
    };
  }

  it('throws its bytes away where another has claimed and signed meanwhile', async () => {
    const payout = await road.order(7n);
    const heir = road.settlement();
    const sentBefore = road.sent.length;
    const stalled = road.settlement({
      driver: signingWhile(async () => {
        road.clock.advance(PACE.leaseMs);
        expect(await submitPayouts(heir)).toBe(1);
      }),
    });
    await road.submit(stalled);
    await expectSigned(payout);
    expect(road.sent).toHaveLength(sentBefore + 1);
  });

  it('throws them away where another took the lane for other orders', async () => {
    const mine = await road.order(7n);
    const theirs: Payout[] = [];
    const [gasAccount = ''] = driver.gasAccounts;
    const oneLane = { gasAccounts: [gasAccount] };
    const heir = road.settlement({
      driver: oneLane,
      pace: { ...PACE, leaseMs: 10 * PACE.leaseMs },
    });
    const stalled = road.settlement({
      driver: {
        ...oneLane,
        ...signingWhile(async () => {
          theirs.push(await road.order(8n));
          // Less than the claim's lease is over, but the lane was given up.
          await road.db.database.query('UPDATE settlement_lanes SET lease_until = $1', [
            road.clock.now(),
          ]);
          await road.submit(heir);
        }),
      },
    });
    await road.submit(stalled);
    await expectSigned(theirs[0] ?? mine);
    // It is free for the next worker at once, not after a lease.
    await expectWaiting(mine, null);
    expect(await submitPayouts(heir)).toBe(1);
    await expectSigned(mine);
  });

  it('throws them away where only the order was claimed anew; the sequence is not lost', async () => {
    const payout = await road.order(7n);
    const sequences = await laneSequences();
    const sentBefore = road.sent.length;
    const stalled = road.settlement({
      driver: signingWhile(async () => {
        await road.db.database.query(
          'UPDATE settlement_orders SET claim_token = claim_token + 1 WHERE payout_id = $1',
          [payout.payoutId],
        );
      }),
    });
    await road.submit(stalled);
    await expectWaiting(payout, null);
    expect(await laneSequences()).toEqual(sequences);
    expect(road.sent).toHaveLength(sentBefore);
  });

  it('throws all of a batch away where one of its orders was claimed anew', async () => {
    const payouts = [await road.order(7n), await road.order(8n), await road.order(9n)];
    const stalled = road.settlement({
      driver: signingWhile(async () => {
        await road.db.database.query(
          'UPDATE settlement_orders SET claim_token = claim_token + 1 WHERE payout_id = $1',
          [payouts[1]?.payoutId],
        );
      }),
    });
    await road.submit(stalled);
    for (const payout of payouts) await expectWaiting(payout, null);
    const rows = await road.db.database.query(
      `SELECT fate FROM settlement_attempt_items WHERE fate = 'OPEN'`,
    );
    expect(rows).toEqual([]);
  });

  it('throws them away where the lane was moved by hand', async () => {
    const payout = await road.order(7n);
    const sentBefore = road.sent.length;
    const move = async (by: number): Promise<void> => {
      const text = 'UPDATE settlement_lanes SET next_sequence = next_sequence + $1';
      await road.db.database.query(text, [by]);
    };
    await road.submit(road.settlement({ driver: signingWhile(async () => await move(1)) }));
    await expectWaiting(payout, null);
    expect(road.sent).toHaveLength(sentBefore);
    await move(-1);
  });

  it('throws them away where another batch was promised the same units meanwhile', async () => {
    const balance = await road.chain.balanceOf('USDT', driver.treasury);
    const mine = await road.order((balance * 3n) / 5n);
    const theirs: Payout[] = [];
    const stalled = road.settlement({
      driver: signingWhile(async () => {
        theirs.push(await road.order((balance * 3n) / 5n));
        await road.submit();
      }),
    });
    await road.submit(stalled);
    await expectWaiting(mine, null);
    await expectSigned(theirs[0] ?? mine);
    await road.submit();
    await expectWaiting(mine, /short of USDT/);
    await road.chain.fund(driver.treasury);
  });

  it('refuses nothing: the claim of the other decides', async () => {
    const payout = await road.order(7n);
    const worker = road.settlement({
      driver: {
        inspect: async () => {
          await road.db.database.query(
            'UPDATE settlement_orders SET claim_token = claim_token + 1 WHERE payout_id = $1',
            [payout.payoutId],
          );
          const refused = [{ payoutId: payout.payoutId, reason: 'late', proof: {} }];
          return { payable: [], refused, waiting: [], left: [], freeUnits: 0n, plan: null };
        },
      },
    });
    await road.submit(worker);
    await expectWaiting(payout, null);
  });

  it('shares the lanes with others at the same time, and each order is signed once', async () => {
    const payouts = await Promise.all(
      [1n, 2n, 3n, 4n, 5n, 6n].map(async (it) => await road.order(it)),
    );
    const few = { maxBatchOrders: 2 };
    const workers = [road.settlement(few), road.settlement(few), road.settlement(few)];
    await acceptOrders(road.settlement());
    let rounds = 0;
    for (let handled = 1; handled > 0 || rounds < 3; rounds += 1) {
      const done = await Promise.all(workers.map(async (worker) => await submitPayouts(worker)));
      handled = done.reduce((sum, count) => sum + count, 0);
    }
    expect(rounds).toBeLessThan(20);
    for (const payout of payouts) await expectSigned(payout);
  });
});

describe('a commit whose outcome is unknown', () => {
  it.each(['committed', 'rolled back'] as const)(
    'at the record of an attempt, %s, leads to exactly one payment',
    async (outcome) => {
      const payouts = [await road.order(9n), await road.order(10n)];
      const sentBefore = road.sent.length;
      const worker = road.settlement({ database: losingCommits(road.db.database, outcome) });
      await acceptOrders(road.settlement());
      await submitPayouts(worker);
      // What is not recorded for certain is not sent now.
      expect(road.sent).toHaveLength(sentBefore);
      for (const payout of payouts) {
        expect((await road.attempts(payout)).length).toBeLessThanOrEqual(1);
      }
      // The worker itself goes on with what the database says.
      road.clock.advance(PACE.waitMs);
      await road.submit(road.settlement());
      for (const payout of payouts) await expectSigned(payout);
    },
  );
});

describe('what a driver hands back', () => {
  type Change = (signed: SignedAttempt) => SignedAttempt;
  const changes: readonly (readonly [string, Change])[] = [
    ['another sequence', (it) => carriedBy(it, { sequence: it.transaction.sequence + 1n })],
    ['another sender', (it) => carriedBy(it, { sender: driver.treasury })],
    ['another payout', (it) => ({ ...it, payoutIds: [driver.treasury] })],
    ['a second payout', (it) => ({ ...it, payoutIds: [...it.payoutIds, ...it.payoutIds] })],
  ];
  it.each(changes)('is not recorded where it is of %s', async (_, change) => {
    const payout = await road.order(1n);
    const sign: NetworkDriver['sign'] = async (order) => change(await driver.sign(order));
    await road.submit(road.settlement({ driver: { sign } }));
    await expectWaiting(payout, /internal error/);
  });
});

describe('an order that is queued although something pays it', () => {
  it('is not signed again', async () => {
    const payout = await road.order(1n);
    await road.submit();
    const { fence } = await road.orderRow(payout);
    const set = 'UPDATE settlement_orders SET state = $2, fence = $3 WHERE payout_id = $1';
    await road.db.database.query(set, [payout.payoutId, 'QUEUED', null]);
    road.clock.advance(PACE.leaseMs);
    const sentBefore = road.sent.length;
    await road.submit();
    expect(await road.attempts(payout)).toHaveLength(1);
    expect(road.sent).toHaveLength(sentBefore);
    await road.db.database.query(set, [payout.payoutId, 'IN_FLIGHT', fence]);
  });
});

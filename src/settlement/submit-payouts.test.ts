import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  PACE,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import { assert } from '../base/assert.ts';
import type { NetworkDriver } from '../networks/network.ts';
import type { Payout } from '../payouts/payout.ts';
import { acceptOrders } from './accept-orders.ts';
import { listLanes } from './lanes.ts';
import { stopNetwork } from './network-state.ts';
import { createInMind, submitPayouts } from './submit-payouts.ts';

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

describe('an order that has to wait', () => {
  it('waits while the treasury is short of the token; others go on; it heals', async () => {
    const balance = await road.chain.balanceOf('USDT', driver.treasury);
    const large = await road.order(balance + 1n);
    const small = await road.order(1n);
    await road.submit();
    await expectWaiting(large, /short of USDT/);
    await expectSigned(small);
    await road.chain.fund(driver.treasury);
    await road.submit();
    await expectWaiting(large, /short of USDT/);
    road.clock.advance(PACE.waitMs);
    await road.submit();
    await expectSigned(large);
  });

  it('counts what is on the way out, while it is unmined and while it is not final', async () => {
    const balance = await road.chain.balanceOf('USDT', driver.treasury);
    const first = await road.order((balance * 3n) / 5n);
    const second = await road.order((balance * 3n) / 5n);
    await road.submit();
    await expectSigned(first);
    await expectWaiting(second, /short of USDT on MATIC_MAINNET: has [\d.]+ free/);
    await road.chain.mine(1);
    await road.follow();
    expect((await road.attempts(first))[0]).toMatchObject({ state: 'OPEN' });
    expect((await road.attempts(first))[0]?.blockHash).not.toBeNull();
    road.clock.advance(PACE.waitMs);
    await road.submit();
    await expectWaiting(second, /short of USDT/);
    await road.chain.mine(2);
    await road.follow();
    road.clock.advance(PACE.waitMs);
    await road.submit();
    await expectWaiting(second, /short of USDT/);
    await road.chain.fund(driver.treasury);
  });

  it('spends what is left when the earlier one is mined', async () => {
    const balance = await road.chain.balanceOf('USDT', driver.treasury);
    const first = await road.order(balance / 2n);
    await road.submit();
    await road.chain.mine(1);
    await road.follow();
    expect((await road.attempts(first))[0]).toMatchObject({ state: 'OPEN' });
    const second = await road.order(balance - balance / 2n);
    await road.submit();
    await expectSigned(second);
    await road.chain.fund(driver.treasury);
  });

  it('waits while the gas accounts are short of coins', async () => {
    for (const account of driver.gasAccounts) {
      await road.chain.rpc('anvil_setBalance', account, '0x1');
    }
    const payout = await road.order(1n);
    await road.submit();
    await expectWaiting(payout, /short of coins/);
    await road.treasury.keepUp();
    road.clock.advance(PACE.waitMs);
    await road.submit();
    await expectSigned(payout);
  });

  it('goes by another gas account where one is out of coins', async () => {
    const [first = '', second = ''] = driver.gasAccounts;
    const coins = await road.chain.rpc('eth_getBalance', first, 'latest');
    await road.chain.rpc('anvil_setBalance', first, '0x1');
    const payouts = [await road.order(1n), await road.order(1n)];
    await road.submit(road.settlement({ maxBatchOrders: 1 }));
    await road.submit(road.settlement({ maxBatchOrders: 1 }));
    for (const payout of payouts) {
      await expectSigned(payout);
      expect((await road.attempts(payout))[0]?.transactions[0]?.sender).toBe(second);
    }
    await road.chain.rpc('anvil_setBalance', first, coins as string);
  });

  it('waits, and in no hot loop, where the only gas account with coins has no room', async () => {
    const [first = '', second = ''] = driver.gasAccounts;
    const coins = await road.chain.rpc('eth_getBalance', first, 'latest');
    const few = { maxWaitingTransactions: 1 };
    const earlier = await road.order(1n);
    await road.submit(road.settlement({ ...few, driver: { gasAccounts: [second] } }));
    await expectSigned(earlier);
    await road.chain.rpc('anvil_setBalance', first, '0x1');
    const payout = await road.order(1n);
    await road.submit(road.settlement(few));
    await expectWaiting(payout, /short of coins/);
    expect(await submitPayouts(road.settlement(few))).toBe(0);
    await road.chain.rpc('anvil_setBalance', first, coins as string);
    road.clock.advance(PACE.waitMs);
    expect(await submitPayouts(road.settlement(few))).toBe(1);
  });

  it('waits while its token is paused; the other token goes on', async () => {
    await road.chain.pauseToken('USDT', true);
    const paused = await road.order(1n);
    const other = await road.order(1n, 'USDC');
    await road.submit();
    await expectWaiting(paused, /paused/);
    await expectSigned(other);
    await road.chain.pauseToken('USDT', false);
  });

  it('waits while fees are above the ceiling, each with the reason and none in a hot loop', async () => {
    const cheap = road.treasury.driverWith({
      feePolicy: { tipFloorWei: 1n, tipCeilingWei: 1n, maxFeeCeilingWei: 1n },
    });
    const worker = road.settlement({ driver: cheap });
    const payouts = [await road.order(1n), await road.order(1n), await road.order(1n)];
    await road.submit(worker);
    for (const payout of payouts) await expectWaiting(payout, /ceiling/);
    expect(await submitPayouts(worker)).toBe(0);
  });
});

describe('a recipient that the token refuses', () => {
  it('is refused before anything is signed: FAILED from PENDING, with the hold released', async () => {
    const payout = await road.order(5n, 'USDC');
    await road.chain.setBlacklisted('USDC', payout.toAddress, true);
    await road.chain.mine(2);
    const sentBefore = road.sent.length;
    await road.submit();
    expect(await road.orderRow(payout)).toMatchObject({ state: 'REFUSED', fence: null });
    await road.follow();
    expect(await road.read(payout)).toMatchObject({
      status: 'FAILED',
      transactionHash: null,
      info: 'The recipient address is blacklisted by the issuer of USDC.',
    });
    expect(await road.attempts(payout)).toEqual([]);
    expect(await road.holdState(payout)).toBe('RELEASED');
    expect(road.sent).toHaveLength(sentBefore);
    const changes = await road.db.database.query<{ status: string }>(
      'SELECT status FROM payout_changes WHERE payout_id = $1 ORDER BY number',
      [payout.payoutId],
    );
    expect(changes.map(({ status }) => status)).toEqual(['PENDING', 'FAILED']);
  });

  it('is refused where it is the treasury itself', async () => {
    const payout = await road.order(5n);
    await acceptOrders(road.settlement());
    await road.db.database.query(
      'UPDATE settlement_orders SET to_address = $2 WHERE payout_id = $1',
      [payout.payoutId, driver.treasury.toLowerCase()],
    );
    await road.submit();
    await road.follow();
    expect(await road.read(payout)).toMatchObject({ status: 'FAILED', transactionHash: null });
  });
});

describe('a network that does not answer', () => {
  it.each(['inspect', 'sequences', 'sign'] as const)(
    'at "%s" changes nothing; the payouts wait and it heals',
    async (step) => {
      const fail = async (): Promise<never> => await Promise.reject(new Error('no answer'));
      const worker = road.settlement({ driver: { [step]: fail } });
      const payouts = [await road.order(1n), await road.order(1n)];
      const attempts = await countAttempts();
      await road.submit(worker);
      for (const payout of payouts) await expectWaiting(payout, /./);
      expect(await countAttempts()).toBe(attempts);
      // They are not offered at once again.
      expect(await submitPayouts(worker)).toBe(0);
    },
  );

  it('is waited for where no node is there at all', async () => {
    const unreachable = road.treasury.driverWith({ rpcUrls: ['http://127.0.0.1:9'] });
    const worker = road.settlement({ driver: unreachable });
    const payout = await road.order(1n);
    await road.submit(worker);
    await expectWaiting(payout, /no answer/);
  });

  it('at "broadcast" has the bytes recorded, and they are sent later', async () => {
    const fail = async (): Promise<never> => await Promise.reject(new Error('no answer'));
    const payout = await road.order(1n);
    await road.submit(road.settlement({ driver: { broadcast: fail } }));
    await expectSigned(payout);
    expect((await road.attempts(payout))[0]?.broadcastCount).toBe(0);
    await road.tend();
    expect((await road.attempts(payout))[0]?.broadcastCount).toBe(1);
    expect(new Set(road.sent.slice(-2)).size).toBe(1);
  });
});

async function countAttempts(): Promise<number> {
  const rows = await road.db.database.query('SELECT attempt_id FROM settlement_attempts');
  return rows.length;
}

describe('an order that breaks an assertion', () => {
  it('does not stop the others, and is not tried in a hot loop', async () => {
    const before = [await road.order(2n), await road.order(3n), await road.order(3n)];
    const poison = await road.order(1n);
    const after = [await road.order(4n)];
    const tried: number[] = [];
    const worker = road.settlement({
      driver: {
        sign: async (order) => {
          tried.push(order.orders.length);
          const isIn = order.orders.some(({ payoutId }) => payoutId === poison.payoutId);
          assert(!isIn, 'poison');
          return await driver.sign(order);
        },
      },
    });
    await acceptOrders(worker);
    const inMind = createInMind();
    let rounds = 0;
    while ((await submitPayouts(worker, inMind)) > 0) rounds += 1;
    expect({ tried, rounds }).toEqual({ tried: [5, 3, 2, 1, 1], rounds: 1 });
    await expectWaiting(poison, /internal error/);
    for (const other of [...before, ...after]) await expectSigned(other);
    // Its second failure keeps it away from the rounds of others for longer than they wait.
    road.clock.advance(PACE.waitMs);
    expect(await submitPayouts(worker, inMind)).toBe(1);
    inMind.aside.add(poison.payoutId, road.clock.now());
    inMind.aside.add(poison.payoutId, road.clock.now());
    road.clock.advance(PACE.waitMs);
    expect(await submitPayouts(worker, inMind)).toBe(0);
    const late = await road.order(5n);
    await acceptOrders(worker);
    expect(await submitPayouts(worker, inMind)).toBe(1);
    await expectSigned(late);
  });
});

describe('a transaction that Knit did not make', () => {
  it('from a gas account stops its lane with the reason; the others go on', async () => {
    const [first = ''] = driver.gasAccounts;
    const worker = road.settlement();
    const payout = await road.order(1n);
    const counts = await driver.sequences(first);
    const ahead: NetworkDriver['sequences'] = async (sender) =>
      sender === first
        ? { latest: counts.latest + 1n, final: counts.final + 1n }
        : await driver.sequences(sender);
    const watchful = road.settlement({
      driver: { sequences: ahead, gasAccounts: [first] },
    });
    const logged = road.log.length;
    await road.submit(watchful);
    await expectWaiting(payout, /knit lane adopt/);
    const stopped = (await listLanes(road.db.database)).filter((it) => it.stoppedFor !== null);
    expect(stopped.map(({ sender }) => sender)).toEqual([first]);
    const alarms = road.log.slice(logged).filter(({ fields }) => fields['alarm'] === true);
    expect(alarms).toHaveLength(1);
    road.clock.advance(PACE.waitMs);
    expect(await submitPayouts(watchful)).toBe(0);
    await road.submit(worker);
    await expectSigned(payout);
    const [attempt] = await road.attempts(payout);
    expect(attempt?.transactions[0]?.sender).not.toBe(first);
  });
});

describe('a network whose signing has stopped', () => {
  it('signs nothing, whoever is about to record it, until a person resumes it', async () => {
    const { network } = driver;
    const payout = await road.order(1n);
    const stop = async (): Promise<void> => {
      const at = road.clock.now();
      await stopNetwork(road.db.database, { network, reason: 'a stranger', at });
    };
    const sentBefore = road.sent.length;
    const late = road.settlement({
      driver: {
        sign: async (order) => {
          const signed = await driver.sign(order);
          await stop();
          return signed;
        },
      },
    });
    await road.submit(late);
    await expectWaiting(payout, null);
    expect(await submitPayouts(road.settlement())).toBe(0);
    expect(road.sent).toHaveLength(sentBefore);
    await road.adopt();
    await road.submit();
    await expectSigned(payout);
  });
});

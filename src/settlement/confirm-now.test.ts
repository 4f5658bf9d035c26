import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  PACE,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import type { NetworkReader } from '../networks/network.ts';
import type { Payout } from '../payouts/payout.ts';
import { acceptOrders } from './accept-orders.ts';
import { confirmPayouts, type Follower } from './confirm-payouts.ts';
import { confirmNow } from './confirm-now.ts';
import type { Settlement } from './settlement.ts';

let road: SettlementRoad;
beforeAll(async () => {
  road = await createSettlementRoad();
});
afterAll(async () => {
  await road.close();
});
afterEach(async () => {
  await road.drain();
  expect(await road.faults()).toEqual([]);
});

/** As the API process has it: a reader, and nothing that sends. */
function follower(status?: NetworkReader['status']): Follower & Pick<Settlement, 'ids'> {
  const { driver, ...rest } = road.settlement();
  const reader =
    status === undefined ? driver : { network: driver.network, lanes: driver.lanes, status };
  return { ...rest, reader, isWorker: false };
}

async function ask(payout: Payout, by = follower()): Promise<Payout> {
  await confirmNow(by, await road.read(payout), 5_000);
  return await road.read(payout);
}

describe('confirmNow', () => {
  it('records what is proven, through to COMPLETED', async () => {
    const payout = await road.order(1n);
    expect(await ask(payout)).toMatchObject({ status: 'PENDING' });
    await acceptOrders(road.settlement());
    expect(await ask(payout)).toMatchObject({ status: 'PENDING' });
    await road.submit();
    expect(await ask(payout)).toMatchObject({ status: 'PROCESSING' });
    await road.chain.mine(1);
    expect(await ask(payout)).toMatchObject({ status: 'PROCESSING' });
    await road.chain.mine(2);
    expect(await ask(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(await road.holdState(payout)).toBe('POSTED');
    const asked: string[] = [];
    const completed = follower(async (attempt) => {
      asked.push(attempt.fence);
      return await Promise.resolve({ kind: 'unseen' });
    });
    expect(await ask(payout, completed)).toMatchObject({ status: 'COMPLETED' });
    expect(asked).toEqual([]);
  });

  it('sends nothing, and does not keep the worker from looking and sending again', async () => {
    const payout = await road.order(1n);
    await road.submit();
    await road.chain.rpc('anvil_dropAllTransactions');
    const sentBefore = road.sent.length;
    road.clock.advance(PACE.rebroadcastAfterMs);
    await ask(payout);
    expect(road.sent).toHaveLength(sentBefore);
    let looks = 0;
    // A merchant who asks more often than the worker looks.
    for (let asked = 0; asked < 8; asked += 1) {
      road.clock.advance(PACE.checkEveryMs / 4);
      await ask(payout);
      looks += await confirmPayouts(road.settlement());
      await road.tend();
    }
    expect(looks).toBe(2);
    expect(road.sent.slice(sentBefore)).toEqual([road.sent[sentBefore - 1]]);
  });

  it('tells a payout what the worker has found and not told yet', async () => {
    const payout = await road.order(1n);
    await road.submit();
    await road.finalize();
    road.clock.advance(PACE.checkEveryMs);
    await confirmPayouts(road.settlement());
    const silent = follower(async () => await Promise.reject(new Error('no answer')));
    expect(await ask(payout, silent)).toMatchObject({ status: 'COMPLETED' });
  });

  it('does not throw where the chain does, and leaves everything as it was', async () => {
    const payout = await road.order(1n);
    await road.submit();
    await road.finalize();
    const failing = follower(async () => await Promise.reject(new Error('no answer')));
    await ask(payout, failing);
    expect(await road.orderRow(payout)).toMatchObject({ state: 'IN_FLIGHT' });
    expect(await road.holdState(payout)).toBe('HELD');
  });

  it('gives up waiting in time; an answer that comes later still counts', async () => {
    const payout = await road.order(1n);
    await road.submit();
    await road.finalize();
    let answer: () => void = () => undefined;
    const slow = follower(async (attempt) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return await road.treasury.driver.status(attempt);
    });
    let gaveUp = false;
    const asking = confirmNow(slow, await road.read(payout), 5_000).then(() => {
      gaveUp = true;
    });
    await expect.poll(() => answer.name).not.toBe('answer');
    road.clock.advance(4_999);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(gaveUp).toBe(false);
    road.clock.advance(1);
    await asking;
    expect(await road.read(payout)).toMatchObject({ status: 'PENDING' });
    answer();
    await expect.poll(async () => (await road.read(payout)).status).toBe('COMPLETED');
  });

  it('and the worker at the same moment record it once', async () => {
    const payout = await road.order(1n);
    await road.submit();
    await road.finalize();
    await Promise.all([ask(payout), ask(payout), road.follow(), ask(payout)]);
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(await road.orderRow(payout)).toMatchObject({ version: 2 });
  });
});

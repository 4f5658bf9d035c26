import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase } from '../../test/harness/database.ts';
import {
  createSettlementRoad,
  PACE,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import { ChainMismatch, type NetworkDriver } from '../networks/network.ts';
import { listLanes } from './lanes.ts';
import { open, startSettlementWorker, type SettlementWorker } from './settlement-worker.ts';

let road: SettlementRoad;
const workers: SettlementWorker[] = [];
beforeAll(async () => {
  road = await createSettlementRoad();
});
afterAll(async () => {
  await road.close();
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map(async (worker) => await worker.stop()));
  await road.drain();
  expect(await road.faults()).toEqual([]);
});

function start(...changes: Parameters<SettlementRoad['settlement']>): SettlementWorker {
  const worker = startSettlementWorker(road.settlement(...changes));
  workers.push(worker);
  return worker;
}

/** Lets the worker's loops go on, by blocks and by the clock, until `isDone`. */
async function until(isDone: () => Promise<boolean>): Promise<void> {
  await expect
    .poll(
      async () => {
        road.clock.advance(PACE.checkEveryMs);
        await road.chain.mine(1);
        return await isDone();
      },
      { timeout: 10_000, interval: 20 },
    )
    .toBe(true);
}

describe('a settlement worker', () => {
  it('brings payouts to their end, and stops when it is told to', async () => {
    const payouts = [await road.order(1n), await road.order(2n, 'USDC')];
    const worker = start();
    await until(async () => {
      const now = await Promise.all(payouts.map(async (payout) => await road.read(payout)));
      return now.every(({ status }) => status === 'COMPLETED');
    });
    await worker.stop();
    await worker.stopped;
  });

  it('signs nothing for a chain that is not the configured one', async () => {
    const payout = await road.order(1n);
    const verifyAssets = async (): Promise<never> =>
      await Promise.reject(new ChainMismatch('USDT has 18 decimals on chain, 6 configured'));
    await expect(start({ driver: { verifyAssets } }).stopped).rejects.toThrow(ChainMismatch);
    expect(await road.attempts(payout)).toEqual([]);
    expect(await road.read(payout)).toMatchObject({ status: 'PENDING' });
  });

  it('opens no lane at a count that may still fall', async () => {
    const db = await createTestDatabase();
    const { database } = db;
    const { driver } = road.treasury;
    const [busy] = driver.gasAccounts;
    const counting = (final: bigint): NetworkDriver => ({
      ...driver,
      sequences: async (sender) =>
        sender === busy ? { latest: 3n, final } : await driver.sequences(sender),
    });
    const { clock } = road;
    await expect(open({ database, driver: counting(2n), clock })).rejects.toThrow('not final yet');
    expect((await listLanes(database)).some(({ sender }) => sender === busy)).toBe(false);
    await open({ database, driver: counting(3n), clock });
    // It is open, and goes on whatever is in its newest blocks.
    await open({ database, driver: counting(2n), clock });
    const lane = (await listLanes(database)).find(({ sender }) => sender === busy);
    expect(lane).toMatchObject({ role: 'GAS', nextSequence: 3n });
    await db.drop();
  });

  it('waits for a chain that cannot be reached yet', async () => {
    const payout = await road.order(1n);
    let asked = 0;
    const verifyAssets = async (): Promise<void> => {
      asked += 1;
      if (asked < 3) await Promise.reject(new Error('no answer'));
    };
    start({ driver: { verifyAssets } });
    await until(async () => (await road.read(payout)).status === 'COMPLETED');
    expect(asked).toBe(3);
  });

  it('rests after a step that fails, and while there is nothing to do', async () => {
    let asked = 0;
    const { database } = road.db;
    const worker = start({
      database: {
        ...database,
        query: async (text, values) => {
          if (text.includes('next_check_at <=')) {
            asked += 1;
            throw new Error('the database is away');
          }
          return await database.query(text, values);
        },
      },
    });
    await expect.poll(() => asked).toBe(1);
    // Its clock stands: whatever it would do without a pause, it would do in these turns.
    for (let turns = 0; turns < 50; turns += 1) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    expect(asked).toBe(1);
    await expect
      .poll(() => {
        road.clock.advance(PACE.waitMs);
        return asked;
      })
      .toBeGreaterThan(1);
    await worker.stop();
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAloneRoad, type AloneRoad } from '../../test/harness/alone-road.ts';
import {
  BTC,
  recipient,
  startBitcoinWorld,
  type BitcoinWorld,
} from '../../test/harness/bitcoin-world.ts';
import { PACE } from '../../test/harness/settlement-road.ts';
import type { Payout } from '../payouts/payout.ts';
import { scriptOfAddress } from '../networks/bitcoin/script.ts';
import type { NetworkDriver, SigningPlan } from '../networks/network.ts';
import { keepUp } from './keep-up.ts';
import { submitPayouts } from './submit-payouts.ts';

// Coins are rows: what one transaction spends is signed for by no other until that one has ended.

let world: BitcoinWorld;
let road: AloneRoad;
beforeEach(async () => {
  world = await startBitcoinWorld();
  const { driver, clock } = world;
  road = await createAloneRoad({ driver, asset: BTC, clock, pass: clock.advance });
});
afterEach(async () => {
  await road.close();
});

const FINAL_BLOCKS = 6;
const AMOUNT = 50_000n;

async function order(index: number): Promise<Payout> {
  // They are claimed in the order of their times.
  world.clock.advance(1);
  return await road.order(AMOUNT, recipient(index));
}

/** By the chain's blocks. */
function timesPaid(index: number): number {
  return world.chain.truth.outputsTo(scriptOfAddress(recipient(index))).length;
}

async function end(): Promise<void> {
  world.mine(FINAL_BLOCKS);
  await road.follow();
}

async function statusOf(...payouts: readonly Payout[]): Promise<string[]> {
  return await Promise.all(payouts.map(async (payout) => (await road.read(payout)).status));
}

function inOtherOrder(plan: SigningPlan): SigningPlan {
  const coins = String(plan['coins']).split(' ');
  expect(coins).toHaveLength(2);
  return { ...plan, coins: coins.toReversed().join(' ') };
}

describe('a coin', () => {
  it('is of one attempt, when two workers have signed for it at once', async () => {
    // There is enough for both, and both have chosen the same two, in another order: the fences differ.
    world.fund(40_000n, 40_000n, 40_000n, 40_000n);
    const [first, second] = [await order(1), await order(2)];
    let chosen: SigningPlan | null = null;
    const inspect: NetworkDriver['inspect'] = async (orders, known) => {
      const inspection = await world.driver.inspect(orders, known);
      const plan = chosen === null ? inspection.plan : inOtherOrder(chosen);
      chosen ??= inspection.plan;
      return { ...inspection, plan };
    };
    const changes = { maxBatchOrders: 1, driver: { inspect } };
    let isTaken = false;
    await road.submit(
      road.settlement({
        ...changes,
        reach: async (checkpoint) => {
          if (checkpoint !== 'signed' || isTaken) return;
          isTaken = true;
          await submitPayouts(road.settlement(changes));
        },
      }),
    );
    expect(isTaken).toBe(true);
    expect(await road.attempts(first)).toEqual([]);
    expect(await road.attempts(second)).toMatchObject([{ state: 'OPEN' }]);
    expect(await road.takenCoins()).toHaveLength(2);
    await end();
    expect(await statusOf(first, second)).toEqual(['PENDING', 'COMPLETED']);
    expect(await road.takenCoins()).toEqual([]);
    await road.submit();
    await end();
    expect(await statusOf(first, second)).toEqual(['COMPLETED', 'COMPLETED']);
    expect([timesPaid(1), timesPaid(2)]).toEqual([1, 1]);
    expect(await road.problems()).toEqual([]);
  });

  it('stays taken by what a worker recorded and did not send', async () => {
    world.fund(1_000_000n, 1_000_000n);
    const first = await order(1);
    await road.submit(
      road.settlement({
        reach: async (checkpoint) => {
          if (checkpoint === 'recorded') throw new Error('the process ends here');
          await Promise.resolve();
        },
      }),
    );
    const taken = await road.takenCoins();
    expect(taken).toHaveLength(1);
    expect(world.chain.pool()).toEqual([]);
    const second = await order(2);
    await road.submit();
    expect(await road.takenCoins()).toHaveLength(2);
    world.clock.advance(PACE.rebroadcastAfterMs);
    await road.tend();
    expect(world.chain.pool()).toHaveLength(2);
    await end();
    expect(await statusOf(first, second)).toEqual(['COMPLETED', 'COMPLETED']);
    expect([timesPaid(1), timesPaid(2)]).toEqual([1, 1]);
    expect(await road.problems()).toEqual([]);
  });

  it('is free once its attempt is dead, and whoever took it stops the network', async () => {
    world.fund(1_000_000n);
    // By somebody who has the treasury's key, of its one coin.
    const stranger = await world.sign([world.order(7, AMOUNT)]);
    const payout = await order(1);
    await road.submit();
    const raw = Buffer.from(stranger.transaction.rawTransaction).toString('hex');
    world.clock.advance(600_000);
    world.chain.produceBlock({ include: [raw], only: true });
    expect(await road.attempts(payout)).toMatchObject([{ state: 'OPEN' }]);
    world.mine(FINAL_BLOCKS - 2);
    await road.follow();
    expect(await road.attempts(payout)).toMatchObject([{ state: 'OPEN' }]);
    expect(await road.takenCoins()).toHaveLength(1);
    world.mine(1);
    await road.follow();
    expect(await road.attempts(payout)).toMatchObject([{ state: 'DEAD' }]);
    expect(await road.takenCoins()).toEqual([]);
    expect(await road.stoppedFor()).toMatch(/Knit did not make transaction/);
    await road.submit();
    expect(await road.attempts(payout)).toHaveLength(1);
    expect(timesPaid(1)).toBe(0);
  });
});

describe('versions of one attempt', () => {
  /** A payout whose first transaction was in no block for long. */
  async function replaced(): Promise<{ payout: Payout; older: string; newer: string }> {
    world.fund(1_000_000n);
    const payout = await order(1);
    await road.submit();
    world.clock.advance(PACE.replaceAfterMs);
    await road.tend();
    const [older, newer] = await road.transactions();
    expect([older, newer]).toMatchObject([
      { purpose: 'CARRY', state: 'OPEN' },
      { purpose: 'CARRY', state: 'OPEN', sequence: older?.sequence },
    ]);
    return { payout, older: older?.hash ?? '', newer: newer?.hash ?? '' };
  }

  it.each(['older', 'newer'] as const)('end together when the %s lands', async (which) => {
    const { payout, older, newer } = await replaced();
    const taken = await road.takenCoins();
    const landed = which === 'older' ? older : newer;
    world.clock.advance(600_000);
    world.chain.produceBlock({ include: [landed] });
    await road.follow();
    expect(await road.takenCoins()).toEqual(taken);
    await end();
    expect(await road.read(payout)).toMatchObject({
      status: 'COMPLETED',
      transactionHash: landed,
    });
    const states = new Map((await road.transactions()).map(({ hash, state }) => [hash, state]));
    expect(states).toEqual(
      new Map([
        [older, which === 'older' ? 'FINAL' : 'REPLACED'],
        [newer, which === 'newer' ? 'FINAL' : 'REPLACED'],
      ]),
    );
    expect(await road.takenCoins()).toEqual([]);
    const sent = road.sent.length;
    world.clock.advance(10 * PACE.replaceAfterMs);
    await road.tend();
    expect(road.sent).toHaveLength(sent);
    expect(timesPaid(1)).toBe(1);
    expect(await road.problems()).toEqual([]);
  });

  it('stay one attempt while a reorganisation puts one in the place of the other', async () => {
    const { payout, older, newer } = await replaced();
    world.mine(2);
    await road.follow();
    expect(world.chain.truth.placeOf(newer)).not.toBeNull();
    world.chain.reorganise({ depth: 2, transactions: 'forget', include: [older] });
    await road.follow();
    expect(await road.attempts(payout)).toMatchObject([{ state: 'OPEN' }]);
    await road.submit();
    expect(await road.attempts(payout)).toHaveLength(1);
    await end();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED', transactionHash: older });
    expect(timesPaid(1)).toBe(1);
    expect(await road.problems()).toEqual([]);
  });
});

describe('a consolidation', () => {
  const SMALL = 60;

  async function consolidate(): Promise<void> {
    world.chain.setFeeEstimate(1_000n);
    world.fund(...Array.from({ length: SMALL }, () => 100_000n));
    await road.reconcile();
    await Promise.all([keepUp(road.settlement()), keepUp(road.settlement())]);
  }

  it('is one, however many workers see the need, and payouts spend other coins', async () => {
    await consolidate();
    const [chore, ...others] = await road.transactions();
    expect(chore).toMatchObject({ purpose: 'CONSOLIDATE', state: 'OPEN' });
    expect(others).toEqual([]);
    const taken = await road.takenCoins();
    expect(taken.length).toBeGreaterThanOrEqual(20);
    const payout = await order(1);
    await road.submit();
    expect((await road.takenCoins()).length).toBeGreaterThan(taken.length);
    world.mine(FINAL_BLOCKS);
    await road.tend();
    await road.follow();
    expect(await road.transactions()).toMatchObject([{ state: 'FINAL' }, { state: 'FINAL' }]);
    expect(await road.takenCoins()).toEqual([]);
    expect(await statusOf(payout)).toEqual(['COMPLETED']);
    await road.reconcile();
    expect(await road.stoppedFor()).toBeNull();
  });

  it('that nobody recorded stops the network: its fee is explained by nothing', async () => {
    await road.reconcile();
    world.chain.setFeeEstimate(1_000n);
    world.fund(...Array.from({ length: SMALL }, () => 100_000n));
    await road.reconcile();
    const { chores } = await world.driver.upkeep({ taken: [] });
    const [chore] = chores;
    if (chore === undefined) throw new Error('there is one');
    const lane = { sender: world.driver.treasury, sequence: 99n };
    const { rawTransaction } = await world.driver.signChore(chore, lane);
    await world.driver.broadcast(rawTransaction);
    world.mine(FINAL_BLOCKS);
    await road.reconcile();
    expect(await road.stoppedFor()).toMatch(/took a fee of [0-9.]+ BTC, and Knit did not sign it/);
  });
});

describe('the fee of a payout', () => {
  it('is a movement that its attempt explains', async () => {
    world.fund(1_000_000n);
    await road.reconcile();
    const payout = await order(1);
    await road.submit();
    await end();
    await road.reconcile();
    expect(await road.stoppedFor()).toBeNull();
    const [row] = await road.db.database.query<{ difference_units: bigint }>(
      'SELECT difference_units FROM settlement_reconciliations',
    );
    expect(row?.difference_units).toBe(0n);
    const [attempt] = await road.attempts(payout);
    const spent = 1_000_000n - world.chain.truth.unitsOf(world.script) - AMOUNT;
    expect(attempt?.feeUnits).toBe(spent.toString());
  });
});

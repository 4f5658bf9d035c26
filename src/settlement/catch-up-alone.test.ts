import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAloneRoad, type AloneRoad } from '../../test/harness/alone-road.ts';
import {
  openTronWorld,
  SOLID_BLOCKS,
  tronKey,
  UNIT,
  type TronWorld,
} from '../../test/harness/tron-world.ts';
import { present } from '../base/assert.ts';
import { createCatchUp } from './catch-up.ts';

// On Tron, where nothing counts what was signed: what was lost is waited for until it can land no more.

let world: TronWorld;
let road: AloneRoad;
beforeEach(async () => {
  world = await openTronWorld();
  const { driver, usdt, clock } = world;
  const pass = (ms: number): void => world.pass(ms);
  road = await createAloneRoad({ driver, asset: usdt, clock, pass });
});
afterEach(async () => {
  await road.close();
});

const RECIPIENT = tronKey(9).address;

/** By what the token has logged. */
function timesPaid(): number {
  const { truth } = world.chain;
  const contract = present(world.usdt.contract, 'it has one');
  const own = truth.transfersOf(contract).filter(({ from }) => from === world.treasury);
  return own.filter(({ to }) => to === RECIPIENT).length;
}

/** A backup of before anything was signed, whose next number is another than the one that was used. */
async function restoreOlder(): Promise<void> {
  const { database } = road.db;
  for (const table of ['transactions', 'attempt_items', 'attempts']) {
    await database.query(`DELETE FROM settlement_${table}`);
  }
  await database.query(
    `UPDATE settlement_orders
     SET state = 'QUEUED', fence = NULL, transaction_hash = NULL, version = reported_version, available_at = created_at`,
  );
}

describe('a worker that starts', () => {
  it('is ready at once on a network that its database did not know', async () => {
    expect(await createCatchUp(road.settlement(), { isNew: true })()).toBe(true);
  });

  it('waits for a final block that is later than the last moment of what may be lost', async () => {
    await road.order(UNIT, RECIPIENT);
    await road.submit();
    const step = createCatchUp(road.settlement(), { isNew: false });
    const startedAt = world.clock.now().getTime();
    const validForMs = present(world.driver.limits.validForMs, 'transactions expire');
    expect(await step()).toBe(false);
    while (world.chain.truth.solidified().timestampMs <= startedAt + validForMs) {
      expect(await step()).toBe(false);
      await world.blocks(1);
    }
    expect(await step()).toBe(true);
  });
});

describe('a database that is older than the chain', () => {
  it('pays nothing again that lands after it was restored', async () => {
    expect(await createCatchUp(road.settlement(), { isNew: true })()).toBe(true);
    const payout = await road.order(UNIT, RECIPIENT);
    await road.submit();
    const [txid = ''] = world.chain.truth.pooled();
    world.chain.controls.holdBack(txid, true);
    await restoreOlder();
    const step = createCatchUp(road.settlement(), { isNew: false });
    await world.blocks(25);
    expect(await step()).toBe(false);
    world.chain.controls.holdBack(txid, false);
    await world.blocks(1);
    expect(timesPaid()).toBe(1);
    while (!(await step())) await world.blocks(1);
    expect(await road.stoppedFor()).not.toBeNull();
    await road.submit();
    expect(await road.attempts(payout)).toEqual([]);
    await world.blocks(SOLID_BLOCKS + 1);
    expect(timesPaid()).toBe(1);
  });

  it('pays what never landed', async () => {
    expect(await createCatchUp(road.settlement(), { isNew: true })()).toBe(true);
    const payout = await road.order(UNIT, RECIPIENT);
    await road.submit();
    world.chain.controls.dropFromPool(world.chain.truth.pooled()[0] ?? '');
    await restoreOlder();
    const step = createCatchUp(road.settlement(), { isNew: false });
    while (!(await step())) await world.blocks(1);
    expect(await road.stoppedFor()).toBeNull();
    await road.submit();
    await world.blocks(SOLID_BLOCKS + 1);
    await road.follow();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(timesPaid()).toBe(1);
  });
});

describe('a transaction that was dropped', () => {
  it('is signed again only when a block later than its expiration is solidified', async () => {
    const payout = await road.order(UNIT, RECIPIENT);
    await road.submit();
    world.chain.controls.dropFromPool(world.chain.truth.pooled()[0] ?? '');
    const [first] = await road.attempts(payout);
    const expiration = present(first?.validUntil, 'it expires').getTime();
    while (world.chain.truth.solidified().timestampMs <= expiration) {
      await road.follow();
      await road.submit();
      expect(await road.attempts(payout)).toMatchObject([{ state: 'OPEN' }]);
      await world.blocks(1);
    }
    await road.follow();
    expect(await road.attempts(payout)).toMatchObject([{ state: 'DEAD' }]);
    await road.submit();
    expect(await road.attempts(payout)).toMatchObject([{ state: 'DEAD' }, { state: 'OPEN' }]);
    await world.blocks(SOLID_BLOCKS + 1);
    await road.follow();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(timesPaid()).toBe(1);
    expect(await road.problems()).toEqual([]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAloneRoad, type AloneRoad } from '../../test/harness/alone-road.ts';
import { createFailover, type Failover } from '../../test/harness/failover.ts';
import { PACE } from '../../test/harness/settlement-road.ts';
import { openTronWorld, tronKey, UNIT, type TronWorld } from '../../test/harness/tron-world.ts';
import { acceptOrders } from './accept-orders.ts';
import { confirmPayouts } from './confirm-payouts.ts';
import { findNetworkState, resumeNetwork } from './network-state.ts';
import type { Settlement } from './settlement.ts';
import { startSettlementWorker } from './settlement-worker.ts';
import { createInMind, submitPayouts, type InMind } from './submit-payouts.ts';

// On Tron, where nothing but the record keeps a payout from being signed for twice.

let world: TronWorld;
let road: AloneRoad;
let failover: Failover;
beforeEach(async () => {
  world = await openTronWorld();
  const { driver, usdt, clock } = world;
  const pass = (ms: number): void => world.pass(ms);
  road = await createAloneRoad({ driver, asset: usdt, clock, pass });
  failover = createFailover(road.db);
});
afterEach(async () => {
  await failover.close();
  await road.close();
});

const RECIPIENT = tronKey(9).address;

/** A worker that goes on working when the database fails over. */
function worker(changes: Partial<Omit<Settlement, 'driver'>> = {}): Settlement {
  return road.settlement({ database: failover.database, ...changes });
}

const network = 'TRON_MAINNET';
const stoppedFor = async (): Promise<string | null | undefined> =>
  (await findNetworkState(failover.database, network))?.stoppedFor;
const alarms = (): string[] =>
  road.log.filter(({ fields }) => fields['alarm'] === true).map(({ message }) => message);

/** A payout is signed for, and the copy of the database lacks that. */
async function signAndLose(by: Settlement, inMind: InMind): Promise<void> {
  await road.order(UNIT, RECIPIENT);
  await acceptOrders(by);
  await failover.copy();
  expect(await submitPayouts(by, inMind)).toBe(1);
  expect(road.sent).toHaveLength(1);
}

describe('a database that fails over to an older copy under a running worker', () => {
  it('is one that nothing is signed for, until a person has looked', async () => {
    const [by, inMind] = [worker(), createInMind()];
    await signAndLose(by, inMind);
    failover.failOver();
    expect(await submitPayouts(by, inMind)).toBe(0);
    expect(road.sent).toHaveLength(1);
    const reason = await stoppedFor();
    expect(reason).toMatch(
      /^the database has lost what it had recorded: its next number is 1, and was 2;/,
    );
    expect(alarms()).toEqual([`signing has stopped: ${reason}`]);
    expect(inMind.memory.takeLoss()).toBe(true);
    expect(await submitPayouts(by, inMind)).toBe(0);
    const at = world.clock.now();
    await resumeNetwork(failover.database, { network, stoppedFor: reason ?? '', at });
    expect(await submitPayouts(by, inMind)).toBe(1);
    expect(await stoppedFor()).toBeNull();
    expect(inMind.memory.takeLoss()).toBe(false);
  });

  it('is known by an attempt that is gone, whatever was numbered since', async () => {
    const [by, inMind] = [worker(), createInMind()];
    await signAndLose(by, inMind);
    failover.failOver();
    await failover.database.query('UPDATE settlement_networks SET next_number = next_number + 9');
    expect(await submitPayouts(by, inMind)).toBe(0);
    expect(await stoppedFor()).toMatch(/recorded: attempt \S+ is gone;/);
    expect(road.sent).toHaveLength(1);
  });

  it('is known to a worker that only followed what another has signed', async () => {
    const inMind = createInMind();
    await signAndLose(worker(), createInMind());
    world.pass(PACE.checkEveryMs);
    expect(await confirmPayouts(worker(), inMind.memory)).toBe(1);
    failover.failOver();
    await failover.database.query('UPDATE settlement_networks SET next_number = next_number + 9');
    expect(await submitPayouts(worker(), inMind)).toBe(0);
    expect(await stoppedFor()).toMatch(/attempt \S+ is gone/);
  });

  it('between claim and record has nothing recorded in it', async () => {
    const inMind = createInMind();
    await signAndLose(worker(), inMind);
    failover.failOver();
    // As if the loss had been overlooked when the round began.
    const { memory } = inMind;
    const late = { ...memory, nextNumber: () => 0n, attemptIds: () => told.shift() ?? [] };
    const told = [[], memory.attemptIds()];
    expect(await submitPayouts(worker(), { ...inMind, memory: late })).toBe(1);
    expect(told).toEqual([]);
    expect(road.sent).toHaveLength(1);
    const attempts = await failover.database.query('SELECT attempt_id FROM settlement_attempts');
    expect(attempts).toEqual([]);
  });

  it('that is stopped for something else is not forgiven when that is out of the way', async () => {
    const [by, inMind] = [worker(), createInMind()];
    await signAndLose(by, inMind);
    failover.failOver();
    await failover.database.query(`UPDATE settlement_networks SET stopped_for = 'another'`);
    expect(await submitPayouts(by, inMind)).toBe(0);
    expect(inMind.memory.takeLoss()).toBe(false);
    await failover.database.query('UPDATE settlement_networks SET stopped_for = NULL');
    expect(await submitPayouts(by, inMind)).toBe(0);
    expect(await stoppedFor()).toMatch(/^the database has lost/);
  });

  it('is caught up with before anything is signed, also by a worker that is stopped meanwhile', async () => {
    const payout = await road.order(UNIT, RECIPIENT);
    await failover.copy();
    const pace = { ...PACE, idleMs: 5, checkEveryMs: 5, reconcileEveryMs: 5, waitMs: 5 };
    const running = startSettlementWorker(worker({ pace }));
    const often = { timeout: 10_000, interval: 10 };
    const toldOf = async (): Promise<string> => {
      if (road.sent.length === 0) await world.blocks(1);
      return (await road.read(payout)).status;
    };
    await expect.poll(toldOf, often).toBe('PROCESSING');
    failover.failOver();
    await expect.poll(stoppedFor, often).toMatch(/^the database has lost/);
    const queued = `SELECT payout_id FROM settlement_orders WHERE state = 'QUEUED'`;
    await expect.poll(async () => await failover.database.query(queued), often).toHaveLength(1);
    const reason = (await stoppedFor()) ?? '';
    await resumeNetwork(failover.database, { network, stoppedFor: reason, at: world.clock.now() });
    await running.stop();
    expect(new Set(road.sent).size).toBe(1);
    expect(await failover.database.query('SELECT attempt_id FROM settlement_attempts')).toEqual([]);
  });

  it('that lacks nothing goes on', async () => {
    const [by, inMind] = [worker(), createInMind()];
    await road.order(UNIT, RECIPIENT);
    await acceptOrders(by);
    expect(await submitPayouts(by, inMind)).toBe(1);
    await failover.copy();
    failover.failOver();
    expect(await submitPayouts(by, inMind)).toBe(0);
    expect(await stoppedFor()).toBeNull();
    expect(alarms()).toEqual([]);
  });
});

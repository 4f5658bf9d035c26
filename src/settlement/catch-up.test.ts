import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  type SettlementChanges,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import type { NetworkDriver } from '../networks/network.ts';
import { createCatchUp } from './catch-up.ts';
import { findNetworkState } from './network-state.ts';

// What a worker that has just started must know before it signs.

let road: SettlementRoad;
beforeEach(async () => {
  road = await createSettlementRoad();
});
afterEach(async () => {
  await road.close();
});

/** Of a worker that starts now: each step of it tells whether it has caught up. */
function start(changes: SettlementChanges = {}): () => Promise<boolean> {
  return createCatchUp(road.settlement(changes), { isNew: false });
}

async function stoppedFor(): Promise<string | null | undefined> {
  const { network } = road.treasury.driver;
  return (await findNetworkState(road.db.database, network))?.stoppedFor;
}

/** A backup of before anything was signed, whose next number is another than the one that was used. */
async function restoreOlder(): Promise<void> {
  const { database } = road.db;
  for (const table of ['transactions', 'attempt_items', 'attempts']) {
    await database.query(`DELETE FROM settlement_${table}`);
  }
  await database.query(
    `UPDATE settlement_orders
     SET state = 'QUEUED', fence = NULL, transaction_hash = NULL, version = reported_version`,
  );
  await database.query('UPDATE settlement_networks SET next_number = next_number + 7');
  const lanes = await database.query<{ sender: string }>(
    `SELECT sender FROM settlement_lanes WHERE role = 'GAS'`,
  );
  for (const { sender } of lanes) {
    const { final } = await road.treasury.driver.sequences(sender);
    await database.query('UPDATE settlement_lanes SET next_sequence = $2 WHERE sender = $1', [
      sender,
      final,
    ]);
  }
}

describe('a database that is older than the chain', () => {
  it('signs nothing while what it lacks is in a block that is not final, nor afterwards', async () => {
    expect(await start()()).toBe(true);
    const payout = await road.order(1n);
    await road.submit();
    await road.chain.mine(1);
    await restoreOlder();
    const step = start();
    expect(await step()).toBe(false);
    expect(await step()).toBe(false);
    expect(await stoppedFor()).toBeNull();
    await road.finalize();
    expect(await step()).toBe(true);
    expect(await stoppedFor()).toMatch(/which no attempt explains/);
    await road.submit();
    expect(await road.attempts(payout)).toEqual([]);
  });
});

describe('a worker that starts', () => {
  it('waits for no transaction that is recorded, final or not', async () => {
    await road.order(1n);
    await road.submit();
    expect(await start()()).toBe(true);
    await road.chain.mine(1);
    expect(await start()()).toBe(true);
    await road.drain();
    expect(await road.faults()).toEqual([]);
  });

  it('waits for what strangers did with a gas account before, not for what they do since', async () => {
    const [account = ''] = road.treasury.driver.gasAccounts;
    const counts = { final: 5n, latest: 6n };
    const sequences: NetworkDriver['sequences'] = async (sender) =>
      sender === account ? { ...counts } : await road.treasury.driver.sequences(sender);
    const step = start({ driver: { sequences } });
    expect(await step()).toBe(false);
    counts.latest = 7n;
    expect(await step()).toBe(false);
    Object.assign(counts, { final: 6n, latest: 8n });
    expect(await step()).toBe(true);
  });

  it('does not wait for what a reorganisation has taken back', async () => {
    const [account = ''] = road.treasury.driver.gasAccounts;
    const counts = { final: 5n, latest: 6n };
    const sequences: NetworkDriver['sequences'] = async (sender) =>
      sender === account ? { ...counts } : await road.treasury.driver.sequences(sender);
    const step = start({ driver: { sequences } });
    expect(await step()).toBe(false);
    counts.latest = 5n;
    expect(await step()).toBe(true);
  });
});

describe('a worker that starts where nothing counts what was signed', () => {
  const VALID_FOR_MS = 100_000;

  /** The chain's final block is of the time that the test says. */
  function startAlone(final: { time: Date }, isNew = false): () => Promise<boolean> {
    const { driver } = road.treasury;
    const limits = { ...driver.limits, validForMs: VALID_FOR_MS };
    const head = async () => ({ ...(await driver.head()), finalTime: final.time });
    const changes = { driver: { lanes: 'independent', limits, head } } as const;
    return createCatchUp(road.settlement(changes), { isNew });
  }

  const at = (ms: number): Date => new Date(road.clock.now().getTime() + ms);

  it('waits until whatever was signed before has had its time', async () => {
    const final = { time: at(-60_000) };
    const step = startAlone(final);
    expect(await step()).toBe(false);
    final.time = at(VALID_FOR_MS);
    expect(await step()).toBe(false);
    final.time = at(VALID_FOR_MS + 1);
    expect(await step()).toBe(true);
  });

  it('does not wait on a network that its database did not know', async () => {
    expect(await startAlone({ time: at(0) }, true)()).toBe(true);
  });

  it('whose clock is behind waits as long by the time of the chain', async () => {
    const final = { time: at(10 * VALID_FOR_MS) };
    const step = startAlone(final);
    expect(await step()).toBe(false);
    final.time = at(11 * VALID_FOR_MS);
    expect(await step()).toBe(false);
    final.time = at(11 * VALID_FOR_MS + 1);
    expect(await step()).toBe(true);
  });

  it('whose clock ran ahead waits no longer than from when it is right', async () => {
    const YEAR_MS = 365 * 24 * 3_600_000;
    road.clock.advance(YEAR_MS);
    const final = { time: new Date(0) };
    const step = startAlone(final);
    expect(await step()).toBe(false);
    road.clock.advance(-YEAR_MS);
    expect(await step()).toBe(false);
    final.time = at(VALID_FOR_MS);
    expect(await step()).toBe(false);
    final.time = at(VALID_FOR_MS + 1);
    expect(await step()).toBe(true);
  });
});

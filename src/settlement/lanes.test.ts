import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { testIds } from '../../test/harness/world.ts';
import { later, systemClock } from '../base/clock.ts';
import {
  adoptSequence,
  holdLane,
  holdsLane,
  createOwnWalletLookup,
  leaveLane,
  listLanes,
  openLane,
  setSequenceBack,
  stopLane,
  takeSequence,
  type HeldLane,
  type Lane,
} from './lanes.ts';

const NOW = new Date('2026-11-02T10:00:00.000Z');
const LEASE_MS = 1_000;
const A = testIds.next();
const B = testIds.next();

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(async () => {
  await db.drop();
});

/** A lane of its own for each test. */
let lastSender = 0;
async function newLane(firstSequence = 5n): Promise<{ network: 'BSC_MAINNET'; sender: string }> {
  lastSender += 1;
  const sender = `0x${lastSender.toString(16).padStart(40, 'f')}`;
  const lane = { network: 'BSC_MAINNET', sender } as const;
  await openLane(db.database, { ...lane, role: 'GAS', firstSequence, at: NOW });
  return lane;
}

type LaneKey = Awaited<ReturnType<typeof newLane>>;

async function hold(lane: LaneKey, holderId: string, now = NOW): Promise<HeldLane | undefined> {
  return await holdLane(db.database, { ...lane, holderId, leaseMs: LEASE_MS, now });
}

async function held(lane: LaneKey, holderId: string, now = NOW): Promise<HeldLane> {
  const got = await hold(lane, holderId, now);
  if (got === undefined) throw new Error('the lane is held by another');
  return got;
}

async function take(lane: HeldLane, count = 1n): Promise<boolean> {
  return await db.database.transaction(
    async (tx) => await takeSequence(tx, lane, { count, at: NOW }),
  );
}

async function look(lane: LaneKey): Promise<Lane | undefined> {
  return (await listLanes(db.database)).find(({ sender }) => sender === lane.sender);
}

async function stop(lane: LaneKey, reason: string): Promise<void> {
  await db.database.transaction(async (tx) => {
    await stopLane(tx, { ...lane, reason, at: NOW });
  });
}

describe('a lane', () => {
  it('is opened once: a second opening changes nothing', async () => {
    const lane = await newLane(5n);
    const again = { ...lane, role: 'TREASURY', firstSequence: 9n, at: later(NOW, 1) } as const;
    await openLane(db.database, again);
    expect(await look(lane)).toMatchObject({
      role: 'GAS',
      nextSequence: 5n,
      holderId: null,
      stoppedFor: null,
    });
  });

  it('is held by one step of one worker; everyone else waits for the end of the lease', async () => {
    const lane = await newLane();
    const first = await held(lane, A);
    expect(await hold(lane, B)).toBeUndefined();
    expect(await hold(lane, A, later(NOW, LEASE_MS - 1))).toBeUndefined();
    expect(await hold(lane, B, later(NOW, LEASE_MS - 1))).toBeUndefined();
    const heir = await held(lane, B, later(NOW, LEASE_MS));
    expect(heir.leaseToken).toBe(first.leaseToken + 1n);
  });

  it('belongs to nobody before it was opened', async () => {
    expect(await hold({ network: 'BSC_MAINNET', sender: 'nobody' }, A)).toBeUndefined();
  });

  it('goes to one of many who reach for it', async () => {
    const lane = await newLane();
    const tries = Array.from({ length: 8 }, async () => await hold(lane, testIds.next()));
    expect((await Promise.all(tries)).filter((got) => got !== undefined)).toHaveLength(1);
  });

  it('is free at once when it is left, for a clock that is behind too', async () => {
    const lane = await newLane();
    await leaveLane(db.database, await held(lane, A), NOW);
    expect(await hold(lane, B, later(NOW, -3_600_000))).toBeDefined();
  });

  it('is not left by a holder who has lost it', async () => {
    const lane = await newLane();
    const stale = await held(lane, A);
    const heir = await held(lane, B, later(NOW, LEASE_MS));
    await leaveLane(db.database, stale, later(NOW, LEASE_MS));
    expect(await look(lane)).toMatchObject({ holderId: B });
    expect(await holdsLane(db.database, heir)).toBe(true);
    expect(await hold(lane, testIds.next(), later(NOW, LEASE_MS))).toBeUndefined();
  });
});

describe('a sequence', () => {
  it('is taken once by its holder', async () => {
    const lane = await newLane(5n);
    const mine = await held(lane, A);
    expect(mine.nextSequence).toBe(5n);
    expect(await take(mine)).toBe(true);
    expect(await holdsLane(db.database, mine)).toBe(false);
    expect(await take(mine)).toBe(false);
    expect(await take({ ...mine, nextSequence: 6n })).toBe(true);
    expect((await look(lane))?.nextSequence).toBe(7n);
  });

  it('is taken with those after it that the transaction takes as well', async () => {
    const lane = await newLane(5n);
    expect(await take(await held(lane, A), 2n)).toBe(true);
    expect((await look(lane))?.nextSequence).toBe(7n);
  });

  it('is set back on the lane of the payer alone, while nothing of it is open', async () => {
    const back = async (lane: HeldLane): Promise<boolean> =>
      await setSequenceBack(db.database, lane, { sequence: 6n, at: NOW });
    const gas = await held(await newLane(7n), A);
    expect(await back(gas)).toBe(false);
    const payer = await newLane(7n);
    await db.database.query(`UPDATE settlement_lanes SET role = 'TREASURY' WHERE sender = $1`, [
      payer.sender,
    ]);
    const mine = await held(payer, A);
    await db.database.query(
      `INSERT INTO settlement_transactions
         (network, transaction_hash, sender, sequence, purpose, raw_transaction, state,
          broadcast_count, created_at, updated_at)
       VALUES ($1, $2, $2, 5, 'DELEGATE', $3, 'OPEN', 0, $4, $4)`,
      [payer.network, payer.sender, Buffer.from('00', 'hex'), NOW],
    );
    expect(await back(mine)).toBe(false);
    await db.database.query(
      `UPDATE settlement_transactions
       SET state = 'FINAL', block_number = 1, block_hash = '0x', succeeded = true, fee_units = 0
       WHERE sender = $1`,
      [payer.sender],
    );
    expect(await back({ ...mine, leaseToken: mine.leaseToken - 1n })).toBe(false);
    expect(await back(mine)).toBe(true);
    expect((await look(payer))?.nextSequence).toBe(6n);
  });

  it('is taken once by many with the same right to it', async () => {
    const mine = await held(await newLane(), A);
    const taken = await Promise.all(Array.from({ length: 8 }, async () => await take(mine)));
    expect(taken.filter(Boolean)).toHaveLength(1);
  });

  it('is not taken by a holder who has lost the lane, nor by one of another lane', async () => {
    const lane = await newLane();
    const stale = await held(lane, A);
    const heir = await held(lane, B, later(NOW, LEASE_MS));
    expect(await holdsLane(db.database, stale)).toBe(false);
    expect(await take(stale)).toBe(false);
    expect(await take({ ...heir, sender: (await newLane()).sender })).toBe(false);
    expect(await take({ ...heir, network: 'MATIC_MAINNET' })).toBe(false);
    expect(await take(heir)).toBe(true);
  });

  it('is adopted forwards only, and the lane is taken from its holder', async () => {
    const lane = await newLane(5n);
    const mine = await held(lane, A);
    const adopt = async (nextSequence: bigint): Promise<boolean> =>
      await adoptSequence(db.database, { ...lane, nextSequence, at: NOW });
    expect(await adopt(4n)).toBe(false);
    expect(await adopt(5n)).toBe(false);
    expect(await take(mine)).toBe(true);
    expect(await adopt(8n)).toBe(true);
    expect(await take({ ...mine, nextSequence: 8n })).toBe(false);
    expect(await hold(lane, B)).toMatchObject({ nextSequence: 8n });
  });
});

describe('a stopped lane', () => {
  it('is held by nobody, and its holder takes nothing more, until it is adopted', async () => {
    const lane = await newLane(5n);
    const other = await newLane(5n);
    const mine = await held(lane, A);
    await stop(lane, 'the first reason');
    await stop(lane, 'the second reason');
    expect(await look(lane)).toMatchObject({ stoppedFor: 'the first reason' });
    expect(await look(other)).toMatchObject({ stoppedFor: null });
    expect(await take(mine)).toBe(false);
    expect(await hold(lane, A)).toBeUndefined();
    expect(await hold(lane, B, later(NOW, 10 * LEASE_MS))).toBeUndefined();
    const sequence = { ...lane, nextSequence: 3n, at: NOW };
    expect(await adoptSequence(db.database, sequence)).toBe(true);
    expect(await adoptSequence(db.database, sequence)).toBe(false);
    expect(await hold(lane, B)).toMatchObject({ nextSequence: 5n });
  });
});

describe('the lookup of own wallets', () => {
  it('knows the senders of a network, however they are written', async () => {
    const { network, sender } = await newLane();
    const isOwnWallet = createOwnWalletLookup(db.database, systemClock);
    const written = sender.toUpperCase().replace('X', 'x');
    expect(await isOwnWallet(network, written)).toBe(true);
    expect(await isOwnWallet('MATIC_MAINNET', sender)).toBe(false);
    expect(await isOwnWallet(network, `0x${'1'.repeat(40)}`)).toBe(false);
  });

  it('knows a new wallet after a second, whichever way the clock is put', async () => {
    let now = NOW;
    const clock = { ...systemClock, now: () => now };
    const isOwnWallet = createOwnWalletLookup(db.database, clock);
    for (const changeMs of [1_000, -1_000]) {
      await isOwnWallet('BSC_MAINNET', '0x1');
      const { network, sender } = await newLane();
      now = later(now, changeMs / 2);
      expect(await isOwnWallet(network, sender)).toBe(false);
      now = later(now, changeMs / 2);
      expect(await isOwnWallet(network, sender)).toBe(true);
    }
  });

  it('looks again where a look failed', async () => {
    const { network, sender } = await newLane();
    let isDown = true;
    const query: typeof db.database.query = async (text, values) => {
      if (isDown) throw new Error('down');
      return await db.database.query(text, values);
    };
    const isOwnWallet = createOwnWalletLookup({ query }, { ...systemClock, now: () => NOW });
    await expect(isOwnWallet(network, sender)).rejects.toThrow('down');
    isDown = false;
    expect(await isOwnWallet(network, sender)).toBe(true);
  });
});

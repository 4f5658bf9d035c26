import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../test/harness/database.ts';
import { later } from '../base/clock.ts';
import {
  findNetworkState,
  findNetworkStates,
  isSigningAllowed,
  noteFinal,
  openNetwork,
  PayerMismatch,
  resumeNetwork,
  stopNetwork,
  takeNumber,
  type NetworkState,
} from './network-state.ts';

const NOW = new Date('2026-11-02T10:00:00.000Z');
const network = 'BSC_MAINNET';
const payer = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(async () => {
  await db.drop();
});
beforeEach(async () => {
  await db.database.query('DELETE FROM settlement_networks');
  await openNetwork(db.database, { network, payer, at: NOW });
});

async function state(): Promise<NetworkState | undefined> {
  return await findNetworkState(db.database, network);
}

async function stop(reason: string): Promise<boolean> {
  return await stopNetwork(db.database, { network, reason, at: NOW });
}

async function isAllowed(): Promise<boolean> {
  return await db.database.transaction(async (tx) => await isSigningAllowed(tx, network));
}

describe('a network', () => {
  it('is opened once: a second opening changes nothing', async () => {
    await takeNumber(db.database, network, NOW);
    await openNetwork(db.database, {
      network,
      payer: payer.toLowerCase(),
      at: later(NOW, 1),
    });
    expect(await state()).toEqual({
      network,
      payer,
      nextNumber: 2n,
      stoppedFor: null,
      final: null,
      updatedAt: NOW,
    });
    expect(await findNetworkStates(db.database)).toEqual([await state()]);
  });

  it('is not opened with the keys of another payer: both are named', async () => {
    const other = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
    const opening = openNetwork(db.database, { network, payer: other, at: NOW });
    await expect(opening).rejects.toThrow(PayerMismatch);
    await expect(opening).rejects.toThrow(new RegExp(`${payer}.*${other}`));
    expect(await state()).toMatchObject({ payer });
  });
});

describe('the numbers of fences', () => {
  it('are given once each, to many who reach for them', async () => {
    const takers = Array.from(
      { length: 20 },
      async () => await takeNumber(db.database, network, NOW),
    );
    const taken = (await Promise.all(takers)).toSorted((a, b) => Number((a ?? 0n) - (b ?? 0n)));
    expect(taken).toEqual(Array.from({ length: 20 }, (_, index) => BigInt(index) + 1n));
  });

  it('are not given while the network is stopped, nor before it was opened', async () => {
    await stop('somebody else has the key');
    expect(await takeNumber(db.database, network, NOW)).toBeUndefined();
    expect(await takeNumber(db.database, 'MATIC_MAINNET', NOW)).toBeUndefined();
    expect(await state()).toMatchObject({ nextNumber: 1n });
  });
});

describe('a stop', () => {
  it('keeps its first reason, and says whether it was the first', async () => {
    expect(await stop('the first')).toBe(true);
    expect(await stop('the second')).toBe(false);
    expect(await state()).toMatchObject({ stoppedFor: 'the first' });
  });

  it('is seen by whoever records afterwards', async () => {
    expect(await isAllowed()).toBe(true);
    await stop('a reason');
    expect(await isAllowed()).toBe(false);
  });

  it('is no permission where the network was never opened', async () => {
    await db.database.query('DELETE FROM settlement_networks');
    expect(await isAllowed()).toBe(false);
  });

  it('waits for a recording that has begun, which does not see it', async () => {
    const order: string[] = [];
    let stopping: Promise<boolean> | undefined;
    await db.database.transaction(async (tx) => {
      expect(await isSigningAllowed(tx, network)).toBe(true);
      stopping = stop('too late for this one').finally(() => order.push('stopped'));
      await untilSomebodyWaits();
      order.push('recorded');
    });
    await stopping;
    expect(order).toEqual(['recorded', 'stopped']);
  });

  it('ends on the word of a person who saw its reason', async () => {
    await stop('a reason');
    const resume = async (stoppedFor: string): Promise<boolean> =>
      await resumeNetwork(db.database, { network, stoppedFor, at: NOW });
    expect(await resume('another reason')).toBe(false);
    expect(await isAllowed()).toBe(false);
    expect(await resume('a reason')).toBe(true);
    expect(await isAllowed()).toBe(true);
    expect(await resume('a reason')).toBe(false);
  });
});

describe('the newest final block', () => {
  it('moves forward only', async () => {
    const note = async (number: bigint, hash: string): Promise<void> => {
      await noteFinal(db.database, { network, block: { number, hash }, at: NOW });
    };
    await note(7n, '0x07');
    await note(9n, '0x09');
    await note(8n, '0x08');
    await note(9n, '0xother');
    expect(await state()).toMatchObject({ final: { number: 9n, hash: '0x09' } });
  });
});

async function untilSomebodyWaits(): Promise<void> {
  for (;;) {
    const waiting = await db.database.query(
      `SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (waiting.length > 0) return;
  }
}

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test/harness/database.ts';
import { holdNewest, isTakenByOwn } from './taken-sequence.ts';
import { endReplaced, finishTransaction, insertTransaction } from './transaction-store.ts';

const network = 'MATIC_MAINNET';
const sender = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const at = new Date('2026-11-02T10:00:00.000Z');
const sequence = 7n;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(async () => {
  await db.drop();
});
beforeEach(async () => {
  await db.database.query('DELETE FROM settlement_transactions');
});

async function sign(transactionHash: string): Promise<void> {
  const signed = {
    transactionHash,
    sender,
    sequence,
    rawTransaction: new Uint8Array([1]),
    spends: [],
  };
  await db.database.transaction(
    async (tx) =>
      await insertTransaction(tx, { network, signed, purpose: 'DEPLOY', attemptId: null, at }),
  );
}

/** As another worker does that sees it final. */
async function finish(transactionHash: string): Promise<void> {
  await db.database.transaction(async (tx) => {
    const end = { block: { number: 3n, hash: '0x03' }, succeeded: true, feeUnits: 1n, at };
    await finishTransaction(tx, { network, transactionHash }, end);
    await endReplaced(tx, { network, sender, sequence, at });
  });
}

async function isOwn(takenBy: string | null, of = sequence): Promise<boolean> {
  return await isTakenByOwn(db.database, { network, sender, sequence: of, takenBy });
}

async function mayBeReplaced(transactionHash: string): Promise<boolean> {
  return await db.database.transaction(
    async (tx) => await holdNewest(tx, { network, sender, sequence, transactionHash }, at),
  );
}

describe('a sequence that is taken for good', () => {
  it('is our own where one of ours is final on it, whether the chain names it or not', async () => {
    await sign('0xaa');
    await finish('0xaa');
    await sign('0xbb');
    expect(await isOwn('0xaa')).toBe(true);
    expect(await isOwn(null)).toBe(true);
  });

  it('is our own where the chain names one of ours that is not known to be final', async () => {
    await sign('0xaa');
    expect(await isOwn('0xaa')).toBe(true);
  });

  it("is a stranger's where nothing of ours is final on it and another is named, or none", async () => {
    await sign('0xaa');
    expect(await isOwn('0xee')).toBe(false);
    expect(await isOwn(null)).toBe(false);
    await finish('0xaa');
    expect(await isOwn('0xee', sequence + 1n)).toBe(false);
  });
});

describe('a replacement', () => {
  it('may be signed for the newest that is open, and for nothing that has ended', async () => {
    await sign('0xaa');
    await sign('0xbb');
    expect(await mayBeReplaced('0xaa')).toBe(false);
    expect(await mayBeReplaced('0xbb')).toBe(true);
    await finish('0xaa');
    expect(await mayBeReplaced('0xaa')).toBe(false);
    expect(await mayBeReplaced('0xbb')).toBe(false);
    expect(await mayBeReplaced('0xcc')).toBe(false);
  });
});

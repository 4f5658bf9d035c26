import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  type SettlementRoad,
} from '../../../test/harness/settlement-road.ts';
import type { Queryable } from '../../database/database.ts';
import { findExplanations } from './movement-store.ts';
import { unitsOnTheWay } from './order-store.ts';

// Attempts are kept for ever, and these questions are asked for each batch and each block.

let road: SettlementRoad;
beforeAll(async () => {
  road = await createSettlementRoad();
});
afterAll(async () => {
  await road.close();
});

/** How the database would go about what `ask` asks, where it reads no table whole if it can help it. */
async function planOf(ask: (db: Queryable) => Promise<unknown>): Promise<string> {
  let plan = '';
  await road.db.database.transaction(async (tx) => {
    await tx.query('SET LOCAL enable_seqscan = off');
    await ask({
      async query<R extends object>(text: string, values?: readonly unknown[]): Promise<R[]> {
        const rows = await tx.query<Record<string, string>>(`EXPLAIN ${text}`, values);
        plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        return [];
      },
    });
  });
  return plan;
}

describe('attempts by their fence', () => {
  const key = { network: 'ETHEREUM_MAINNET', token: 'USDT' } as const;

  it.each<[string, (db: Queryable) => Promise<unknown>]>([
    ['what is on the way', async (db) => await unitsOnTheWay(db, key.network, key.token)],
    ['what explains transfers', async (db) => await findExplanations(db, key, ['fence'])],
  ])('are found by an index for %s', async (_, ask) => {
    expect(await planOf(ask)).toContain('settlement_attempts_by_fence');
  });
});

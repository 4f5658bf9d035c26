import type { Queryable } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import type { OrderState } from './order.ts';

/** Where settlement stands with a payout, for the operator to read. */
export interface OrderView {
  readonly state: OrderState;
  /** Why it could not be signed when it was last tried; null where nothing is in its way. */
  readonly waitingFor: string | null;
  readonly fence: string | null;
  readonly updatedAt: Date;
}

/** Undefined until settlement has taken the payout over. */
export async function findOrderView(
  db: Queryable,
  payout: { readonly network: NetworkId; readonly payoutId: string },
): Promise<OrderView | undefined> {
  const [row] = await db.query<{
    state: OrderState;
    waiting_for: string | null;
    fence: string | null;
    updated_at: Date;
  }>(
    `SELECT state, waiting_for, fence, updated_at FROM settlement_orders
     WHERE network = $1 AND payout_id = $2`,
    [payout.network, payout.payoutId],
  );
  if (row === undefined) return undefined;
  const { state, fence } = row;
  return { state, waitingFor: row.waiting_for, fence, updatedAt: row.updated_at };
}

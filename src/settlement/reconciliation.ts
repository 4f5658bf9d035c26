import type { Queryable } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import { listReconciliations, type Reconciliation } from './internal/reconciliation-store.ts';

export type { Reconciliation };

/** How far each asset of a network is reconciled, by token. */
export async function findReconciliations(
  db: Queryable,
  network: NetworkId,
): Promise<Reconciliation[]> {
  return await listReconciliations(db, network);
}

/** What the payer must hold, by everything that is booked. */
export function expectedUnits(
  figures: Pick<Reconciliation, 'openingUnits' | 'inUnits' | 'outUnits' | 'adjustedUnits'>,
): bigint {
  return figures.openingUnits + figures.inUnits - figures.outUnits + figures.adjustedUnits;
}

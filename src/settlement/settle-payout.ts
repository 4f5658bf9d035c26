import { present } from '../base/assert.ts';
import { advancePayout, type Progress } from '../payouts/advance-payout.ts';
import { wasEverSigned } from './internal/attempt-store.ts';
import { listUnreported, markReported } from './internal/order-store.ts';
import type { Order } from './order.ts';
import type { Settlement } from './settlement.ts';

type Reporter = Pick<Settlement, 'database' | 'ids' | 'clock' | 'log' | 'reach'>;

/**
 * Brings what settlement has proven to the payouts: state, ledger and event in one transaction on
 * the business's side, then a note on settlement's side that it was told. A crash between them tells
 * it again, which changes nothing. News that cannot be recorded keeps back no other. Gives how many
 * payouts were told.
 */
export async function settlePayouts(settlement: Settlement): Promise<number> {
  const { database, driver, roundSize } = settlement;
  const failed: string[] = [];
  for (;;) {
    const want = { network: driver.network, limit: roundSize, except: failed };
    const orders = await listUnreported(database, want);
    let told = 0;
    for (const order of orders) {
      if (await tellSafely(settlement, order)) told += 1;
      else failed.push(order.payoutId);
    }
    // Where none of a page could be told, the next one is read past them.
    if (told > 0 || orders.length === 0) return told;
  }
}

async function tellSafely(settlement: Settlement, order: Order): Promise<boolean> {
  try {
    await settlePayout(settlement, order);
    return true;
  } catch (error) {
    const fields = { err: error, payoutId: order.payoutId, alarm: true };
    settlement.log.error(fields, 'the news of a payout could not be recorded');
    return false;
  }
}

/** Tells one payout what its order says now. */
export async function settlePayout(reporter: Reporter, order: Order): Promise<void> {
  const { database, ids, clock } = reporter;
  const progress = await progressOf(reporter, order);
  if (progress !== undefined) {
    const { businessId, payoutId } = order;
    const at = clock.now();
    await database.transaction(
      async (tx) => await advancePayout(tx, { ids }, { businessId, payoutId, progress, at }),
    );
  }
  await reporter.reach('reported');
  await markReported(database, order);
}

/** Undefined where nothing was signed. An order whose attempt died stays PROCESSING until it is signed anew. */
async function progressOf(reporter: Reporter, order: Order): Promise<Progress | undefined> {
  const { state, transactionHash } = order;
  switch (state) {
    case 'QUEUED':
      return transactionHash === null ? undefined : { status: 'PROCESSING', transactionHash };
    case 'IN_FLIGHT':
      return {
        status: 'PROCESSING',
        transactionHash: present(transactionHash, 'an order in flight has a hash'),
      };
    case 'PAID':
      return {
        status: 'COMPLETED',
        transactionHash: present(transactionHash, 'a paid order has a hash'),
      };
    case 'REFUSED':
      return {
        status: 'FAILED',
        info: present(order.info, 'a refused order says why'),
        wasSigned: await wasEverSigned(reporter.database, order.network, order.payoutId),
        transactionHash,
      };
  }
}

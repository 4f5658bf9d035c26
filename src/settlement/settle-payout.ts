import { present } from '../base/assert.ts';
import { later } from '../base/clock.ts';
import { advancePayouts } from '../payouts/advance-payouts.ts';
import type { News, Progress } from '../payouts/progress.ts';
import {
  listEverSigned,
  listUnreported,
  markReported,
  type OrderNews,
} from './internal/report-store.ts';
import { doAllSettingAside } from './internal/do-all-setting-aside.ts';
import { createSetAside, type SetAside } from './internal/set-aside.ts';
import type { Settlement } from './settlement.ts';

/** What telling one payout needs. */
type Reporter = Pick<Settlement, 'database' | 'ids' | 'clock' | 'log' | 'reach'>;

/** What telling the payouts of a network needs: nothing of its chain but the name. */
export type NetworkReporter = Reporter &
  Pick<Settlement, 'roundSize'> & {
    readonly pace: Pick<Settlement['pace'], 'tellSigningAfterMs'>;
  } & { readonly driver: Pick<Settlement['driver'], 'network'> };

/**
 * Brings what settlement has proven to the payouts: state, ledger and event in one transaction on
 * the businesses' side, then a note on settlement's side that they were told. A crash between them
 * tells it again, which changes nothing. A page of news is told together; a piece that cannot be
 * recorded is set aside, tried again later and later, and keeps back no other. Gives how many payouts were
 * told.
 */
export async function settlePayouts(
  settlement: NetworkReporter,
  aside: SetAside = createSetAside(),
): Promise<number> {
  const { database, driver, clock, log, pace, roundSize } = settlement;
  for (;;) {
    const now = clock.now();
    const signedUntil = later(now, -pace.tellSigningAfterMs);
    const { network } = driver;
    const want = { network, limit: roundSize, except: aside.waiting(now), signedUntil, now };
    const page = await listUnreported(database, want);
    const failed = await doAllSettingAside(page, async (news) => await tell(settlement, news));
    for (const { item, error } of failed) {
      const fields = { err: error, payoutId: item.payoutId, alarm: true };
      log.error(fields, 'the news of a payout could not be recorded');
      aside.add(item.payoutId, clock.now());
    }
    const failures = new Set(failed.map(({ item }) => item));
    aside.forget(page.filter((news) => !failures.has(news)).map(({ payoutId }) => payoutId));
    const told = page.length - failed.length;
    // Where none of a page could be told, the next one is read past them.
    if (told > 0 || page.length === 0) return told;
  }
}

/** Tells one payout what its order says now. */
export async function settlePayout(reporter: Reporter, order: OrderNews): Promise<void> {
  await tell(reporter, [order]);
}

/** Tells payouts of one network what their orders say. */
async function tell(reporter: Reporter, orders: readonly OrderNews[]): Promise<void> {
  const { database, ids, clock } = reporter;
  const everSigned = await everSignedOf(reporter, orders);
  const at = clock.now();
  const news = orders.flatMap((order): News[] => {
    const progress = progressOf(order, everSigned);
    if (progress === undefined) return [];
    return [{ businessId: order.businessId, payoutId: order.payoutId, progress, at }];
  });
  if (news.length > 0) {
    await database.transaction(async (tx) => await advancePayouts(tx, { ids }, news));
  }
  await reporter.reach('reported');
  await database.transaction(async (tx) => await markReported(tx, orders));
}

async function everSignedOf(
  reporter: Reporter,
  orders: readonly OrderNews[],
): Promise<ReadonlySet<string>> {
  const refused = orders.filter((order) => order.state === 'REFUSED');
  const [first] = refused;
  if (first === undefined) return new Set();
  const payoutIds = refused.map((order) => order.payoutId);
  return await listEverSigned(reporter.database, first.network, payoutIds);
}

/** Undefined where nothing was signed. An order whose attempt died stays PROCESSING until it is signed anew. */
function progressOf(order: OrderNews, everSigned: ReadonlySet<string>): Progress | undefined {
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
        wasSigned: everSigned.has(order.payoutId),
        transactionHash,
      };
  }
}

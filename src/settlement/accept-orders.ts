import { assert, present } from '../base/assert.ts';
import { isUuid } from '../base/id.ts';
import { fromLedgerUnits } from '../money/amount.ts';
import type { NetworkId } from '../money/asset.ts';
import { parseAddress } from '../networks/address.ts';
import { claim, finishAll, type ClaimedItem } from '../outbox/outbox.ts';
import { findPayouts } from '../payouts/find-payouts.ts';
import { SETTLEMENT_TOPIC } from '../payouts/outbox-topics.ts';
import type { Payout } from '../payouts/payout.ts';
import { insertOrders, listOrdered, type NewOrder } from './internal/accept-store.ts';
import { doAllSettingAside } from './internal/do-all-setting-aside.ts';
import { createSetAside, type SetAside } from './internal/set-aside.ts';
import type { AssetOf } from './order.ts';
import type { Settlement } from './settlement.ts';

/** What taking over needs of a settlement: nothing of a chain but its name. */
export type Accepter = Pick<
  Settlement,
  'database' | 'assetOf' | 'clock' | 'log' | 'roundSize' | 'reach'
> & {
  readonly driver: Pick<Settlement['driver'], 'network'>;
  readonly pace: Pick<Settlement['pace'], 'leaseMs'>;
};

type Accepting = Accepter & { readonly aside: SetAside };

/**
 * Takes new payouts over from the outbox: first the orders are written, then the items are ended, in
 * two transactions, because they may live on different shards. A crash between them brings the items
 * again, and the orders are already there. What has failed by itself is tried again later and later, as
 * `aside` remembers. Gives how many items it took.
 */
export async function acceptOrders(
  accepter: Accepter,
  aside: SetAside = createSetAside(),
): Promise<number> {
  const settlement: Accepting = { ...accepter, aside };
  const { database, driver, clock, pace } = settlement;
  const items = await claim(database, {
    topic: SETTLEMENT_TOPIC,
    lane: driver.network,
    limit: settlement.roundSize,
    leaseMs: pace.leaseMs,
    longestMs: 2 * pace.leaseMs,
    now: clock.now(),
  });
  const now = clock.now();
  const tried = items.filter(({ itemId }) => !aside.isWaiting(itemId, now));
  if (tried.length === 0) return items.length;
  const ready = await readItems(settlement, tried);
  const failed = await doAllSettingAside(ready, async (some) => await takeOver(settlement, some));
  for (const { item, error } of failed) tellOfFailure(settlement, item.item, error);
  return items.length;
}

async function takeOver(settlement: Accepting, ready: readonly ReadyItem[]): Promise<void> {
  const { aside, database, clock, log } = settlement;
  const orders = ready.flatMap(({ order }) => (order === undefined ? [] : [order]));
  await insertOrders(database, orders, clock.now());
  for (const { payoutId, traceId } of orders) {
    log.info({ payoutId, traceId }, 'a payout was accepted for settlement');
  }
  await settlement.reach('accepted');
  await finishAll(
    database,
    ready.map(({ item }) => item),
  );
  aside.forget(ready.map(({ item }) => item.itemId));
}

interface ReadyItem {
  readonly item: ClaimedItem;
  /** Undefined where the payout has moved on: then its order is there. */
  readonly order: NewOrder | undefined;
}

/** The items that can be taken over. Of each other an alarm tells why it cannot. */
async function readItems(
  settlement: Accepting,
  items: readonly ClaimedItem[],
): Promise<ReadyItem[]> {
  const { database, driver } = settlement;
  const named = keepSound(settlement, items, (item) => {
    const { businessId } = item;
    return { item, key: { businessId, payoutId: payoutIdOf(item) } };
  });
  const keys = named.map(({ key }) => key);
  const payouts = new Map(
    (await findPayouts(database, keys)).map((payout) => [keyOf(payout), payout]),
  );
  const movedOn = [...payouts.values()].filter(({ status }) => status !== 'PENDING');
  const ids = movedOn.map(({ payoutId }) => payoutId);
  const ordered = await listOrdered(database, driver.network, ids);
  return keepSound(settlement, named, ({ item, key }) => {
    const payout = present(payouts.get(keyOf(key)), `payout ${key.payoutId} exists`);
    assert(payout.network === driver.network, 'an item is in the lane of its network');
    const { payoutId, status } = payout;
    if (status === 'PENDING') {
      const order = toOrder(payout, settlement.assetOf);
      return { item, order: { ...order, traceId: traceIdOf(item) } };
    }
    // A payout that has moved on has an order. If not, settlement's tables lack what was signed.
    assert(ordered.has(payoutId), `payout ${payoutId} is ${status} and has no order`);
    return { item, order: undefined };
  });
}

function keyOf({ businessId, payoutId }: { businessId: string; payoutId: string }): string {
  return `${businessId} ${payoutId}`;
}

function keepSound<T extends ClaimedItem | { readonly item: ClaimedItem }, R>(
  settlement: Accepting,
  all: readonly T[],
  read: (each: T) => R,
): R[] {
  return all.flatMap((each) => {
    try {
      return [read(each)];
    } catch (error) {
      tellOfFailure(settlement, 'item' in each ? each.item : each, error);
      return [];
    }
  });
}

/** The claim's lease runs out, and once it has waited the item is tried again; the others go on. */
function tellOfFailure(
  { log, aside, clock }: Accepting,
  { itemId }: ClaimedItem,
  error: unknown,
): void {
  aside.add(itemId, clock.now());
  log.error({ err: error, itemId, alarm: true }, 'a payout could not be accepted');
}

function payoutIdOf(item: ClaimedItem): string {
  const { payload } = item;
  assert(
    typeof payload === 'object' &&
      payload !== null &&
      'payoutId' in payload &&
      typeof payload.payoutId === 'string' &&
      isUuid(payload.payoutId),
    'a settlement item names its payout',
  );
  return payload.payoutId;
}

/** A payout that came in before traces did has none. */
function traceIdOf({ payload }: ClaimedItem): string | null {
  const traceId = (payload as { readonly traceId?: unknown }).traceId;
  return typeof traceId === 'string' && /^[0-9a-f]{32}$/.test(traceId) ? traceId : null;
}

function toOrder(payout: Payout, assetOf: AssetOf): Omit<NewOrder, 'traceId'> {
  const network: NetworkId = payout.network;
  const asset = present(
    assetOf(network, payout.token),
    `${payout.token} on ${network} is in the registry`,
  );
  const recipient = parseAddress(network, payout.toAddress);
  assert(recipient.ok, `the address of payout ${payout.payoutId} was checked at intake`);
  return {
    network,
    payoutId: payout.payoutId,
    businessId: payout.businessId,
    token: payout.token,
    units: fromLedgerUnits(payout.units, asset.decimals),
    toAddress: recipient.address,
  };
}

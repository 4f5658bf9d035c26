import { assert, present } from '../base/assert.ts';
import { fromLedgerUnits } from '../money/amount.ts';
import type { NetworkId } from '../money/asset.ts';
import { parseAddress } from '../networks/address.ts';
import { claim, finish, type ClaimedItem } from '../outbox/outbox.ts';
import { findPayout } from '../payouts/find-payouts.ts';
import { SETTLEMENT_TOPIC } from '../payouts/outbox-topics.ts';
import type { Payout } from '../payouts/payout.ts';
import { findOrder, insertOrder } from './internal/order-store.ts';
import type { AssetOf } from './order.ts';
import type { Settlement } from './settlement.ts';

/**
 * Takes new payouts over from the outbox: first the order is written, then the item is ended, in two
 * transactions, because they may live on different shards. A crash between them brings the item
 * again, and the order is already there. Gives how many items it took.
 */
export async function acceptOrders(settlement: Settlement): Promise<number> {
  const { database, driver, clock, log, pace } = settlement;
  const items = await claim(database, {
    topic: SETTLEMENT_TOPIC,
    lane: driver.network,
    limit: settlement.roundSize,
    leaseMs: pace.leaseMs,
    now: clock.now(),
  });
  for (const item of items) {
    try {
      await accept(settlement, item);
    } catch (error) {
      // The claim's lease runs out and the item is tried again; the others go on.
      log.error({ err: error, itemId: item.itemId, alarm: true }, 'a payout could not be accepted');
    }
  }
  return items.length;
}

async function accept(settlement: Settlement, item: ClaimedItem): Promise<void> {
  const { database, driver, clock } = settlement;
  const payoutId = payoutIdOf(item);
  const payout = present(
    await findPayout(database, item.businessId, payoutId),
    `payout ${payoutId} exists`,
  );
  assert(payout.network === driver.network, 'an item is in the lane of its network');
  if (payout.status === 'PENDING') {
    await insertOrder(database, toOrder(payout, settlement.assetOf), clock.now());
  } else {
    // A payout that has moved on has an order. If not, settlement's tables lack what was signed.
    const order = await findOrder(database, driver.network, payoutId);
    assert(order !== undefined, `payout ${payoutId} is ${payout.status} and has no order`);
  }
  await settlement.reach('accepted');
  await finish(database, item);
}

function payoutIdOf(item: ClaimedItem): string {
  const { payload } = item;
  assert(
    typeof payload === 'object' &&
      payload !== null &&
      'payoutId' in payload &&
      typeof payload.payoutId === 'string',
    'a settlement item names its payout',
  );
  return payload.payoutId;
}

function toOrder(payout: Payout, assetOf: AssetOf): Parameters<typeof insertOrder>[1] {
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

import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import type { TransferOrder } from '../network.ts';
import type { BatchItem } from './batch.ts';
import { contractOf, lowerAddress } from './token.ts';

/** An item of a batch has 12 bytes for its amount. */
export const ITEM_UNITS_LIMIT = 2n ** 96n;

/** Asserts what intake has made sure of, before any question is asked about it. */
export function assertOrder(order: TransferOrder, network: string): void {
  const to = lowerAddress(order.toAddress);
  assert(order.asset.network === network, `the order is not of ${network}`);
  assert(order.units > 0n && order.units < 2n ** 256n, 'the amount is out of range');
  assert(BigInt(to) !== 0n, 'the recipient is the zero address');
  assert(to !== contractOf(order.asset), 'the recipient is the token itself');
}

/** The one asset of orders that are to be paid together, each of them once. */
export function assetOfOrders(orders: readonly TransferOrder[], network: string): Asset {
  const [first] = orders;
  assert(first !== undefined, 'there is no order');
  for (const order of orders) {
    assertOrder(order, network);
    assert(contractOf(order.asset) === contractOf(first.asset), 'the orders are of two assets');
  }
  const ids = new Set(orders.map(({ payoutId }) => payoutId));
  assert(ids.size === orders.length, 'two orders are of the same payout');
  return first.asset;
}

export function itemOf({ toAddress, units }: TransferOrder): BatchItem {
  return { to: lowerAddress(toAddress), units };
}

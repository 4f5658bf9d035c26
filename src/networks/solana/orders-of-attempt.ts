import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import type { TransferOrder } from '../network.ts';
import { mintOf } from './mint-of.ts';
import { addressBytes } from './programs.ts';

/** The one asset of orders that are to be paid together, each of them once. */
export function assetOfOrders(orders: readonly TransferOrder[], network: string): Asset {
  const [first] = orders;
  assert(first !== undefined, 'there is no order');
  for (const order of orders) {
    assertOrder(order, network);
    assert(mintOf(order.asset) === mintOf(first.asset), 'the orders are of two assets');
  }
  const ids = new Set(orders.map(({ payoutId }) => payoutId));
  assert(ids.size === orders.length, 'two orders are of the same payout');
  return first.asset;
}

/** Asserts what intake has made sure of, before any question is asked about it. */
function assertOrder({ asset, units, toAddress }: TransferOrder, network: string): void {
  assert(asset.network === network, `the order is not of ${network}`);
  assert(units > 0n && units < 2n ** 64n, 'the amount is out of range');
  assert(addressBytes(toAddress).length === 32, 'the recipient is an address');
  assert(toAddress !== mintOf(asset), 'the recipient is the token itself');
}

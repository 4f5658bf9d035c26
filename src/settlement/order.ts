import { present } from '../base/assert.ts';
import type { Asset, NetworkId, Token } from '../money/asset.ts';
import type { TransferOrder } from '../networks/network.ts';

/**
 * QUEUED: nothing signed is alive. IN_FLIGHT: `fence` names the chain resource that its live
 * attempts share. PAID and REFUSED are proven and final.
 */
export type OrderState = 'QUEUED' | 'IN_FLIGHT' | 'PAID' | 'REFUSED';

/** A payout as settlement keeps it. `units` are the asset's own on this network. */
export interface Order {
  readonly network: NetworkId;
  readonly payoutId: string;
  readonly businessId: string;
  readonly token: Token;
  readonly units: bigint;
  readonly toAddress: string;
  readonly state: OrderState;
  readonly fence: string | null;
  readonly claimToken: bigint;
  readonly transactionHash: string | null;
  readonly info: string | null;
  readonly version: number;
  /** Of the request that created the payout; null where that had none. */
  readonly traceId: string | null;
}

/** Gives the asset of a token on a network, from the registry. */
export type AssetOf = (network: NetworkId, token: Token) => Asset | undefined;

/** The order as a network driver needs it. */
export function toTransferOrder(
  order: Pick<Order, 'network' | 'payoutId' | 'token' | 'units' | 'toAddress'>,
  assetOf: AssetOf,
): TransferOrder {
  const asset = assetOf(order.network, order.token);
  return {
    payoutId: order.payoutId,
    asset: present(asset, `${order.token} on ${order.network} is in the registry`),
    units: order.units,
    toAddress: order.toAddress,
  };
}

import { assert } from '../../base/assert.ts';
import type { NetworkId } from '../../money/asset.ts';
import type { AttemptToFollow, TransferOrder } from '../network.ts';
import { fenceOf, readAuthority, type Batch, type TreasuryPlace } from './batch.ts';
import type { Hex } from './read-answer.ts';
import { contractOf, lowerAddress } from './token.ts';

/** An attempt whose authority says exactly what its row says. Addresses in lower case. */
export interface FollowedBatch {
  readonly place: TreasuryPlace;
  readonly batch: Batch;
  readonly digest: Hex;
  /** In the order of the batch's items. */
  readonly orders: readonly TransferOrder[];
  readonly sinceBlock: bigint;
  /** Newest first. */
  readonly transactionHashes: readonly Hex[];
}

/**
 * Reads an attempt back from its stored authority. Throws where the row and the authority disagree:
 * the fate of one batch must never be told of another.
 */
export async function readFollowedBatch(
  attempt: AttemptToFollow,
  chain: { readonly network: NetworkId; readonly chainId: number },
): Promise<FollowedBatch> {
  const { orders, sinceBlock } = attempt;
  const place = { chainId: chain.chainId, treasury: lowerAddress(attempt.payer) };
  const { batch, digest, signer } = await readAuthority(attempt.authority, place);
  // The chain id and the treasury are part of the digest, so another place has another signer.
  assert(signer === place.treasury, 'the authority is not signed by its treasury for this chain');
  assert(attempt.authorityHash === digest, 'the stored digest is not of the authority');
  const fence = fenceOf(place.treasury, batch.batchId);
  assert(attempt.fence === fence, 'the stored fence is not of the authority');
  assertDeadline(attempt.validUntil, batch.deadline);
  assert(sinceBlock >= 0n, 'the first block is below zero');
  for (const order of orders) {
    assert(order.asset.network === chain.network, `the attempt is not of ${chain.network}`);
  }
  assertPays(batch, orders);
  return {
    place,
    batch,
    digest,
    orders,
    sinceBlock,
    transactionHashes: attempt.transactionHashes.map(readTransactionHash),
  };
}

/** Asserts that a batch pays exactly these orders, in their order: token, recipients and amounts. */
export function assertPays(batch: Batch, orders: readonly TransferOrder[]): void {
  assert(batch.items.length === orders.length, 'the batch pays another number of orders');
  const payoutIds = new Set(orders.map(({ payoutId }) => payoutId));
  assert(payoutIds.size === orders.length, 'the batch pays a payout twice');
  for (const [index, order] of orders.entries()) {
    const item = batch.items[index];
    assert(contractOf(order.asset) === batch.token, 'the batch moves another token');
    assert(item?.to === lowerAddress(order.toAddress), 'the batch pays another recipient');
    assert(item.units === order.units, 'the batch pays another amount');
  }
}

function assertDeadline(validUntil: Date | null, deadline: bigint): void {
  assert(validUntil !== null, 'a batch has a deadline');
  const isSame = BigInt(validUntil.getTime()) === deadline * 1_000n;
  assert(isSame, 'the stored deadline is not of the authority');
}

function readTransactionHash(text: string): Hex {
  assert(/^0x[0-9a-fA-F]{64}$/.test(text), 'not a transaction hash');
  return text.toLowerCase() as Hex;
}

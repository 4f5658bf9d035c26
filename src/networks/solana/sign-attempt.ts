import { bytesToHex } from '@noble/hashes/utils.js';
import { assert } from '../../base/assert.ts';
import type { SignedAttempt, SigningOrder, SigningPlan, TransferOrder } from '../network.ts';
import { UNITS_CAP } from './fees.ts';
import { readFreshBlockhash } from './fresh-blockhash.ts';
import { TRANSACTION_BYTES_LIMIT } from './message.ts';
import { mintOf } from './mint-of.ts';
import { assetOfOrders } from './orders-of-attempt.ts';
import { signMessage, type Payer } from './payer.ts';
import { encodePayoutMessage, readPayoutMessage, type PayoutTransfer } from './payout-message.ts';
import { associatedTokenAddress } from './programs.ts';

/** What inspecting has found out, for signing. Payouts by their identifier. */
export interface TransferPlan {
  readonly unitLimit: bigint;
  readonly unitPrice: bigint;
  /** Those for whose wallet a token account is opened. */
  readonly opening: readonly string[];
  /** Those that name a token account themselves. */
  readonly direct: readonly string[];
}

export function toSigningPlan(plan: TransferPlan): SigningPlan {
  return { ...plan };
}

/** Signs one transaction that pays all orders, or none of them. */
export async function signAttempt(payer: Payer, order: SigningOrder): Promise<SignedAttempt> {
  const { orders, lane } = order;
  const { treasury, network } = payer;
  assert(lane.sender === treasury, 'the treasury sends what it signs');
  const asset = assetOfOrders(orders, network);
  const plan = readPlan(order.plan);
  assert(plan.unitLimit > 0n && plan.unitLimit <= UNITS_CAP, 'the units are out of range');
  assert(plan.unitPrice <= payer.policy.unitPriceCeiling, 'the price of a unit is out of range');
  const transfers = orders.map((it) => transferOf(it, plan));
  const { unitLimit, unitPrice } = plan;
  const common = { treasury, mint: mintOf(asset), decimals: asset.decimals, unitLimit, unitPrice };
  // Last, so that the blockhash is as new as can be when the bytes are sent.
  const { block, validUntilBlock } = await readFreshBlockhash(payer.pool);
  const authority = encodePayoutMessage({ ...common, blockhash: block.hash, transfers });
  assertReadsBack(authority);
  const { signature, rawTransaction } = await signMessage(payer, authority);
  assert(rawTransaction.length <= TRANSACTION_BYTES_LIMIT, 'the transaction is too large');
  return {
    fence: signature,
    payer: treasury,
    authority,
    authorityHash: signature,
    validUntil: null,
    validUntilBlock,
    sinceBlock: block.number,
    payoutIds: orders.map(({ payoutId }) => payoutId),
    transaction: { ...lane, transactionHash: signature, rawTransaction, spends: [] },
  };
}

function transferOf(order: TransferOrder, plan: TransferPlan): PayoutTransfer {
  const { payoutId, toAddress, asset, units } = order;
  const direct = plan.direct.includes(payoutId);
  const destination = direct ? toAddress : associatedTokenAddress(toAddress, mintOf(asset));
  const opensFor = plan.opening.includes(payoutId) ? toAddress : null;
  assert(!direct || opensFor === null, 'an account that a payout names is not opened');
  return { payoutId, destination, direct, opensFor, units };
}

function readPlan(plan: SigningPlan): TransferPlan {
  const { unitLimit, unitPrice, opening, direct } = plan;
  const isWhole =
    typeof unitLimit === 'bigint' &&
    typeof unitPrice === 'bigint' &&
    typeof opening === 'object' &&
    typeof direct === 'object';
  assert(isWhole, 'the plan is of an inspection');
  return { unitLimit, unitPrice, opening, direct };
}

/** What cannot be read back could not be followed. */
function assertReadsBack(authority: Uint8Array): void {
  const again = encodePayoutMessage(readPayoutMessage(authority));
  assert(bytesToHex(again) === bytesToHex(authority), 'the message reads back as it is');
}

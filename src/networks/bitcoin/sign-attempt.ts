import { assert, present } from '../../base/assert.ts';
import type { NewTransaction, SignedAttempt, SigningOrder } from '../network.ts';
import { assertPays, authorityOf, carriedBy, outputsOf } from './attempt.ts';
import { readPlan } from './batch-plan.ts';
import { readHead } from './chain-state.ts';
import type { Payer } from './payer.ts';
import { foreseenWeight, mostFee } from './plan-batch.ts';
import { postponing } from './postponing.ts';
import { signPayment, type SignedPayment } from './sign-inputs.ts';

/** Signs one transaction that pays all orders: its outputs in their order, then the change. */
export async function signAttempt(payer: Payer, order: SigningOrder): Promise<SignedAttempt> {
  const { key, pool, fees, confirmations } = payer;
  const { orders, lane, number } = order;
  assert(lane.sender === key.address, 'the lane is of another sender');
  assert(lane.sequence >= 0n && number >= 0n, 'a number is negative');
  const { coins, change, satPerKvb } = readPlan(order.plan);
  assert(satPerKvb <= fees.ceilingSatPerKvb, 'the fee rate is above the ceiling');
  const head = await postponing(async () => await readHead(pool, confirmations));
  const payments = outputsOf(orders);
  const outputs = [...payments, ...change.map((units) => ({ units, script: key.script }))];
  const weight = foreseenWeight(key.kind, coins.length, outputs);
  const mostFeeUnits = mostFee(key, weight, { ...fees, satPerKvb });
  const signed = await signPayment(key, { coins, outputs, mostFeeUnits });
  const { transaction } = signed;
  // What the bytes say, and not what was meant by them, becomes the attempt's name.
  assertPays(transaction.outputs, orders, key.script);
  const carried = carriedBy(transaction, key.script);
  assert(carried.fence === present(coins[0], 'there are coins').outpoint, 'the fence is another');
  return {
    ...carried,
    payer: key.address,
    authority: authorityOf(transaction),
    validUntil: null,
    validUntilBlock: null,
    // It can lie in a block that takes the place of the newest, and in none that is final already.
    sinceBlock: BigInt(head.final.height) + 1n,
    payoutIds: orders.map(({ payoutId }) => payoutId),
    transaction: asNewTransaction(signed, lane),
  };
}

export function asNewTransaction(
  { transaction, rawTransaction }: SignedPayment,
  lane: SigningOrder['lane'],
): NewTransaction {
  return {
    sender: lane.sender,
    sequence: lane.sequence,
    transactionHash: transaction.txid,
    rawTransaction,
    spends: transaction.spends,
  };
}

import { assert } from '../../base/assert.ts';
import { Fault, validationFault } from '../../base/fault.ts';
import { momentOfId, type IdSource } from '../../base/id.ts';
import {
  answerFor,
  type IdempotentRequest,
  type KeptAnswer,
  type NewAnswer,
} from '../idempotency.ts';
import type { Outcome, PayoutOrder } from '../payout-order.ts';
import type { Payout } from '../payout.ts';
import {
  accountName,
  keyName,
  referenceName,
  type Standing,
  type StandingAccount,
} from './standing.ts';

/** What becomes of an order. */
export type Decision =
  /** It is created, if the batch can be written. */
  | { readonly kind: 'accepted'; readonly accepted: Accepted }
  /** By what is committed: it is the outcome, whatever becomes of the batch. */
  | { readonly kind: 'final'; readonly outcome: Outcome }
  /** By an order before it in the batch: it is the outcome if the batch is written. */
  | { readonly kind: 'following'; readonly outcome: Outcome }
  /** What orders before it in the batch leave of its account is too little. */
  | {
      readonly kind: 'short';
      readonly accountId: string;
      readonly missingUnits: bigint;
      readonly outcome: Outcome;
    };

/** An order, and the payout that it becomes. */
export interface Accepted {
  readonly order: PayoutOrder;
  readonly payout: Payout;
  readonly itemId: string;
  readonly answer: NewAnswer | undefined;
}

export interface Decisions {
  /** One for each order. */
  readonly decisions: readonly Decision[];
  /** Ledger units that the batch leaves of each account that it changes, if nothing else changes it. */
  readonly leftUnits: ReadonlyMap<string, bigint>;
}

/**
 * Decides each order in the order given, as if each had come alone: by what is committed and by what
 * those before it will have done. Writes nothing. What an order meets first decides: its
 * Idempotency-Key, its reference, its account, its balance.
 */
export function decideOrders(
  orders: readonly PayoutOrder[],
  standing: Standing,
  ids: IdSource,
): Decisions {
  const batch: Batch = {
    standing,
    ids,
    accounts: new Map(),
    references: new Set(),
    answers: new Map(),
  };
  const decisions = orders.map((order): Decision => {
    try {
      return decide(order, batch);
    } catch (error) {
      // What goes wrong with one order is that order's alone.
      return { kind: 'final', outcome: { kind: 'failed', error } };
    }
  });
  return { decisions, leftUnits: batch.accounts };
}

/** What the orders accepted so far will have done. */
interface Batch {
  readonly standing: Standing;
  readonly ids: IdSource;
  /** What is left of accounts, by id. */
  readonly accounts: Map<string, bigint>;
  readonly references: Set<string>;
  readonly answers: Map<string, KeptAnswer>;
}

function decide(order: PayoutOrder, batch: Batch): Decision {
  return byKey(order, batch) ?? byReference(order, batch) ?? byAccount(order, batch);
}

function byKey(order: PayoutOrder, batch: Batch): Decision | undefined {
  if (order.idempotency === undefined) return undefined;
  const { request } = order.idempotency;
  const name = keyName(request.businessId, request.key);
  const committed = batch.standing.answers.get(name);
  if (committed !== undefined) return { kind: 'final', outcome: replayOf(request, committed) };
  const coming = batch.answers.get(name);
  return coming && { kind: 'following', outcome: replayOf(request, coming) };
}

function replayOf(request: IdempotentRequest, kept: KeptAnswer): Outcome {
  try {
    return { kind: 'replayed', answer: answerFor(request, kept) };
  } catch (error) {
    if (error instanceof Fault) return { kind: 'refused', fault: error };
    throw error;
  }
}

function byReference(order: PayoutOrder, batch: Batch): Decision | undefined {
  if (order.merchantReference === null) return undefined;
  const name = referenceName(order.requester.businessId, order.merchantReference);
  const isCommitted = batch.standing.references.has(name);
  if (!isCommitted && !batch.references.has(name)) return undefined;
  const fault = validationFault({
    merchantReference: ['The merchant reference has already been taken.'],
  });
  return { kind: isCommitted ? 'final' : 'following', outcome: { kind: 'refused', fault } };
}

function byAccount(order: PayoutOrder, batch: Batch): Decision {
  const account = batch.standing.accounts.get(accountName(order));
  if (account === undefined) {
    const fault = new Fault('API_ACCOUNT_NOT_FOUND', 'Wallet not found for the specified token');
    return { kind: 'final', outcome: { kind: 'refused', fault } };
  }
  const { accountId, availableUnits } = account;
  const leftUnits = batch.accounts.get(accountId);
  const missingUnits = order.units - (leftUnits ?? availableUnits);
  if (missingUnits <= 0n) return accept(order, account, batch);
  const fault = new Fault('INSUFFICIENT_BALANCE', 'Insufficient balance');
  const outcome: Outcome = { kind: 'refused', fault };
  if (leftUnits === undefined) return { kind: 'final', outcome };
  return { kind: 'short', accountId, missingUnits, outcome };
}

function accept(order: PayoutOrder, account: StandingAccount, batch: Batch): Decision {
  const { accountId, availableUnits } = account;
  const payout = newPayout(order, batch.ids.next(), accountId);
  const itemId = batch.ids.next();
  const answer = answerOf(order, payout);
  const { businessId, merchantReference } = payout;
  const leftUnits = batch.accounts.get(accountId) ?? availableUnits;
  batch.accounts.set(accountId, leftUnits - order.units);
  if (merchantReference !== null)
    batch.references.add(referenceName(businessId, merchantReference));
  if (answer !== undefined) batch.answers.set(keyName(answer.businessId, answer.key), answer);
  return { kind: 'accepted', accepted: { order, payout, itemId, answer } };
}

function newPayout(order: PayoutOrder, payoutId: string, apiAccountId: string): Payout {
  assert(order.units > 0n, 'a payout is greater than zero');
  const createdAt = momentOfId(payoutId);
  return {
    businessId: order.requester.businessId,
    payoutId,
    userId: order.requester.userId,
    apiAccountId,
    network: order.network,
    token: order.token,
    units: order.units,
    toAddress: order.toAddress,
    merchantReference: order.merchantReference,
    status: 'PENDING',
    transactionHash: null,
    info: null,
    createdAt,
    updatedAt: createdAt,
  };
}

function answerOf(order: PayoutOrder, payout: Payout): NewAnswer | undefined {
  if (order.idempotency === undefined) return undefined;
  const { request, render } = order.idempotency;
  return { ...request, answer: render(payout), at: payout.createdAt };
}

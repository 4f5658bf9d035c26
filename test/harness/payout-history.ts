import type { Token } from '../../src/money/asset.ts';
import type { PayoutOrder } from '../../src/payouts/payout-order.ts';

/** What a caller saw become of an order, or what else changed an account. */
export type Observed =
  | { readonly kind: 'created'; readonly payoutId: string }
  | { readonly kind: 'replayed'; readonly payoutId: string }
  | { readonly kind: 'refused'; readonly code: string };

export interface OrderStep {
  readonly kind: 'order';
  readonly order: PayoutOrder;
  readonly observed: Observed;
}

/** Units that an account's payouts may take besides: by a release or by funding. */
export interface UnitsStep {
  readonly kind: 'units';
  readonly businessId: string;
  readonly token: Token;
  readonly units: bigint;
}

/** Something that happened at one moment between its begin and its end, both counted in one row. */
export type Step = (OrderStep | UnitsStep) & { readonly begin: number; readonly end: number };

/** Payouts as they are taken in one at a time: all that decides, in the plainest words. */
export interface OneAtATime {
  readonly available: Map<string, bigint>;
  readonly references: Set<string>;
  /** The payout that a key created, and for which request. */
  readonly keys: Map<string, { readonly payoutId: string; readonly requestHash: string }>;
}

export function accountOf({ businessId, token }: { businessId: string; token: Token }): string {
  return `${businessId} ${token}`;
}

/** What an order meets; undefined where it is created. */
export function expectedOf(model: OneAtATime, order: PayoutOrder): Observed | undefined {
  const { businessId } = order.requester;
  const request = order.idempotency?.request;
  const first = request && model.keys.get(`${businessId} ${request.key}`);
  if (first !== undefined) {
    const isSame = first.requestHash === hashOf(request?.requestHash);
    return isSame
      ? { kind: 'replayed', payoutId: first.payoutId }
      : refused('IDEMPOTENCY_KEY_REUSED');
  }
  const { merchantReference } = order;
  const isTaken = model.references.has(`${businessId} ${merchantReference ?? ''}`);
  if (merchantReference !== null && isTaken) return refused('VALIDATION_FAILED');
  const available = model.available.get(accountOf({ businessId, token: order.token }));
  if (available === undefined) return refused('API_ACCOUNT_NOT_FOUND');
  return available < order.units ? refused('INSUFFICIENT_BALANCE') : undefined;
}

function refused(code: string): Observed {
  return { kind: 'refused', code };
}

function hashOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

/** Does the step, and says whether what was observed is what the model would have answered. */
export function agrees(model: OneAtATime, step: OrderStep | UnitsStep): boolean {
  if (step.kind === 'units') {
    const account = accountOf(step);
    model.available.set(account, (model.available.get(account) ?? 0n) + step.units);
    return true;
  }
  const { order, observed } = step;
  const expected = expectedOf(model, order);
  if (expected !== undefined) return same(expected, observed);
  if (observed.kind !== 'created') return false;
  const { businessId } = order.requester;
  const account = accountOf({ businessId, token: order.token });
  model.available.set(account, (model.available.get(account) ?? 0n) - order.units);
  if (order.merchantReference !== null) {
    model.references.add(`${businessId} ${order.merchantReference}`);
  }
  const request = order.idempotency?.request;
  if (request !== undefined) {
    const { payoutId } = observed;
    model.keys.set(`${businessId} ${request.key}`, {
      payoutId,
      requestHash: hashOf(request.requestHash),
    });
  }
  return true;
}

function same(one: Observed, other: Observed): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function copyOf(model: OneAtATime): OneAtATime {
  return {
    available: new Map(model.available),
    references: new Set(model.references),
    keys: new Map(model.keys),
  };
}

/**
 * Whether some order of the steps, in which none comes before one that had ended when it began, is what
 * the model would have answered one at a time. What a set of steps leaves behind does not depend on their order, so each
 * set is tried once.
 */
export function isExplained(start: OneAtATime, steps: readonly Step[]): boolean {
  const tried = new Set<string>();
  const search = (model: OneAtATime, left: readonly Step[]): boolean => {
    if (left.length === 0) return true;
    const name = left.map(({ begin }) => begin).join();
    if (tried.has(name)) return false;
    tried.add(name);
    const firstEnd = Math.min(...left.map(({ end }) => end));
    return left.some((step) => {
      if (step.begin > firstEnd) return false;
      const next = copyOf(model);
      return (
        agrees(next, step) &&
        search(
          next,
          left.filter((other) => other !== step),
        )
      );
    });
  };
  return search(start, steps);
}

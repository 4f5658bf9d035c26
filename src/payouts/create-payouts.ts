import { present } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { IdSource } from '../base/id.ts';
import type { Queryable } from '../database/database.ts';
import { hadNoEffect, isRace, isUnavailable } from '../database/sql-failure.ts';
import { findPayouts } from './find-payouts.ts';
import { decideOrders, type Accepted, type Decision } from './internal/decide-orders.ts';
import { readStanding } from './internal/standing.ts';
import { writingBatch, type LeftRow } from './internal/write-batch.ts';
import type { Outcome, PayoutOrder } from './payout-order.ts';

export interface CreateDeps {
  readonly database: Queryable;
  readonly ids: IdSource;
  /** With a clock, what became of a statement whose answer was lost is waited for, for some seconds. */
  readonly clock?: Pick<Clock, 'sleep'>;
  /** Told how long each write took. */
  readonly onWritten?: (seconds: number) => void;
}

/**
 * The one place that creates payouts: any number, of any businesses. Two statements: the first reads what
 * decides over the orders; each is then decided in the order given, as if it had come alone; the second
 * writes what was accepted, and is a transaction by itself. No lock is held in between. Where what was read
 * has changed by then so that it matters, a constraint refuses the second statement, nothing was done,
 * and all is read and decided anew.
 *
 * Gives an outcome for each order; never rejects. A created payout is committed, with its history, the
 * audit of the caller, the kept answer, the work for settlement and the hold.
 */
export async function createPayouts(
  deps: CreateDeps,
  orders: readonly PayoutOrder[],
): Promise<readonly Outcome[]> {
  const tickets = orders.map((order): Ticket => ({ order, outcome: undefined }));
  await serve(deps, tickets);
  return tickets.map(({ outcome }) => present(outcome, 'an order has an outcome'));
}

interface Ticket {
  readonly order: PayoutOrder;
  outcome: Outcome | undefined;
}

/** What others do at the same moment can be in the way of a batch so often before it is halved. */
const MAX_RACES_TOGETHER = 3;
const MAX_RACES_ALONE = 20;

/** Until each has its outcome. The orders of a business keep their order. */
async function serve(deps: CreateDeps, tickets: readonly Ticket[]): Promise<void> {
  const maxRaces = tickets.length > 1 ? MAX_RACES_TOGETHER : MAX_RACES_ALONE;
  let open = tickets;
  for (let races = 0; open.length > 0;) {
    const failure = await tryTogether(deps, open);
    if (failure !== undefined) {
      races += 1;
      if (!isRace(failure.error) || races >= maxRaces) {
        await divide(deps, open, failure.error);
        return;
      }
    }
    open = open.filter(({ outcome }) => outcome === undefined);
  }
}

/**
 * A batch that cannot be written holds an order that cannot: it is found by halving, and the others are
 * created. Where the database cannot work at all, none can.
 */
async function divide(deps: CreateDeps, tickets: readonly Ticket[], error: unknown): Promise<void> {
  if (tickets.length === 1 || (isUnavailable(error) && !isRace(error))) {
    for (const ticket of tickets) ticket.outcome = failed(error);
    return;
  }
  const middle = Math.ceil(tickets.length / 2);
  await serve(deps, tickets.slice(0, middle));
  await serve(deps, tickets.slice(middle));
}

/**
 * One read, one write. Sets the outcomes that it finds, at least one; or gives the error because of
 * which nothing was done.
 */
async function tryTogether(
  deps: CreateDeps,
  tickets: readonly Ticket[],
): Promise<{ readonly error: unknown } | undefined> {
  const orders = tickets.map(({ order }) => order);
  let written: Written | undefined;
  let decided: ReturnType<typeof decideOrders>;
  try {
    decided = decideOrders(orders, await readStanding(deps.database, orders), deps.ids);
    const accepted = decided.decisions.flatMap((decision) =>
      decision.kind === 'accepted' ? decision.accepted : [],
    );
    if (accepted.length > 0) written = await write(deps, accepted);
  } catch (error) {
    return { error };
  }
  for (const [index, ticket] of tickets.entries()) {
    const decision = decided.decisions[index];
    if (decision !== undefined) ticket.outcome = outcomeOf(decision, decided.leftUnits, written);
  }
  return undefined;
}

type Written =
  /** `left`: of each account, by id, in ledger units. */
  | { readonly kind: 'written'; readonly left: ReadonlyMap<string, bigint> }
  /** The answer was lost; all of it was found. */
  | { readonly kind: 'found' }
  /** The answer was lost, and what was found, by the payouts' ids, is not all. */
  | { readonly kind: 'unknown'; readonly found: ReadonlySet<string>; readonly cause: unknown };

/** Throws where the statement had no effect. */
async function write(deps: CreateDeps, accepted: readonly Accepted[]): Promise<Written> {
  const { text, values } = writingBatch(accepted);
  const startedMs = performance.now();
  try {
    const rows = await deps.database.query<LeftRow>(text, values, { isRepeated: true });
    deps.onWritten?.((performance.now() - startedMs) / 1000);
    const left = new Map(rows.map((row) => [row.account_id, row.available_units]));
    return { kind: 'written', left };
  } catch (error) {
    if (hadNoEffect(error)) throw error;
    const found = await lookFor(deps, accepted);
    return found.size === accepted.length
      ? { kind: 'found' }
      : { kind: 'unknown', found, cause: error };
  }
}

/** Undefined where the order must be decided anew, by what is committed now. */
function outcomeOf(
  decision: Decision,
  expected: ReadonlyMap<string, bigint>,
  written: Written | undefined,
): Outcome | undefined {
  if (decision.kind === 'final') return decision.outcome;
  if (written?.kind !== 'written' && written?.kind !== 'found') {
    return outcomeOfUnknown(decision, written);
  }
  switch (decision.kind) {
    case 'accepted':
      return { kind: 'created', payout: decision.accepted.payout };
    case 'following':
      return decision.outcome;
    case 'short':
      return isStillShort(decision, expected, written) ? decision.outcome : undefined;
  }
}

/** What follows from an order of which nobody knows is not known either. */
function outcomeOfUnknown(decision: Decision, written: Written | undefined): Outcome {
  if (decision.kind === 'accepted' && written?.kind === 'unknown') {
    const { payout } = decision.accepted;
    if (written.found.has(payout.payoutId)) return { kind: 'created', payout };
  }
  const fault = new Fault(
    'UNAVAILABLE',
    'The payout may or may not have been created. Ask again with the same Idempotency-Key or merchantReference.',
    { cause: written?.kind === 'unknown' ? written.cause : undefined },
  );
  return { kind: 'unknown', fault };
}

/** Units that came to the account before the write, from elsewhere, were not seen by the decision. */
function isStillShort(
  { accountId, missingUnits }: Decision & { kind: 'short' },
  expected: ReadonlyMap<string, bigint>,
  written: Written,
): boolean {
  const left = written.kind === 'written' ? written.left.get(accountId) : undefined;
  const expectedLeft = expected.get(accountId);
  if (left === undefined || expectedLeft === undefined) return false;
  return missingUnits > left - expectedLeft;
}

/** Before each look. A statement whose connection is gone may still be at work, or its server starting. */
const PATIENCE_MS = [0, 100, 300, 600, 1000, 2000];

/** The ids of those that are there. Nothing is repeated: what is not found may still come. */
async function lookFor(deps: CreateDeps, accepted: readonly Accepted[]): Promise<Set<string>> {
  const { clock, database } = deps;
  const found = new Set<string>();
  for (const waitMs of clock === undefined ? [0] : PATIENCE_MS) {
    if (waitMs > 0) await clock?.sleep(waitMs);
    const missing = accepted.map(({ payout }) => payout).filter((p) => !found.has(p.payoutId));
    try {
      for (const { payoutId } of await findPayouts(database, missing)) found.add(payoutId);
    } catch {
      continue;
    }
    if (found.size === accepted.length) break;
  }
  return found;
}

function failed(error: unknown): Outcome {
  return { kind: 'failed', error };
}

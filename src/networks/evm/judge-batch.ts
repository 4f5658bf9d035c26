import { isDeepStrictEqual } from 'node:util';
import { assert, present } from '../../base/assert.ts';
import type { Json } from '../../base/json.ts';
import type { ItemFate, Sighting } from '../network.ts';
import { describeFailures, type FailedItem, type FailureReason } from './failure-reason.ts';
import type { FollowedBatch } from './followed-batch.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNode } from './node.ts';
import type { Hex, Receipt } from './read-answer.ts';
import { addressTopic, TRANSFER_TOPIC, transfersOf, type TransferEvent } from './token.ts';
import { treasuryEventsOf, type TreasuryEvent } from './treasury-events.ts';

/**
 * Judges a final receipt that says that the batch was carried out: the fate of every item, or a
 * doubt that only a person can resolve. An item is paid where the treasury names no failure of it
 * and the token's next Transfer out of the treasury is exactly this amount to this recipient; it
 * has moved nothing where the treasury names its failure and there is no such Transfer. Where the
 * events cannot be told off against the items in this way, one by one and in order, no item is judged.
 */
export async function judgeBatch(
  node: EvmNode,
  batch: FollowedBatch,
  receipt: Receipt,
): Promise<Extract<Sighting, { kind: 'final' | 'unknown' }>> {
  await assertWhole(node, batch, receipt);
  const outcomes = walk(batch, sectionOf(batch, receipt));
  if (typeof outcomes === 'string') {
    const reason =
      `PERSON NEEDED: ${receipt.transactionHash} has carried out the batch, but its events ` +
      `are not its orders: ${outcomes}`;
    return { kind: 'unknown', needsPerson: true, reason };
  }
  const failed = outcomes.flatMap((it) => (it.kind === 'failed' ? [it.item] : []));
  const reasons = await describeFailures(node, { batch, receipt }, failed);
  return {
    kind: 'final',
    transactionHash: receipt.transactionHash,
    block: { number: receipt.blockNumber, hash: receipt.blockHash },
    feeUnits: receipt.gasUsed * receipt.gasPriceWei,
    fates: fatesOf({ batch, receipt }, outcomes, reasons),
  };
}

/** Whether the receipt says that this very batch was carried out in it, by whoever sent it. */
export function executes(batch: FollowedBatch, receipt: Receipt): boolean {
  return executionIn(batch, treasuryEventsOf(batch.place.treasury, receipt.logs)) !== undefined;
}

function executionIn(
  { batch, digest }: FollowedBatch,
  events: readonly TreasuryEvent[],
): Extract<TreasuryEvent, { kind: 'executed' }> | undefined {
  return events
    .filter((event) => event.kind === 'executed')
    .find((event) => event.batchId === batch.batchId && event.digest === digest);
}

/**
 * A receipt that lost events could turn a payment into none, and one that mixed them up could pay
 * another item, so the log index has to agree with it.
 */
async function assertWhole(
  node: EvmNode,
  { batch, place }: FollowedBatch,
  receipt: Receipt,
): Promise<void> {
  const ofTreasury = { address: place.treasury, topics: [] };
  const transfers = {
    address: batch.token,
    topics: [TRANSFER_TOPIC, addressTopic(place.treasury)],
  };
  for (const filter of [ofTreasury, transfers]) {
    const indexed = await node.logsOf(receipt.blockHash, filter);
    const own = indexed.filter((log) => log.transactionHash === receipt.transactionHash);
    const logs = receipt.logs.filter(
      (log) =>
        log.address === filter.address &&
        filter.topics.every((topic, index) => log.topics[index] === topic),
    );
    if (!isDeepStrictEqual(own, logs)) {
      throw new RpcFailure(`${node.label}: a receipt and the log index hold different events`);
    }
  }
}

type Step =
  | { readonly kind: 'transfer'; readonly event: TransferEvent }
  | Extract<TreasuryEvent, { kind: 'item failed' | 'executed' }>;

/**
 * The events of the batch, in order: what lies after the end of the batch before it in the same
 * transaction, up to its own end. The treasury runs one batch at a time.
 */
function sectionOf(batch: FollowedBatch, receipt: Receipt): readonly Step[] {
  const { treasury } = batch.place;
  const events = treasuryEventsOf(treasury, receipt.logs);
  const end = present(
    executionIn(batch, events),
    'a batch is judged by a receipt that executes it',
  );
  const start = events
    .filter((it) => it.kind === 'executed' && it.logIndex < end.logIndex)
    .reduce((last, it) => (it.logIndex > last ? it.logIndex : last), -1n);
  const transfers = transfersOf(batch.batch.token, receipt.logs)
    // Anyone may have a token announce a transfer of nothing out of any account.
    .filter((event) => event.from === treasury && event.units > 0n)
    .map((event) => ({ kind: 'transfer', event, logIndex: event.logIndex }) as const);
  const steps = events.flatMap((it) => (it.kind === 'cancelled' ? [] : [it]));
  return [...transfers, ...steps]
    .filter(({ logIndex }) => logIndex > start && logIndex <= end.logIndex)
    .toSorted((a, b) => Number(a.logIndex - b.logIndex));
}

/** What the events say of one item. */
type Outcome =
  | { readonly kind: 'paid'; readonly event: TransferEvent }
  | { readonly kind: 'failed'; readonly item: FailedItem };

/** The outcome of each item, or what does not fit. */
function walk({ batch }: FollowedBatch, steps: readonly Step[]): readonly Outcome[] | string {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    const at = outcomes.length;
    const item = batch.items[at];
    if (step.kind === 'executed') {
      if (item !== undefined) return `item ${at} was neither paid nor did it fail`;
      const failed = outcomes.filter(({ kind }) => kind === 'failed').length;
      if (BigInt(failed) !== step.failed) return `${failed} of ${step.failed} failures are named`;
    } else if (step.kind === 'transfer') {
      const { to, units } = step.event;
      if (to !== item?.to || units !== item.units) {
        return `${units} moved to ${to} where item ${at} was due`;
      }
      outcomes.push({ kind: 'paid', event: step.event });
    } else {
      if (step.batchId !== batch.batchId || item === undefined || step.index !== BigInt(at)) {
        return `item ${step.index} is said to have failed where item ${at} was due`;
      }
      outcomes.push({ kind: 'failed', item: { ...step, ...item } });
    }
  }
  return outcomes;
}

interface Executed {
  readonly batch: FollowedBatch;
  readonly receipt: Receipt;
}

function fatesOf(
  executed: Executed,
  outcomes: readonly Outcome[],
  reasons: readonly FailureReason[],
): ItemFate[] {
  const { orders } = executed.batch;
  assert(outcomes.length === orders.length, 'every order has an outcome');
  let failures = 0;
  return orders.map(({ payoutId }, index): ItemFate => {
    const outcome = present(outcomes[index], 'every order has an outcome');
    const proof = proofOf(executed, index, outcome);
    if (outcome.kind === 'paid') return { kind: 'paid', payoutId, proof };
    const { kind, reason } = present(reasons[failures], 'every failure has a reason');
    failures += 1;
    return { kind, payoutId, reason, proof };
  });
}

/** `logIndex`: of the Transfer, or of the ItemFailed. */
function proofOf({ batch, receipt }: Executed, item: number, outcome: Outcome): Json {
  const common = {
    transactionHash: receipt.transactionHash,
    blockNumber: receipt.blockNumber.toString(),
    blockHash: receipt.blockHash,
    batchId: batch.batch.batchId.toString(),
    digest: batch.digest,
    item,
    token: batch.batch.token,
    treasury: batch.place.treasury,
  };
  if (outcome.kind === 'paid') return { ...common, ...paymentOf(outcome.event) };
  const { to, units, reverted, reason, logIndex } = outcome.item;
  return {
    ...common,
    to,
    units: units.toString(),
    logIndex: logIndex.toString(),
    reverted,
    returned: reason,
  };
}

function paymentOf({ to, units, logIndex }: TransferEvent): Record<'logIndex' | 'units', string> & {
  readonly to: Hex;
} {
  return { to, units: units.toString(), logIndex: logIndex.toString() };
}

import { decodeEventLog } from 'viem';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EventLog, Hex } from './read-answer.ts';
import {
  BATCH_CANCELLED_TOPIC,
  BATCH_EXECUTED_TOPIC,
  ITEM_FAILED_TOPIC,
  treasuryAbi,
} from './treasury-abi.ts';

/** One event of contracts/Treasury.sol, decoded. */
export type TreasuryEvent =
  | {
      readonly kind: 'executed';
      readonly batchId: bigint;
      readonly digest: Hex;
      /** As many ItemFailed events of the batch come before it. */
      readonly failed: bigint;
      readonly logIndex: bigint;
    }
  | {
      readonly kind: 'item failed';
      readonly batchId: bigint;
      readonly index: bigint;
      /** False: the token ran to its end, and did not consent. */
      readonly reverted: boolean;
      /** What the token returned, cut after 256 bytes. */
      readonly reason: Hex;
      readonly logIndex: bigint;
    }
  | { readonly kind: 'cancelled'; readonly batchId: bigint; readonly logIndex: bigint };

/**
 * The treasury's own events among `logs`, in their order. Throws where one is not shaped as the
 * contract has it. Events of other code that may have run in the account are left out.
 */
export function treasuryEventsOf(treasury: Hex, logs: readonly EventLog[]): TreasuryEvent[] {
  return logs.flatMap((log) => {
    const event = log.address === treasury ? readTreasuryEvent(log) : null;
    return event === null ? [] : [event];
  });
}

/** Null for an event that the contract does not have. */
export function readTreasuryEvent(log: EventLog): TreasuryEvent | null {
  const [topic] = log.topics;
  if (topic === undefined || !TOPICS.has(topic)) return null;
  const { logIndex } = log;
  const event = decode(log);
  switch (event.eventName) {
    case 'BatchExecuted':
      return { kind: 'executed', ...event.args, logIndex };
    case 'ItemFailed':
      return { kind: 'item failed', ...event.args, logIndex };
    case 'BatchCancelled':
      return { kind: 'cancelled', ...event.args, logIndex };
  }
}

const TOPICS: ReadonlySet<string> = new Set([
  BATCH_EXECUTED_TOPIC,
  ITEM_FAILED_TOPIC,
  BATCH_CANCELLED_TOPIC,
]);

function decode(log: EventLog) {
  try {
    const topics = log.topics as [Hex, ...Hex[]];
    return decodeEventLog({ abi: treasuryAbi, data: log.data, topics });
  } catch {
    throw new RpcFailure('an event of the treasury is malformed');
  }
}

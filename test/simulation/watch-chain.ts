import { keccak256 } from 'viem';
import { present } from '../../src/base/assert.ts';
import type { Database } from '../../src/database/database.ts';
import { EVENT_TOPIC } from '../../src/payouts/outbox-topics.ts';
import type {
  SimulatedChain,
  SimulatedPayment,
} from '../harness/simulated-chain/simulated-chain.ts';
import type { Findings } from './findings.ts';
import type { Acknowledged } from './merchant.ts';
import { isRecorded } from './watch-books.ts';

type End = 'COMPLETED' | 'FAILED';

/**
 * Compares what the chain has executed, by its own books, with what was ordered and with what merchants
 * were told, and allows nothing that the chain itself has not made true.
 */
export interface ChainWatch {
  readonly expect: (payouts: readonly Acknowledged[]) => void;
  readonly openCount: () => number;
  /** Before bytes reach a node. */
  readonly onSend: (raw: string) => Promise<void>;
  /** After each block, and after each reorganisation with the first block of the new branch. */
  readonly onBlocks: (since: bigint) => Promise<void>;
  /** After a transaction that may have ended payouts. */
  readonly onEnds: () => Promise<void>;
  /** A reorganisation beyond what was final: the blocks, by number, that nothing may be held to. */
  readonly onDeepReorg: (abandoned: { from: bigint; to: bigint }) => void;
  /** At the end: every payout against the whole chain. */
  readonly onEverythingDone: () => Promise<void>;
  readonly openIds: () => readonly string[];
  /** Whom the payouts without an end are for. */
  readonly openRecipients: () => readonly string[];
}

interface Watched extends Acknowledged {
  end: End | null;
}

export function watchChain(place: {
  readonly db: Database;
  readonly chain: SimulatedChain;
  readonly findings: Findings;
  readonly scale: bigint;
}): ChainWatch {
  const { db, chain, findings } = place;
  const payouts = new Map<string, Watched>();
  const open = new Set<string>();
  const batches = createBatches(db);
  const sent = new Set<string>();
  let payments: { payment: SimulatedPayment; payoutId: string }[] = [];
  let deep: { from: bigint; to: bigint } | null = null;

  const paymentsOf = new Map<string, SimulatedPayment[]>();
  const forget = (since: bigint): void => {
    for (const { payoutId } of payments.filter((it) => it.payment.block.number >= since)) {
      const rest = (paymentsOf.get(payoutId) ?? []).filter((it) => it.block.number < since);
      paymentsOf.set(payoutId, rest);
    }
    payments = payments.filter((it) => it.payment.block.number < since);
  };

  const excuses = createExcuses(db, () => deep);

  const note = async (payment: SimulatedPayment): Promise<void> => {
    const payoutId = await batches.payoutOf(payment);
    const where = `${payment.transactionHash} in block ${payment.block.number}`;
    const payout = payoutId === undefined ? undefined : payouts.get(payoutId);
    if (payoutId === undefined || payout === undefined) {
      findings.add('duplicates', payment.recipient, `was paid by nothing recorded, ${where}`);
      return;
    }
    payments.push({ payment, payoutId });
    const all = [...(paymentsOf.get(payoutId) ?? []), payment];
    paymentsOf.set(payoutId, all);
    if (!isExactly(payment, payout, place.scale)) {
      findings.add('imbalances', payoutId, `was paid something else, ${where}`);
    }
    if (all.length > 1 && !(await excuses.mayBePaidTwice(payoutId, all.length))) {
      findings.add('duplicates', payoutId, `was paid ${all.length} times, ${where}`);
    }
    if (payout.end === 'FAILED' && !(await excuses.mayBeWrong(payoutId))) {
      findings.add('paidButFailed', payoutId, `is FAILED and was paid, ${where}`);
    }
  };

  const checkEnd = async (payout: Watched): Promise<void> => {
    const { payoutId, end } = payout;
    const paid = paymentsOf.get(payoutId) ?? [];
    const isFinal = paid.some(({ block }) => block.number <= chain.finalized().number);
    const isRight = end === 'COMPLETED' ? isFinal : paid.length === 0;
    if (isRight || (await excuses.mayBeWrong(payoutId))) return;
    if (end === 'FAILED') findings.add('paidButFailed', payoutId, 'is FAILED and was paid');
    else findings.add('imbalances', payoutId, 'is COMPLETED and not finally paid');
  };

  return {
    expect: (added) => {
      for (const payout of added) {
        payouts.set(payout.payoutId, { ...payout, end: null });
        open.add(payout.payoutId);
      }
    },
    openCount: () => open.size,
    openIds: () => [...open],
    openRecipients: () => [...open].flatMap((payoutId) => payouts.get(payoutId)?.toAddress ?? []),
    onSend: async (raw) => {
      if (sent.has(raw)) return;
      const hash = keccak256(raw as `0x${string}`);
      if (await isRecorded(db, hash, Buffer.from(raw.slice(2), 'hex'))) sent.add(raw);
      else findings.add('duplicates', hash, 'was sent and is not recorded');
    },
    onBlocks: async (since) => {
      forget(since);
      for (const payment of chain.truth(since)) await note(payment);
    },
    onEnds: async () => {
      // The events for webhooks, read as they come: one for each payout that has ended.
      const events = await db.query<{ payload: { payoutId: string; eventType: string } }>(
        `DELETE FROM outbox_items WHERE topic = '${EVENT_TOPIC}' RETURNING payload`,
      );
      for (const { payload } of events) {
        const payout = present(payouts.get(payload.payoutId), 'an event is of a payout');
        const end = payload.eventType === 'PAYOUT_SUCCESSFUL' ? 'COMPLETED' : 'FAILED';
        if (payout.end !== null) findings.add('imbalances', payout.payoutId, 'has ended twice');
        payout.end = end;
        open.delete(payout.payoutId);
        await checkEnd(payout);
      }
    },
    onDeepReorg: (abandoned) => {
      deep = abandoned;
    },
    onEverythingDone: async () => {
      const rows = await db.query<{ payout_id: string; status: string }>(
        'SELECT payout_id, status FROM payouts',
      );
      const statuses = new Map(rows.map((row) => [row.payout_id, row.status]));
      for (const payout of payouts.values()) {
        const status = statuses.get(payout.payoutId);
        if (status === undefined) findings.add('imbalances', payout.payoutId, 'is lost');
        else if (status !== (payout.end ?? status)) {
          findings.add('imbalances', payout.payoutId, `is ${status} and was told ${payout.end}`);
        }
        if (payout.end !== null) await checkEnd(payout);
      }
      const extra = rows.filter((row) => !payouts.has(row.payout_id));
      for (const row of extra) findings.add('imbalances', row.payout_id, 'was ordered by nobody');
    },
  };
}

function isExactly(payment: SimulatedPayment, payout: Acknowledged, scale: bigint): boolean {
  return (
    payment.token === payout.token &&
    payment.units * scale === payout.units &&
    payment.recipient === payout.toAddress
  );
}

/** Which payout an item of a recorded batch pays. */
function createBatches(db: Database): {
  readonly payoutOf: (payment: SimulatedPayment) => Promise<string | undefined>;
} {
  const known = new Map<bigint, readonly string[]>();
  const load = async (batchId: bigint): Promise<readonly string[]> => {
    const rows = await db.query<{ payout_id: string }>(
      `SELECT i.payout_id FROM settlement_attempts a
       JOIN settlement_attempt_items i ON i.network = a.network AND i.attempt_id = a.attempt_id
       WHERE a.fence LIKE '%:batch:' || $1 ORDER BY i.position`,
      [batchId.toString()],
    );
    return rows.map((row) => row.payout_id);
  };
  return {
    payoutOf: async ({ batchId, item }) => {
      if (batchId === null || item === null) return undefined;
      const payoutIds = known.get(batchId) ?? (await load(batchId));
      if (payoutIds.length > 0) known.set(batchId, payoutIds);
      return payoutIds[item];
    },
  };
}

/**
 * What a reorganisation beyond finality excuses, and nothing else: a payout whose end, or the death of
 * one of whose attempts, was proven by a block that the chain has thrown away.
 */
function createExcuses(
  db: Database,
  deep: () => { from: bigint; to: bigint } | null,
): {
  readonly mayBeWrong: (payoutId: string) => Promise<boolean>;
  readonly mayBePaidTwice: (payoutId: string, times: number) => Promise<boolean>;
} {
  const brokenProofs = async (payoutId: string): Promise<number> => {
    const abandoned = deep();
    if (abandoned === null) return 0;
    const rows = await db.query<{ proof: unknown }>(
      `SELECT proof FROM settlement_attempt_items WHERE payout_id = $1 AND proof IS NOT NULL
       UNION ALL
       SELECT proof FROM settlement_orders WHERE payout_id = $1 AND proof IS NOT NULL`,
      [payoutId],
    );
    return rows.filter(({ proof }) =>
      numbersIn(proof).some((number) => number >= abandoned.from && number <= abandoned.to),
    ).length;
  };
  return {
    mayBeWrong: async (payoutId) => (await brokenProofs(payoutId)) > 0,
    mayBePaidTwice: async (payoutId, times) => (await brokenProofs(payoutId)) >= times - 1,
  };
}

/** Every block number that a proof names, at any depth. */
function numbersIn(proof: unknown, key = ''): bigint[] {
  if (typeof proof === 'object' && proof !== null) {
    return Object.entries(proof).flatMap(([name, value]: [string, unknown]) =>
      numbersIn(value, /^number$/i.test(name) && /block/i.test(key) ? 'blockNumber' : name),
    );
  }
  const isNumber = /block_?number/i.test(key) && /^\d+$/.test(String(proof));
  return isNumber ? [BigInt(String(proof))] : [];
}

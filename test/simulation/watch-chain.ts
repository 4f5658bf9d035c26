import { present } from '../../src/base/assert.ts';
import type { Database } from '../../src/database/database.ts';
import { EVENT_TOPIC } from '../../src/payouts/outbox-topics.ts';
import type { Findings } from './findings.ts';
import type { Acknowledged } from './merchant.ts';
import type { Abandoned, Payment, SentTransaction, SimulatedNetwork } from './simulated-network.ts';
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
  readonly onSend: (sent: SentTransaction) => Promise<void>;
  /** After each block, and after each reorganisation with the first block of the new branch. */
  readonly onBlocks: (since: bigint) => Promise<void>;
  /** After a transaction that may have ended payouts. */
  readonly onEnds: () => Promise<void>;
  /** A reorganisation beyond what was final: the blocks, by number, that nothing may be held to. */
  readonly onDeepReorg: (abandoned: Abandoned) => void;
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
  readonly chain: SimulatedNetwork;
  readonly findings: Findings;
  readonly scale: bigint;
}): ChainWatch {
  const { db, chain, findings } = place;
  const payouts = new Map<string, Watched>();
  const open = new Set<string>();
  const payees = chain.createPayeeFinder(db);
  const sentAlready = new Set<string>();
  let payments: { payment: Payment; payoutId: string }[] = [];
  let deep: Abandoned | null = null;

  const paymentsOf = new Map<string, Payment[]>();
  const forget = (since: bigint): void => {
    for (const { payoutId } of payments.filter((it) => it.payment.block.number >= since)) {
      const rest = (paymentsOf.get(payoutId) ?? []).filter((it) => it.block.number < since);
      paymentsOf.set(payoutId, rest);
    }
    payments = payments.filter((it) => it.payment.block.number < since);
  };

  const excuses = createExcuses({ db, chain, deep: () => deep });

  const note = async (payment: Payment): Promise<void> => {
    const payoutId = await payees.payoutOf(payment);
    const where = `${payment.transactionHash} in block ${payment.block.number}`;
    const payout = payoutId === undefined ? undefined : payouts.get(payoutId);
    if (payoutId === undefined || payout === undefined) {
      findings.add(
        'duplicates',
        payment.recipients.join(),
        `was paid by nothing recorded, ${where}`,
      );
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
    const isFinal = paid.some(({ block }) => block.number <= chain.finalNumber());
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
    onSend: async (sent) => {
      const { transactionHash, raw } = sent;
      const key = `${transactionHash} ${Buffer.from(raw).toString('hex')}`;
      if (sentAlready.has(key)) return;
      if (await isRecorded(db, transactionHash, raw)) sentAlready.add(key);
      else findings.add('duplicates', transactionHash, 'was sent and is not recorded');
      for (const words of await chain.judgeSent(db, sent)) {
        findings.add('duplicates', transactionHash, words);
      }
    },
    onBlocks: async (since) => {
      forget(since);
      for (const payment of chain.payments(since)) await note(payment);
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

function isExactly(payment: Payment, payout: Acknowledged, scale: bigint): boolean {
  return (
    payment.token === payout.token &&
    payment.units * scale === payout.units &&
    payment.recipients.includes(payout.toAddress)
  );
}

/**
 * What a reorganisation beyond finality excuses, and nothing else: a payout whose end, or the death of
 * one of whose attempts, was proven by a block that the chain has thrown away.
 */
function createExcuses(place: {
  readonly db: Database;
  readonly chain: SimulatedNetwork;
  readonly deep: () => Abandoned | null;
}): {
  readonly mayBeWrong: (payoutId: string) => Promise<boolean>;
  readonly mayBePaidTwice: (payoutId: string, times: number) => Promise<boolean>;
} {
  const brokenProofs = async (payoutId: string): Promise<number> => {
    const abandoned = place.deep();
    if (abandoned === null) return 0;
    const rows = await place.db.query<{ proof: unknown }>(
      `SELECT proof FROM settlement_attempt_items WHERE payout_id = $1 AND proof IS NOT NULL
       UNION ALL
       SELECT proof FROM settlement_orders WHERE payout_id = $1 AND proof IS NOT NULL`,
      [payoutId],
    );
    return rows.filter(({ proof }) =>
      place.chain
        .blocksOfProof(proof)
        .some((number) => number >= abandoned.from && number <= abandoned.to),
    ).length;
  };
  return {
    mayBeWrong: async (payoutId) => (await brokenProofs(payoutId)) > 0,
    mayBePaidTwice: async (payoutId, times) => (await brokenProofs(payoutId)) >= times - 1,
  };
}

import { formatUnits } from '../money/amount.ts';
import type { Asset } from '../money/asset.ts';
import type { Queryable, Tx } from '../database/database.ts';
import {
  ENDED_AT_ONCE,
  listEndedAttempts,
  noteReconciled,
  type EndedAttempt,
  type EndedItem,
} from './internal/ended-attempt-store.ts';

/** An attempt whose recorded fate the chain's transfers contradict. */
export interface Contradiction {
  readonly attemptId: string;
  /** One for each payout that is not what the chain shows. */
  readonly sentences: readonly string[];
}

interface Span {
  readonly asset: Asset;
  /** Attempts of blocks up to this one are in the opening units; their transfers are not booked. */
  readonly openedNumber: bigint;
  /** The transfers up to the end of this block are booked. */
  readonly scannedNumber: bigint;
}

/** What agrees and what does not, and what the payouts of the agreeing attempts were paid. */
export interface Ended {
  readonly paidUnits: bigint;
  readonly contradictions: readonly Contradiction[];
}

/** In one transaction, so many payouts at least where there are as many. */
const PAYOUTS_AT_ONCE = 5_000;

/**
 * Compares ended attempts with the transfers that are booked: the payouts held for paid are those for
 * which a transfer was found, no more and no fewer. Notes those that agree; they are not looked at
 * again. `paidUnits`: of their payouts. Page after page, because where each attempt pays one payout more
 * of them end between two rounds than a page holds.
 */
export async function checkEnded(tx: Tx, span: Span & { readonly at: Date }): Promise<Ended> {
  const contradictions = new Map<string, Contradiction>();
  let paidUnits = 0n;
  let payouts = 0;
  for (;;) {
    const { network, token } = span.asset;
    const ended = await listEndedAttempts(tx, { network, token, upTo: span.scannedNumber });
    const agreeing = ended.filter((attempt) => contradictionsOf(attempt, span).length === 0);
    await noteAgreeing(tx, span, agreeing);
    paidUnits += paidUnitsOf(agreeing, span);
    // Those that do not agree come again with each page.
    for (const found of collect(ended, span)) contradictions.set(found.attemptId, found);
    payouts += agreeing.reduce((sum, { items }) => sum + items.length, 0);
    const isMore = ended.length === ENDED_AT_ONCE && agreeing.length > 0;
    if (!isMore || payouts >= PAYOUTS_AT_ONCE) break;
  }
  return { paidUnits, contradictions: [...contradictions.values()] };
}

async function noteAgreeing(
  tx: Tx,
  span: Span & { readonly at: Date },
  agreeing: readonly EndedAttempt[],
): Promise<void> {
  await noteReconciled(tx, {
    network: span.asset.network,
    attemptIds: agreeing.map(({ attemptId }) => attemptId),
    at: span.at,
  });
}

function paidUnitsOf(agreeing: readonly EndedAttempt[], span: Span): bigint {
  return agreeing
    .filter((attempt) => !isBefore(attempt, span))
    .flatMap(({ items }) => items.filter(({ fate }) => fate === 'PAID'))
    .reduce((sum, { units }) => sum + units, 0n);
}

/** The same comparison, without a note. */
export async function findContradictions(db: Queryable, span: Span): Promise<Contradiction[]> {
  const { network, token } = span.asset;
  return collect(await listEndedAttempts(db, { network, token, upTo: span.scannedNumber }), span);
}

function collect(ended: readonly EndedAttempt[], span: Span): Contradiction[] {
  return ended
    .map((attempt) => ({
      attemptId: attempt.attemptId,
      sentences: contradictionsOf(attempt, span),
    }))
    .filter(({ sentences }) => sentences.length > 0);
}

function contradictionsOf(attempt: EndedAttempt, span: Span): string[] {
  if (isBefore(attempt, span)) return [];
  return attempt.items.flatMap((item) => {
    if ((item.fate === 'PAID') === (item.movedBy !== null)) return [];
    return [sentenceOf(attempt, item, span.asset)];
  });
}

function isBefore({ blockNumber }: EndedAttempt, { openedNumber }: Span): boolean {
  return blockNumber !== null && blockNumber <= openedNumber;
}

function sentenceOf(attempt: EndedAttempt, item: EndedItem, asset: Asset): string {
  const { payoutId, fate, movedBy, toAddress } = item;
  const amount = `${formatUnits(item.units, asset.decimals)} ${asset.token}`;
  return movedBy === null
    ? `payout ${payoutId} is recorded as paid by transaction ${attempt.transactionHash}, which moved no ${amount} to ${toAddress}`
    : `transaction ${movedBy} moved ${amount} to ${toAddress} for payout ${payoutId}, which is recorded as ${fate}`;
}

import { formatUnits } from '../money/amount.ts';
import type { Asset } from '../money/asset.ts';
import type { Queryable, Tx } from '../database/database.ts';
import {
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

/**
 * Compares ended attempts with the transfers that are booked: the payouts held for paid are those for
 * which a transfer was found, no more and no fewer. Notes those that agree; they are not looked at
 * again. `paidUnits`: of their payouts.
 */
export async function checkEnded(
  tx: Tx,
  span: Span & { readonly at: Date },
): Promise<{ paidUnits: bigint; contradictions: Contradiction[] }> {
  const { network, token } = span.asset;
  const ended = await listEndedAttempts(tx, { network, token, upTo: span.scannedNumber });
  const agreeing = ended.filter((attempt) => contradictionsOf(attempt, span).length === 0);
  await noteReconciled(tx, {
    network,
    attemptIds: agreeing.map(({ attemptId }) => attemptId),
    at: span.at,
  });
  const paid = agreeing
    .filter((attempt) => !isBefore(attempt, span))
    .flatMap(({ items }) => items.filter(({ fate }) => fate === 'PAID'));
  return {
    paidUnits: paid.reduce((sum, { units }) => sum + units, 0n),
    contradictions: collect(ended, span),
  };
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

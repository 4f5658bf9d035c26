import { InvalidArgumentError } from 'commander';
import { isUuid } from '../base/id.ts';
import { LEDGER_DECIMALS, parseUnits } from '../money/amount.ts';
import {
  isNetworkId,
  isToken,
  NETWORK_IDS,
  TOKENS,
  type NetworkId,
  type Token,
} from '../money/asset.ts';
import type { PayoutEventType } from '../payouts/outbox-topics.ts';

/** Of a larger amount is meant something else; twenty digits and 18 decimals fit every column. */
const MAX_WHOLE_DIGITS = 20;

/** In lower case, as the database gives it. */
export function parseId(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError('It must be a UUID.');
  return text.toLowerCase();
}

export function parseToken(text: string): Token {
  if (isToken(text)) return text;
  throw new InvalidArgumentError(`It must be one of ${TOKENS.join(', ')}.`);
}

export function parseNetwork(text: string): NetworkId {
  if (isNetworkId(text)) return text;
  throw new InvalidArgumentError(`It must be one of ${NETWORK_IDS.join(', ')}.`);
}

/** A decimal amount, exactly, in ledger units (10^-18). */
export function parseAmount(text: string): bigint {
  const units = parseUnits(text, LEDGER_DECIMALS);
  if (units === 'NOT_A_NUMBER') throw new InvalidArgumentError('It must be a decimal number.');
  if (units === 'TOO_MANY_DECIMALS') {
    throw new InvalidArgumentError(`It may have ${LEDGER_DECIMALS} decimals.`);
  }
  if (units === 'TOO_LARGE' || units >= 10n ** BigInt(MAX_WHOLE_DIGITS + LEDGER_DECIMALS)) {
    throw new InvalidArgumentError('It is too large.');
  }
  if (units <= 0n) throw new InvalidArgumentError('It must be greater than zero.');
  return units;
}

/** RFC 3339 with its offset: a time without one would mean another moment on another machine. */
export function parseMoment(text: string): Date {
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d([.]\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;
  const moment = new Date(form.test(text) ? text : Number.NaN);
  if (!Number.isNaN(moment.getTime())) return moment;
  throw new InvalidArgumentError('It must be a time such as 2026-01-31T13:45:00Z.');
}

export function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= 1000) return limit;
  throw new InvalidArgumentError('It must be a number from 1 to 1000.');
}

/** An option that may be given several times, each time with one or more values. */
export function collect(text: string, before: readonly string[] = []): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...before, ...parts.filter((part) => part !== '')];
}

export function collectEventTypes(
  text: string,
  before: readonly PayoutEventType[] = [],
): PayoutEventType[] {
  const types = collect(text).map((type): PayoutEventType => {
    if (type === 'PAYOUT_SUCCESSFUL' || type === 'PAYOUT_FAILED') return type;
    throw new InvalidArgumentError('It must be PAYOUT_SUCCESSFUL or PAYOUT_FAILED.');
  });
  return [...before, ...types];
}

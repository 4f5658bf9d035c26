import { assert } from '../base/assert.ts';

/**
 * The ledger keeps every token with 18 digits after the point, whatever the network of a payout
 * uses, because one API account serves a token on all of its networks (USDT has 6 decimals on
 * Polygon and 18 on BSC) and no asset has more than 18.
 */
export const LEDGER_DECIMALS = 18;

/** The most that any amount may be: what the database's numeric(78,0) columns and EVM words hold. */
export const MAX_UNITS = 2n ** 256n - 1n;

/** Why a text is not an amount. */
export type AmountProblem = 'NOT_A_NUMBER' | 'TOO_MANY_DECIMALS' | 'TOO_LARGE';

/**
 * Reads a decimal number exactly, into units of 10^-decimals. Takes what JSON takes as a number
 * (RFC 8259 §6: sign, fraction, exponent). Surplus digits are a problem, never rounded; trailing
 * zeros are not surplus. Exponents beyond ±400 are TOO_LARGE or TOO_MANY_DECIMALS without being
 * expanded, so a short hostile text cannot ask for a huge number.
 */
export function parseUnits(text: string, decimals: number): bigint | AmountProblem {
  if (text.length > 400) return 'TOO_LARGE';
  const match = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return 'NOT_A_NUMBER';
  const [, sign = '', whole = '0', fraction = '', exponentText = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return 0n;
  const significant = digits.replace(/0+$/, '');
  const dropped = BigInt(digits.length - significant.length);
  const shift = BigInt(exponentText) - BigInt(fraction.length) + dropped + BigInt(decimals);
  if (shift < 0n) return 'TOO_MANY_DECIMALS';
  if (shift > 100n) return 'TOO_LARGE';
  const units = BigInt(significant) * 10n ** shift;
  if (units > MAX_UNITS) return 'TOO_LARGE';
  return sign === '-' ? -units : units;
}

/** Units as a plain decimal without surplus zeros: 20000n at 6 decimals is "0.02". */
export function formatUnits(units: bigint, decimals: number): string {
  const fixed = formatUnitsFixed(units, decimals);
  return fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed;
}

/** Units as a decimal with all of its digits: 20000n at 6 decimals is "0.020000". */
export function formatUnitsFixed(units: bigint, decimals: number): string {
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals);
  return sign + whole + (fraction === '' ? '' : `.${fraction}`);
}

/** Units of an asset with `decimals` as ledger units (10^-18). Always exact. */
export function toLedgerUnits(units: bigint, decimals: number): bigint {
  assert(decimals >= 0 && decimals <= LEDGER_DECIMALS, 'an asset has 0 to 18 decimals');
  return units * 10n ** BigInt(LEDGER_DECIMALS - decimals);
}

/** Ledger units as units of an asset with `decimals`. Asserts that nothing is lost. */
export function fromLedgerUnits(ledgerUnits: bigint, decimals: number): bigint {
  assert(decimals >= 0 && decimals <= LEDGER_DECIMALS, 'an asset has 0 to 18 decimals');
  const factor = 10n ** BigInt(LEDGER_DECIMALS - decimals);
  assert(ledgerUnits % factor === 0n, 'the amount has more digits than the asset');
  return ledgerUnits / factor;
}

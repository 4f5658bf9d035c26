import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatUnits,
  formatUnitsFixed,
  fromLedgerUnits,
  MAX_UNITS,
  parseUnits,
  toLedgerUnits,
} from './amount.ts';

describe('parseUnits', () => {
  it.each([
    ['0.02', 6, 20_000n],
    ['0.020', 6, 20_000n],
    ['1e-2', 6, 10_000n],
    ['1E2', 6, 100_000_000n],
    ['100', 0, 100n],
    ['100.0', 0, 100n],
    ['-1', 6, -1_000_000n],
    ['-0', 6, 0n],
    ['0e999999999', 6, 0n],
    ['0.0000001', 6, 'TOO_MANY_DECIMALS'],
    ['0.1234567', 6, 'TOO_MANY_DECIMALS'],
    ['0.123456789012345678', 18, 123_456_789_012_345_678n],
    ['1e-400', 18, 'TOO_MANY_DECIMALS'],
    ['1e400', 6, 'TOO_LARGE'],
    ['1e99999999999999999999', 6, 'TOO_LARGE'],
    ['1'.repeat(78), 6, 'TOO_LARGE'],
    ['1'.repeat(401), 6, 'TOO_LARGE'],
    [MAX_UNITS.toString(), 0, MAX_UNITS],
    [(MAX_UNITS + 1n).toString(), 0, 'TOO_LARGE'],
    ['', 6, 'NOT_A_NUMBER'],
    [' 1', 6, 'NOT_A_NUMBER'],
    ['1 ', 6, 'NOT_A_NUMBER'],
    ['+1', 6, 'NOT_A_NUMBER'],
    ['.5', 6, 'NOT_A_NUMBER'],
    ['5.', 6, 'NOT_A_NUMBER'],
    ['01', 6, 'NOT_A_NUMBER'],
    ['0x10', 6, 'NOT_A_NUMBER'],
    ['NaN', 6, 'NOT_A_NUMBER'],
    ['Infinity', 6, 'NOT_A_NUMBER'],
    ['1,000', 6, 'NOT_A_NUMBER'],
    ['1_000', 6, 'NOT_A_NUMBER'],
    ['１', 6, 'NOT_A_NUMBER'],
  ])('reads %j with %i decimals as %s', (text, decimals, expected) => {
    expect(parseUnits(text, decimals)).toBe(expected);
  });

  it('reads back whatever is formatted, in both forms', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -MAX_UNITS, max: MAX_UNITS }),
        fc.integer({ min: 0, max: 18 }),
        (units, decimals) => {
          expect(parseUnits(formatUnits(units, decimals), decimals)).toBe(units);
          expect(parseUnits(formatUnitsFixed(units, decimals), decimals)).toBe(units);
        },
      ),
    );
  });

  it('agrees with exact rational arithmetic on every mantissa and exponent', () => {
    const cases = fc.tuple(
      fc.bigInt({ min: 0n, max: 10n ** 20n }),
      fc.integer({ min: -25, max: 25 }),
      fc.integer({ min: 0, max: 18 }),
    );
    fc.assert(
      fc.property(cases, ([mantissa, exponent, decimals]) => {
        const power = BigInt(exponent + decimals);
        const isWhole = power >= 0n || mantissa % 10n ** -power === 0n;
        const value = power >= 0n ? mantissa * 10n ** power : mantissa / 10n ** -power;
        expect(parseUnits(`${mantissa}e${exponent}`, decimals)).toBe(
          isWhole ? value : 'TOO_MANY_DECIMALS',
        );
      }),
    );
  });
});

describe('ledger units', () => {
  it('convert without loss in both directions', () => {
    const cases = fc.tuple(
      fc.bigInt({ min: 0n, max: 10n ** 40n }),
      fc.integer({ min: 0, max: 18 }),
    );
    fc.assert(
      fc.property(cases, ([units, decimals]) => {
        expect(fromLedgerUnits(toLedgerUnits(units, decimals), decimals)).toBe(units);
      }),
    );
  });

  it('refuse to drop a digit', () => {
    expect(() => fromLedgerUnits(1n, 6)).toThrow('more digits');
  });
});

describe('formatting', () => {
  it.each([
    [100_250_000n, 6, '100.25', '100.250000'],
    [20_000_000_000_000_000n, 18, '0.02', '0.020000000000000000'],
    [0n, 18, '0', '0.000000000000000000'],
    [100n, 0, '100', '100'],
    [-5n, 1, '-0.5', '-0.5'],
  ])('writes %s units at %i decimals as %s and %s', (units, decimals, trimmed, fixed) => {
    expect(formatUnits(units, decimals)).toBe(trimmed);
    expect(formatUnitsFixed(units, decimals)).toBe(fixed);
  });
});

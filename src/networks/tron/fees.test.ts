import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SigningPostponed } from '../network.ts';
import { feeLimitFor, mostBurned, showTrx, TRANSFER_BYTES, withHeadroom } from './fees.ts';
import { FEE_CEILING_SUN } from './payer.ts';

/** As the main network has them. */
const PRICES = { sunPerEnergy: 100n, sunPerByte: 1_000n, mostFeeLimitSun: 15_000_000_000n };
const NOTHING = { freeEnergy: 0n, stakedBytes: 0n, dailyBytes: 0n };

describe('the fee limit', () => {
  it.each([
    // USDT on the main network: a recipient who has it, and one who never had.
    [64_285n, 8_035_700n],
    [130_285n, 16_285_700n],
    [1n, 200n],
  ])('of %s energy is %s sun', (energy, sun) => {
    expect(feeLimitFor(withHeadroom(energy), PRICES, FEE_CEILING_SUN)).toBe(sun);
  });

  it('leaves room for a factor that rises by a fifth', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 10_000_000n), (energy) => {
        expect(withHeadroom(energy) * 100n).toBeGreaterThanOrEqual(energy * 125n);
        expect(withHeadroom(energy) * 100n).toBeLessThan(energy * 125n + 100n);
      }),
    );
  });

  it('is postponed above the ceiling, or above what the chain takes', () => {
    expect(feeLimitFor(500_000n, PRICES, FEE_CEILING_SUN)).toBe(50_000_000n);
    expect(() => feeLimitFor(500_001n, PRICES, FEE_CEILING_SUN)).toThrow(
      new SigningPostponed('The transfer may cost up to 50.0001 TRX; the ceiling is 50 TRX.'),
    );
    const strict = { ...PRICES, mostFeeLimitSun: 1_000_000n };
    expect(() => feeLimitFor(10_001n, strict, FEE_CEILING_SUN)).toThrow('the ceiling is 1 TRX');
  });

  it('is never zero: such a field would be left out of the message', () => {
    expect(() => feeLimitFor(0n, PRICES, FEE_CEILING_SUN)).toThrow(SigningPostponed);
    const free = { ...PRICES, sunPerEnergy: 0n };
    expect(() => feeLimitFor(10n, free, FEE_CEILING_SUN)).toThrow(SigningPostponed);
  });
});

describe('what is burned at most', () => {
  const all = TRANSFER_BYTES * 1_000n;
  it.each([
    ['everything', 1n, NOTHING, 6_428_500n + all],
    ['no bandwidth, with the daily bytes', 1n, { ...NOTHING, dailyBytes: 600n }, 6_428_500n],
    [
      'all bandwidth where a byte is missing',
      1n,
      { ...NOTHING, dailyBytes: 344n },
      6_428_500n + all,
    ],
    [
      'all bandwidth where neither source has it alone',
      1n,
      { ...NOTHING, dailyBytes: 300n, stakedBytes: 300n },
      6_428_500n + all,
    ],
    ['no energy where enough is rented', 1n, { ...NOTHING, freeEnergy: 64_285n }, all],
    ['the rest of the energy', 1n, { ...NOTHING, freeEnergy: 64_000n }, 28_500n + all],
    [
      'for several, what is left after the first',
      3n,
      { freeEnergy: 100_000n, stakedBytes: 345n, dailyBytes: 600n },
      9_285_500n + all,
    ],
  ])('is %s', (_, transfers, own, sun) => {
    expect(mostBurned(transfers, { energy: 64_285n, prices: PRICES, own })).toBe(sun);
  });
});

it('shows TRX', () => {
  expect(showTrx(2_871_300n)).toBe('2.8713 TRX');
});

import { describe, expect, it } from 'vitest';
import { FEE_POLICY, feeLamports, unitLimitFor, unitPriceFor, UNITS_CAP } from './fees.ts';

describe('the price of a compute unit', () => {
  const policy = { unitPriceFloor: 100n, unitPriceCeiling: 1_000n };

  it.each<[string, bigint[], bigint]>([
    ['the floor where nobody paid', [0n, 0n, 0n, 0n], 100n],
    ['the floor where nothing is known', [], 100n],
    ['what three of four blocks were content with', [10n, 900n, 200n, 300n], 900n],
    ['not the most that was paid', [200n, 200n, 200n, 300n, 200n, 200n, 200n, 999n], 300n],
    ['the ceiling, whatever was paid', [9_999n, 9_999n], 1_000n],
  ])('is %s', (_, recent, expected) => {
    expect(unitPriceFor(recent, policy)).toBe(expected);
  });

  it('costs 0.01 SOL at the most', () => {
    expect(feeLamports(UNITS_CAP, FEE_POLICY.unitPriceCeiling)).toBeLessThan(10_000_000n);
    expect(feeLamports(200_000n, FEE_POLICY.unitPriceFloor)).toBe(7_000n);
    expect(feeLamports(1n, 1n)).toBe(5_001n);
  });
});

describe('the limit of units', () => {
  it('leaves room above what was measured', () => {
    expect(unitLimitFor(100_000n)).toBe(130_000n);
    expect(unitLimitFor(0n)).toBe(5_000n);
  });

  it('is never above what a transaction may ask for', () => {
    expect(unitLimitFor(1_390_000n)).toBe(UNITS_CAP);
  });
});

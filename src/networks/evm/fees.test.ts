import { describe, expect, it } from 'vitest';
import { SigningPostponed } from '../network.ts';
import { FEE_POLICIES, gasLimitFor, quoteFees } from './fees.ts';

const GWEI = 10n ** 9n;

describe('quoteFees', () => {
  it.each([
    ['the median tip, room for the base to double', 'ETHEREUM_MAINNET', 10n, [1n, 2n, 9n], 22n, 2n],
    ['a tip floor on Polygon', 'MATIC_MAINNET', 100n, [0n, 1n, 2n], 230n, 30n],
    ['a tip ceiling', 'ETHEREUM_MAINNET', 10n, [80n, 90n, 70n], 25n, 5n],
    ['no tips at all', 'MATIC_MAINNET', 1n, [], 32n, 30n],
    ['room cut at the ceiling', 'ETHEREUM_MAINNET', 200n, [2n], 300n, 2n],
    ['the last affordable base', 'ETHEREUM_MAINNET', 298n, [2n], 300n, 2n],
  ] as const)('%s', (_, network, base, tips, maxFee, tip) => {
    const history = {
      nextBaseFeeWei: base * GWEI,
      tipsWei: tips.map((it) => it * GWEI),
    };
    expect(quoteFees(history, FEE_POLICIES[network])).toEqual({
      maxFeeWei: maxFee * GWEI,
      tipWei: tip * GWEI,
    });
  });

  it('has a floor where there is no base fee', () => {
    expect(quoteFees({ nextBaseFeeWei: 0n, tipsWei: [0n] }, FEE_POLICIES.BSC_MAINNET)).toEqual({
      maxFeeWei: GWEI / 10n,
      tipWei: GWEI / 10n,
    });
  });

  it('waits where the next block costs more than the ceiling', () => {
    const history = { nextBaseFeeWei: 298n * GWEI + 1n, tipsWei: [2n * GWEI] };
    expect(() => quoteFees(history, FEE_POLICIES.ETHEREUM_MAINNET)).toThrow(SigningPostponed);
  });
});

describe('gasLimitFor', () => {
  const policy = FEE_POLICIES.ETHEREUM_MAINNET;
  it.each([
    [45_000n, 76_250n],
    [200_000n, 250_000n],
    [250_000n, 250_000n],
  ])('%s', (estimate, limit) => {
    expect(gasLimitFor(estimate, policy)).toBe(limit);
  });

  it('waits above the ceiling', () => {
    expect(() => gasLimitFor(250_001n, policy)).toThrow(SigningPostponed);
  });
});

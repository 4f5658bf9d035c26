import { describe, expect, it } from 'vitest';
import { SigningPostponed } from '../network.ts';
import { FEE_POLICIES, quoteFees, replacementOf } from './fees.ts';

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

describe('replacementOf', () => {
  const policy = FEE_POLICIES.ETHEREUM_MAINNET;
  it.each<[string, [bigint, bigint], [bigint, bigint], [bigint, bigint]]>([
    ['an eighth more in both', [800n, 80n], [100n, 10n], [900n, 90n]],
    ['rounded up', [801n, 81n], [100n, 10n], [902n, 92n]],
    ['by one wei at least', [1n, 1n], [0n, 0n], [2n, 2n]],
    ['the present quote where it is more', [800n, 80n], [5_000n, 10n], [5_000n, 90n]],
    ['the present tip where it is more', [800n, 80n], [100n, 500n], [900n, 500n]],
    ['a fee that covers its tip', [100n, 100n], [50n, 500n], [500n, 500n]],
  ])('is %s', (_, [maxFee, tip], [quotedFee, quotedTip], [newFee, newTip]) => {
    const previous = { maxFeeWei: maxFee, tipWei: tip };
    const quote = { maxFeeWei: quotedFee, tipWei: quotedTip };
    expect(replacementOf(previous, quote, policy)).toEqual({ maxFeeWei: newFee, tipWei: newTip });
  });

  it('raises both fields by 12.5 % at least, and ends at the ceiling', () => {
    const quote = { maxFeeWei: 2n * GWEI, tipWei: GWEI };
    let fees = quote;
    for (let replacements = 0; replacements < 42; replacements += 1) {
      const replacement = replacementOf(fees, quote, policy);
      expect(replacement.maxFeeWei * 8n >= fees.maxFeeWei * 9n).toBe(true);
      expect(replacement.tipWei * 8n >= fees.tipWei * 9n).toBe(true);
      expect(replacement.maxFeeWei <= policy.maxFeeCeilingWei).toBe(true);
      fees = replacement;
    }
    // From 2 to 300 gwei by steps of an eighth.
    expect(() => replacementOf(fees, quote, policy)).toThrow(SigningPostponed);
  });
});

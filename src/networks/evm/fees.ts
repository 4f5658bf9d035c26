import { SigningPostponed } from '../network.ts';
import type { EvmNetworkId } from './evm-network.ts';
import type { FeeHistory } from './node.ts';

/** What a transfer may cost on one network. Wei per gas, and gas. */
export interface FeePolicy {
  readonly tipFloorWei: bigint;
  readonly tipCeilingWei: bigint;
  readonly maxFeeCeilingWei: bigint;
  readonly gasCeiling: bigint;
}

const GWEI = 10n ** 9n;

/**
 * Polygon's nodes refuse tips below 25 to 30 gwei. BSC has no base fee, and its validators take
 * from 0.05 gwei. A transfer takes 65,000 gas, or 130,000 behind a proxy with hooks.
 */
export const FEE_POLICIES: Readonly<Record<EvmNetworkId, FeePolicy>> = {
  ETHEREUM_MAINNET: {
    tipFloorWei: GWEI / 20n,
    tipCeilingWei: 5n * GWEI,
    maxFeeCeilingWei: 300n * GWEI,
    gasCeiling: 250_000n,
  },
  MATIC_MAINNET: {
    tipFloorWei: 30n * GWEI,
    tipCeilingWei: 600n * GWEI,
    maxFeeCeilingWei: 3_000n * GWEI,
    gasCeiling: 250_000n,
  },
  BSC_MAINNET: {
    tipFloorWei: GWEI / 10n,
    tipCeilingWei: 5n * GWEI,
    maxFeeCeilingWei: 20n * GWEI,
    gasCeiling: 250_000n,
  },
};

/** EIP-1559, in wei per gas. */
export interface FeeQuote {
  readonly maxFeeWei: bigint;
  readonly tipWei: bigint;
}

/**
 * The median tip of recent blocks within the policy's bounds, and room for the base fee to double.
 * Throws {@link SigningPostponed} where even the next block costs more than the ceiling.
 */
export function quoteFees(history: FeeHistory, policy: FeePolicy): FeeQuote {
  const tipWei = clamp(median(history.tipsWei), policy.tipFloorWei, policy.tipCeilingWei);
  const needed = history.nextBaseFeeWei + tipWei;
  if (needed > policy.maxFeeCeilingWei) {
    throw new SigningPostponed(
      `The network asks ${needed} wei per gas; the ceiling is ${policy.maxFeeCeilingWei}.`,
    );
  }
  const wished = 2n * history.nextBaseFeeWei + tipWei;
  return { maxFeeWei: min(wished, policy.maxFeeCeilingWei), tipWei };
}

/**
 * A quarter more than the estimate, and what it costs when the recipient's balance has become
 * zero since (a fresh storage slot takes 17,100 gas more). Gas that is not used is not paid.
 */
export function gasLimitFor(estimate: bigint, policy: FeePolicy): bigint {
  if (estimate > policy.gasCeiling) {
    throw new SigningPostponed(
      `The transfer takes ${estimate} gas; the ceiling is ${policy.gasCeiling}.`,
    );
  }
  return min((estimate * 5n) / 4n + 20_000n, policy.gasCeiling);
}

function median(values: readonly bigint[]): bigint {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted[Math.floor(sorted.length / 2)] ?? 0n;
}

function clamp(value: bigint, floor: bigint, ceiling: bigint): bigint {
  return value < floor ? floor : min(value, ceiling);
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

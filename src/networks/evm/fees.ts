import { SigningPostponed } from '../network.ts';
import type { EvmNetworkId } from './evm-network.ts';
import type { FeeHistory } from './node.ts';

/** What a gas may cost on one network, in wei. */
export interface FeePolicy {
  readonly tipFloorWei: bigint;
  readonly tipCeilingWei: bigint;
  readonly maxFeeCeilingWei: bigint;
}

const GWEI = 10n ** 9n;

/** Polygon's nodes refuse tips below 25 to 30 gwei. BSC has no base fee; its validators take 0.05 gwei. */
export const FEE_POLICIES: Readonly<Record<EvmNetworkId, FeePolicy>> = {
  ETHEREUM_MAINNET: {
    tipFloorWei: GWEI / 20n,
    tipCeilingWei: 5n * GWEI,
    maxFeeCeilingWei: 300n * GWEI,
  },
  MATIC_MAINNET: {
    tipFloorWei: 30n * GWEI,
    tipCeilingWei: 600n * GWEI,
    maxFeeCeilingWei: 3_000n * GWEI,
  },
  BSC_MAINNET: {
    tipFloorWei: GWEI / 10n,
    tipCeilingWei: 5n * GWEI,
    maxFeeCeilingWei: 20n * GWEI,
  },
};

/** The most gas that a transaction may ask for: Ethereum's rule (EIP-7825), kept on every network. */
export const TRANSACTION_GAS_CAP = 16_777_216n;

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
 * Fees that take the place of `previous`: nodes ask for 10 % more in both fields, and some for 12.5 %;
 * and no less than the present quote, so that it is worth while. The tip may go beyond its own ceiling,
 * which is there to doubt the market's word and not ours.
 * Throws {@link SigningPostponed} where that is above the ceiling.
 */
export function replacementOf(previous: FeeQuote, quote: FeeQuote, policy: FeePolicy): FeeQuote {
  const tipWei = max(raised(previous.tipWei), quote.tipWei);
  const maxFeeWei = max(max(raised(previous.maxFeeWei), quote.maxFeeWei), tipWei);
  if (maxFeeWei > policy.maxFeeCeilingWei) {
    throw new SigningPostponed(
      `A replacement costs ${maxFeeWei} wei per gas; the ceiling is ${policy.maxFeeCeilingWei}.`,
    );
  }
  return { maxFeeWei, tipWei };
}

/** 12.5 % more, rounded up. */
function raised(wei: bigint): bigint {
  return (wei * 9n + 7n) / 8n;
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

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

import { formatUnits } from '../../money/amount.ts';
import { SigningPostponed } from '../network.ts';
import type { Prices, Resources } from './node.ts';

/** Digits of a sun after the point of a TRX. */
export const TRX_DECIMALS = 6;

/**
 * A transfer counts this many bytes of bandwidth: 281 of the signed transaction at most, and 64 that
 * java-tron adds for the result of each contract.
 */
export const TRANSFER_BYTES = 345n;

/**
 * Energy that a transfer may take beyond what its simulation took: a contract in great demand becomes dearer
 * by a fifth at most when a maintenance period (6 h) begins.
 */
const HEADROOM = { numerator: 5n, denominator: 4n } as const;

export function withHeadroom(energy: bigint): bigint {
  return (energy * HEADROOM.numerator + HEADROOM.denominator - 1n) / HEADROOM.denominator;
}

/**
 * The fee limit for so much energy, at the chain's price: java-tron divides the limit by the price, also where
 * the energy is staked or rented. Throws {@link SigningPostponed} where it is above the ceiling.
 */
export function feeLimitFor(energy: bigint, prices: Prices, ceilingSun: bigint): bigint {
  const limit = energy * prices.sunPerEnergy;
  const most = ceilingSun < prices.mostFeeLimitSun ? ceilingSun : prices.mostFeeLimitSun;
  if (limit > 0n && limit <= most) return limit;
  throw new SigningPostponed(
    `The transfer may cost up to ${showTrx(limit)}; the ceiling is ${showTrx(most)}.`,
  );
}

/**
 * What so many transfers can burn at most, beyond the account's own energy and bandwidth. A transfer takes its
 * bandwidth whole from one source, or burns for all of it.
 */
export function mostBurned(
  transfers: bigint,
  { energy, prices, own }: { energy: bigint; prices: Prices; own: Resources },
): bigint {
  const missing = transfers * energy - own.freeEnergy;
  const energySun = missing > 0n ? missing * prices.sunPerEnergy : 0n;
  const free = own.stakedBytes / TRANSFER_BYTES + own.dailyBytes / TRANSFER_BYTES;
  const paid = transfers > free ? transfers - free : 0n;
  return energySun + paid * TRANSFER_BYTES * prices.sunPerByte;
}

export function showTrx(sun: bigint): string {
  return `${formatUnits(sun, TRX_DECIMALS)} TRX`;
}

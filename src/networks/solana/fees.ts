/** What a compute unit may cost, in millionths of a lamport. */
export interface FeePolicy {
  readonly unitPriceFloor: bigint;
  readonly unitPriceCeiling: bigint;
}

/**
 * A full batch asks for some 200,000 units: at the floor its priority costs 2,000 lamports beside the
 * 5,000 of its signature, at the ceiling 0.001 SOL.
 */
export const FEE_POLICY: FeePolicy = { unitPriceFloor: 10_000n, unitPriceCeiling: 5_000_000n };

/** Of each signature, in lamports. */
export const SIGNATURE_LAMPORTS = 5_000n;

/** No transaction may ask for more. */
export const UNITS_CAP = 1_400_000n;

/** Programs take a few units more in one state than in another; a limit that is too low burns the fee. */
export function unitLimitFor(consumed: bigint): bigint {
  const wished = (consumed * 5n) / 4n + 5_000n;
  return wished < UNITS_CAP ? wished : UNITS_CAP;
}

/** What three of four recent blocks were content with, within the policy's bounds. */
export function unitPriceFor(recent: readonly bigint[], policy: FeePolicy): bigint {
  const { unitPriceFloor, unitPriceCeiling } = policy;
  const rising = recent.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const wished = rising[Math.floor((rising.length * 3) / 4)] ?? unitPriceFloor;
  if (wished < unitPriceFloor) return unitPriceFloor;
  return wished < unitPriceCeiling ? wished : unitPriceCeiling;
}

/** What a transaction of one signature is charged at most, rents aside. */
export function feeLamports(unitLimit: bigint, unitPrice: bigint): bigint {
  return SIGNATURE_LAMPORTS + (unitLimit * unitPrice + 999_999n) / 1_000_000n;
}

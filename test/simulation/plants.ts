import {
  coinsNotLocked,
  replacementWithOtherCoins,
  unconfirmedConflictAsDeath,
} from './bitcoin/careless.ts';
import { holdReleasedTwice, leaseWithoutFencing } from './careless-records.ts';
import {
  blockHashNotChecked,
  failedWithoutProof,
  proofFromOneLaggingProvider,
  rpcErrorAsAbsence,
  successByReceiptStatus,
} from './evm/careless-reading.ts';
import {
  broadcastBeforeRecord,
  nonceFromPendingCount,
  signAgainOnTimeout,
} from './evm/careless-sending.ts';
import type { Plant } from './plant.ts';
import {
  heightNotFinalized,
  nullStatusAsDeath,
  oldSignatureNotChecked,
  successByNoError,
} from './solana/careless.ts';
import {
  absenceBeforeSolid,
  busyAsRefusal,
  expiredByOneNode,
  fateByResult,
} from './tron/careless.ts';

/** Every mistake that the simulation has to find. */
export const PLANTS: readonly Plant[] = [
  rpcErrorAsAbsence,
  broadcastBeforeRecord,
  signAgainOnTimeout,
  nonceFromPendingCount,
  failedWithoutProof,
  successByReceiptStatus,
  leaseWithoutFencing,
  holdReleasedTwice,
  blockHashNotChecked,
  proofFromOneLaggingProvider,
  busyAsRefusal,
  absenceBeforeSolid,
  expiredByOneNode,
  fateByResult,
  nullStatusAsDeath,
  heightNotFinalized,
  oldSignatureNotChecked,
  successByNoError,
  replacementWithOtherCoins,
  unconfirmedConflictAsDeath,
  coinsNotLocked,
];

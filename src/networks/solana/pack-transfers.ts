import { SIGNATURE_BYTES, TRANSACTION_BYTES_LIMIT } from './message.ts';
import { encodePayoutMessage, type PayoutMessage, type PayoutTransfer } from './payout-message.ts';
import { SYSTEM_PROGRAM } from './programs.ts';

/** What the transfers of a transaction have in common, as far as its size goes. */
export type PackedFor = Pick<PayoutMessage, 'treasury' | 'mint' | 'decimals'>;

/**
 * The transfers that one transaction holds: each in its turn, if it still fits. One that does not keeps
 * back no smaller one after it.
 */
export function packTransfers(
  common: PackedFor,
  transfers: readonly PayoutTransfer[],
): readonly PayoutTransfer[] {
  let packed: readonly PayoutTransfer[] = [];
  for (const transfer of transfers) {
    const next = openOnce([...packed, transfer]);
    if (transactionBytes(common, next) <= TRANSACTION_BYTES_LIMIT) packed = next;
  }
  return packed;
}

/** Bytes of the signed transaction that makes these transfers. */
export function transactionBytes(common: PackedFor, transfers: readonly PayoutTransfer[]): number {
  // The rest has the same length whatever it is, and any 32 bytes are a blockhash here.
  const rest = { blockhash: SYSTEM_PROGRAM, unitLimit: 0n, unitPrice: 0n };
  return 1 + SIGNATURE_BYTES + encodePayoutMessage({ ...common, ...rest, transfers }).length;
}

/** What the first transfer to a wallet has opened need not be opened for its next. */
export function openOnce(transfers: readonly PayoutTransfer[]): readonly PayoutTransfer[] {
  const opened = new Set<string>();
  return transfers.map((transfer) => {
    const { destination, opensFor } = transfer;
    if (opensFor === null) return transfer;
    if (opened.has(destination)) return { ...transfer, opensFor: null };
    opened.add(destination);
    return transfer;
  });
}

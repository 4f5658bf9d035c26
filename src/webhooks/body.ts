import { formatTime } from '../base/time.ts';
import { formatUnits, LEDGER_DECIMALS } from '../money/amount.ts';
import type { PayoutEventType } from '../payouts/outbox-topics.ts';
import type { Payout } from '../payouts/payout.ts';

/**
 * The exact bytes of an event's body, as text. A payout in a final state never changes, so every
 * attempt sends the same bytes. A failed payout also carries `info`, the reason.
 */
export function renderBody(eventType: PayoutEventType, payout: Payout): string {
  return JSON.stringify({
    eventType,
    payout: {
      id: payout.payoutId,
      businessId: payout.businessId,
      token: payout.token,
      network: payout.network,
      amount: formatUnits(payout.units, LEDGER_DECIMALS),
      merchantReference: payout.merchantReference,
      toAddress: payout.toAddress,
      transactionHash: payout.transactionHash,
      status: payout.status,
      ...(eventType === 'PAYOUT_FAILED' ? { info: payout.info } : {}),
      createdAt: formatTime(payout.createdAt),
      updatedAt: formatTime(payout.updatedAt),
    },
  });
}

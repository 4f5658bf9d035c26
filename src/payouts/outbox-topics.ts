/** The outbox topic of payouts to be settled. Its lanes are the networks; payload {payoutId}. */
export const SETTLEMENT_TOPIC = 'payouts-to-settle';

/** The outbox topic of what merchants are told. Its lanes are the businesses; the item's id is the event's id. */
export const EVENT_TOPIC = 'payout-events';

export type PayoutEventType = 'PAYOUT_SUCCESSFUL' | 'PAYOUT_FAILED';

import type { Tx } from '../database/database.ts';
import { append } from '../outbox/outbox.ts';

/** The outbox topic of deliveries. Its lanes are the endpoints, so that none waits for another. */
export const DELIVERY_TOPIC = 'webhook-deliveries';

/** The outbox item that carries a delivery; the delivery's row names it. */
export async function queueDelivery(
  tx: Tx,
  delivery: {
    readonly businessId: string;
    readonly eventId: string;
    readonly endpointId: string;
    readonly itemId: string;
    readonly at: Date;
  },
): Promise<void> {
  const { businessId, eventId, endpointId, itemId, at } = delivery;
  await append(tx, {
    businessId,
    itemId,
    topic: DELIVERY_TOPIC,
    lane: endpointId,
    payload: { eventId, endpointId },
    at,
  });
}

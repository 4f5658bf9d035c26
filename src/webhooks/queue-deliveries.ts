import type { Tx } from '../database/database.ts';
import { appendAll } from '../outbox/outbox.ts';

/** The outbox topic of deliveries. Its lanes are the endpoints, so that none waits for another. */
export const DELIVERY_TOPIC = 'webhook-deliveries';

/** The outbox items that carry deliveries; each delivery's row names its own. */
export async function queueDeliveries(
  tx: Tx,
  deliveries: readonly {
    readonly businessId: string;
    readonly eventId: string;
    readonly endpointId: string;
    readonly itemId: string;
    readonly at: Date;
  }[],
): Promise<void> {
  await appendAll(
    tx,
    deliveries.map(({ businessId, eventId, endpointId, itemId, at }) => ({
      businessId,
      itemId,
      topic: DELIVERY_TOPIC,
      lane: endpointId,
      payload: { eventId, endpointId },
      at,
    })),
  );
}

import type { Clock } from '../base/clock.ts';
import { LOOK_EVERY_MS, type Meter } from '../base/meter.ts';
import type { Queryable } from '../database/database.ts';
import { measureDue } from '../outbox/measure-due.ts';
import { DELIVERY_TOPIC } from './queue-deliveries.ts';

/** Tells how many deliveries wait for a worker, and since when the oldest of them. */
export function watchBacklog(
  meter: Meter,
  watched: { readonly database: Queryable; readonly clock: Clock },
): void {
  const backlog = meter.gauge({
    name: 'knit_webhook_backlog',
    help: 'Deliveries that are due and that no worker has claimed; counted to 100000.',
  });
  const oldest = meter.gauge({
    name: 'knit_webhook_oldest_due_age_seconds',
    help: 'Since when the oldest of them is due; 0 where there is none.',
  });
  const gauges = [backlog, oldest];
  const look = async (): Promise<void> => {
    const now = watched.clock.now();
    const { items, oldestAt = now } = await measureDue(watched.database, {
      topic: DELIVERY_TOPIC,
      now,
    });
    backlog.set({}, items);
    oldest.set({}, (now.getTime() - oldestAt.getTime()) / 1000);
  };
  meter.beforeReading(look, { everyMs: LOOK_EVERY_MS, gauges });
}

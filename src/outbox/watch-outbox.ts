import type { Clock } from '../base/clock.ts';
import { LOOK_EVERY_MS, type Meter } from '../base/meter.ts';
import type { Queryable } from '../database/database.ts';

/** A topic's items are counted so far: who watches knows enough then, and the count stays cheap. */
const MOST_COUNTED = 100_000;

/** Tells how much work lies in the outbox and since when the oldest of it, for each of the topics. */
export function watchOutbox(
  meter: Meter,
  watched: {
    readonly database: Queryable;
    readonly topics: readonly string[];
    readonly clock: Clock;
  },
): void {
  const items = meter.gauge({
    name: 'knit_outbox_items',
    help: 'Items of work that are not done; what waits to be tried again is among them; counted to 100000.',
    labels: ['topic'],
  });
  const oldest = meter.gauge({
    name: 'knit_outbox_oldest_item_age_seconds',
    help: 'Since when the oldest of them has been there; 0 where there is none.',
    labels: ['topic'],
  });
  const gauges = [items, oldest];
  const look = async (): Promise<void> => {
    const { database, topics, clock } = watched;
    const found = await Promise.all(
      topics.map(async (topic) => ({ topic, ...(await countItems(database, topic)) })),
    );
    const now = clock.now().getTime();
    for (const gauge of gauges) gauge.clear();
    for (const { topic, count, oldestAt } of found) {
      items.set({ topic }, count);
      oldest.set({ topic }, Math.max(0, now - (oldestAt?.getTime() ?? now)) / 1000);
    }
  };
  meter.beforeReading(look, { everyMs: LOOK_EVERY_MS, gauges });
}

/** In the order of the index, so that the items of other topics are not read, however many they are. */
async function countItems(
  db: Queryable,
  topic: string,
): Promise<{ count: number; oldestAt: Date | null }> {
  const [row] = await db.query<{ count: number; oldest_at: Date | null }>(
    `SELECT count(*)::int AS count, min(created_at) AS oldest_at
     FROM (SELECT created_at FROM outbox_items
           WHERE topic = $1 ORDER BY lane, available_at LIMIT $2) AS items`,
    [topic, MOST_COUNTED],
  );
  return { count: row?.count ?? 0, oldestAt: row?.oldest_at ?? null };
}

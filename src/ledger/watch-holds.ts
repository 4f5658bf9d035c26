import type { Clock } from '../base/clock.ts';
import { LOOK_EVERY_MS, type Meter } from '../base/meter.ts';
import type { Queryable } from '../database/database.ts';

/** Holds are counted so far: who watches knows enough then, and the count stays cheap. */
const MOST_COUNTED = 100_000;

/** Tells how many holds are open, of all businesses, and since when the oldest of them. */
export function watchHolds(
  meter: Meter,
  watched: { readonly database: Queryable; readonly clock: Clock },
): void {
  const open = meter.gauge({
    name: 'knit_ledger_open_holds',
    help: 'Holds that are neither posted nor released; counted to 100000.',
  });
  const oldest = meter.gauge({
    name: 'knit_ledger_oldest_hold_age_seconds',
    help: 'Since when the oldest of them has been held; 0 where there is none.',
  });
  const gauges = [open, oldest];
  const look = async (): Promise<void> => {
    // Read from the index that has no other holds.
    const [row] = await watched.database.query<{ count: number; oldest_at: Date | null }>(
      `SELECT count(*)::int AS count, min(created_at) AS oldest_at
       FROM (SELECT created_at FROM ledger_holds WHERE state = 'HELD' LIMIT $1) AS held`,
      [MOST_COUNTED],
    );
    const now = watched.clock.now().getTime();
    open.set({}, row?.count ?? 0);
    oldest.set({}, Math.max(0, now - (row?.oldest_at?.getTime() ?? now)) / 1000);
  };
  meter.beforeReading(look, { everyMs: LOOK_EVERY_MS, gauges });
}

import { ConnectionLost } from '../../database/sql-failure.ts';

/**
 * Does work for all items together. Where that fails it is done for each half, and so on, until what
 * cannot be done stands alone: one bad item among n costs about 2 log n tries, and keeps back no other.
 * Gives the items that were set aside, each with its error. `work` must have no harm in doing an item
 * again. Throws where the database is lost: that says nothing of any item.
 */
export async function doAllSettingAside<T>(
  items: readonly T[],
  work: (some: readonly T[]) => Promise<void>,
): Promise<{ readonly item: T; readonly error: unknown }[]> {
  const [first] = items;
  if (first === undefined) return [];
  try {
    await work(items);
    return [];
  } catch (error) {
    if (error instanceof ConnectionLost) throw error;
    if (items.length === 1) return [{ item: first, error }];
  }
  const middle = Math.ceil(items.length / 2);
  return [
    ...(await doAllSettingAside(items.slice(0, middle), work)),
    ...(await doAllSettingAside(items.slice(middle), work)),
  ];
}

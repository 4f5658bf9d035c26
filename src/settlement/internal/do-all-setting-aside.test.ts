import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ConnectionLost } from '../../database/sql-failure.ts';
import { doAllSettingAside } from './do-all-setting-aside.ts';

it('does everything but what is bad, in few tries', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 0, max: 300 }),
    fc.uniqueArray(fc.nat({ max: 299 }), { maxLength: 4 }),
    async (size, places) => {
      const items = Array.from({ length: size }, (_, index) => index);
      const bad = places.filter((place) => place < size);
      const done: number[] = [];
      let tries = 0;
      const aside = await doAllSettingAside(items, async (some) => {
        tries += 1;
        const found = some.find((item) => bad.includes(item));
        if (found !== undefined) throw new Error(`no ${found}`);
        done.push(...some);
        await Promise.resolve();
      });
      expect(done).toEqual(items.filter((item) => !bad.includes(item)));
      expect(aside.map(({ item, error }) => [item, String(error)])).toEqual(
        bad.toSorted((a, b) => a - b).map((item) => [item, `Error: no ${item}`]),
      );
      expect(tries).toBeLessThanOrEqual(1 + 2 * bad.length * Math.ceil(Math.log2(300)));
    },
  );
  await fc.assert(property);
});

it('does not look for what is bad where the database is gone', async () => {
  let tries = 0;
  const doing = doAllSettingAside([1, 2, 3], async () => {
    tries += 1;
    return await Promise.reject(new ConnectionLost(new Error('cut')));
  });
  await expect(doing).rejects.toThrow(ConnectionLost);
  expect(tries).toBe(1);
});

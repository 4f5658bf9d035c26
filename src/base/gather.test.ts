import { describe, expect, test, vi } from 'vitest';
import { createGather, type GatherLimits } from './gather.ts';

const wide: GatherLimits = { maxLoads: 1, patienceMs: 0, maxKeys: 100, maxWaiting: 100 };

/** Loads that end when the test says so. */
function heldLoads(limits: Partial<GatherLimits> = {}) {
  const loads: { keys: readonly number[]; end: () => void; fail: (error: Error) => void }[] = [];
  const gather = createGather<number, string>(
    async (keys) =>
      await new Promise((resolve, reject) => {
        const end = (): void => resolve(keys.map((key) => `value ${key}`));
        loads.push({ keys, end, fail: reject });
      }),
    { ...wide, ...limits },
  );
  return { gather, loads, keys: () => loads.map((each) => each.keys) };
}

async function turn(): Promise<void> {
  // Two: what a load's end sets off begins in the turn after it.
  for (let turns = 0; turns < 2; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('a gather', () => {
  test('loads together what is asked in one turn, and answers each with its own', async () => {
    const { gather, loads, keys } = heldLoads();
    const asked = [gather(1), gather(2), gather(1)];
    await turn();
    expect(keys()).toEqual([[1, 2, 1]]);
    loads[0]?.end();
    expect(await Promise.all(asked)).toEqual(['value 1', 'value 2', 'value 1']);
  });

  test('lets what is asked during a load go with the next one, never with that one', async () => {
    const { gather, loads, keys } = heldLoads();
    const first = gather(1);
    await turn();
    const later = [gather(1), gather(2)];
    await turn();
    expect(keys()).toEqual([[1]]);
    loads[0]?.end();
    await first;
    await turn();
    expect(keys()).toEqual([[1], [1, 2]]);
    loads[1]?.end();
    await Promise.all(later);
  });

  test('puts no more keys into a load than it may', async () => {
    const { gather, loads, keys } = heldLoads({ maxKeys: 2 });
    const asked = [1, 2, 3].map(async (key) => await gather(key));
    await turn();
    expect(keys()).toEqual([[1, 2]]);
    loads[0]?.end();
    await turn();
    expect(keys()).toEqual([[1, 2], [3]]);
    loads[1]?.end();
    expect(await Promise.all(asked)).toHaveLength(3);
  });

  test('does not wait for a slow load, and has no more loads out than it may', async () => {
    const { gather, loads, keys } = heldLoads({ maxLoads: 2, patienceMs: 5 });
    const asked: Promise<string>[] = [];
    for (const key of [1, 2, 3]) {
      asked.push(gather(key));
      await turn();
    }
    expect(keys()).toEqual([[1]]);
    await vi.waitUntil(() => loads.length === 2);
    asked.push(gather(4));
    // Both are slow by now, and a third may not be out.
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(keys()).toEqual([[1], [2, 3]]);
    loads[1]?.end();
    await vi.waitUntil(() => loads.length === 3);
    expect(keys()).toEqual([[1], [2, 3], [4]]);
    loads[0]?.end();
    loads[2]?.end();
    expect(await Promise.all(asked)).toHaveLength(4);
  });

  test('tells everybody of a load that it failed, and goes on', async () => {
    const { gather, loads } = heldLoads();
    const asked = Promise.allSettled([gather(1), gather(2)]);
    await turn();
    loads[0]?.fail(new Error('away'));
    expect((await asked).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const again = gather(3);
    await turn();
    loads[1]?.end();
    expect(await again).toBe('value 3');
  });

  test('survives a load that throws before it begins', async () => {
    const gather = createGather<number, string>(() => {
      throw new Error('at once');
    }, wide);
    await expect(gather(1)).rejects.toThrow('at once');
    await expect(gather(2)).rejects.toThrow('at once');
  });

  test('refuses what is more than may wait, at once', async () => {
    const { gather, loads } = heldLoads({ maxWaiting: 2 });
    const asked = [gather(1), gather(2)];
    await expect(gather(3)).rejects.toMatchObject({ code: 'OVERLOADED' });
    await turn();
    loads[0]?.end();
    await Promise.all(asked);
    const later = gather(4);
    await turn();
    loads[1]?.end();
    expect(await later).toBe('value 4');
  });
});

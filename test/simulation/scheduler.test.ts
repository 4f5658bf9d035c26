import { describe, expect, it } from 'vitest';
import { createScheduler, quiet, type Scheduler } from './scheduler.ts';
import { createSeededRandom } from '../harness/seeded-random.ts';

function scheduler(seed: string): Scheduler {
  return createScheduler({ random: createSeededRandom(seed), startMs: 0 });
}

async function runOut(it: Scheduler): Promise<void> {
  await quiet();
  while (await it.step());
}

/** Three actors that each write their letter three times. */
async function letters(seed: string): Promise<{ text: string; digest: string }> {
  const it = scheduler(seed);
  let text = '';
  const write = async (letter: string): Promise<void> => {
    const actor = it.actor(letter);
    for (let times = 0; times < 3; times += 1) {
      await it.pass(actor, 'write', async () => await Promise.resolve());
      text += letter;
    }
  };
  for (const letter of ['a', 'b', 'c']) void write(letter);
  await runOut(it);
  return { text, digest: it.digest() };
}

describe('the order of steps', () => {
  it('is the same for the same seed', async () => {
    expect(await letters('1')).toEqual(await letters('1'));
  });

  it('is another for other seeds, and so is its digest', async () => {
    const seeds = Array.from({ length: 20 }, (_, seed) => String(seed));
    const runs = await Promise.all(seeds.map(letters));
    expect(new Set(runs.map(({ text }) => text)).size).toBeGreaterThan(10);
    expect(new Set(runs.map(({ digest }) => digest)).size).toBe(20);
  });
});

describe('a gate', () => {
  it('lets one through at a time, and everybody runs on before the next', async () => {
    const it = scheduler('one at a time');
    let inside = 0;
    let most = 0;
    const visit = async (): Promise<void> => {
      await it.pass(it.actor('visitor'), 'visit', async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => {
          setTimeout(resolve, 1);
        });
        inside -= 1;
      });
    };
    void Promise.all([visit(), visit(), visit()]);
    await runOut(it);
    expect([most, it.steps()]).toEqual([1, 3]);
  });

  it('gives a failure to whoever waits', async () => {
    const it = scheduler('failure');
    const failing = it.pass(it.actor('a'), 'fail', async () => {
      await Promise.reject(new Error('no'));
    });
    const said = expect(failing).rejects.toThrow('no');
    await runOut(it);
    await said;
  });

  it('notices a call in the middle of another', async () => {
    const it = scheduler('nested');
    const actor = it.actor('a');
    void it.pass(actor, 'transaction', async () => {
      void it.pass(actor, 'request', async () => await Promise.resolve());
      await Promise.resolve();
    });
    await runOut(it);
    expect(it.nested()).toEqual(['request during transaction']);
  });

  it('answers late, at a later time', async () => {
    const it = scheduler('late');
    const times: number[] = [];
    const ask = async (): Promise<void> => {
      await it.pass(it.actor('a'), 'ask', async ({ delay }) => {
        delay(5_000);
        await Promise.resolve();
      });
      times.push(it.now());
    };
    void ask();
    await runOut(it);
    expect(times[0]).toBeGreaterThanOrEqual(5_000);
  });
});

describe('an actor', () => {
  it('that is killed runs no further, whatever it waits for', async () => {
    const it = scheduler('killed');
    const actor = it.actor('a');
    const done: string[] = [];
    const work = async (): Promise<void> => {
      await it.pass(actor, 'first', async ({ dieBeforeAnswer }) => {
        done.push('the work');
        dieBeforeAnswer();
        await Promise.resolve();
      });
      done.push('the rest');
    };
    void work();
    void it.sleep(actor, 10).then(() => done.push('the sleeper'));
    await runOut(it);
    expect(done).toEqual(['the work']);
    expect(actor.isAlive()).toBe(false);
  });

  it('that is stalled gets no turn until it wakes', async () => {
    const it = scheduler('stalled');
    const [slow, quick] = [it.actor('slow'), it.actor('quick')];
    it.stall(slow, 1_000);
    const order: string[] = [];
    void it.pass(slow, 'x', async () => await Promise.resolve()).then(() => order.push('slow'));
    void it.sleep(quick, 500).then(() => order.push('quick'));
    await runOut(it);
    expect(order).toEqual(['quick', 'slow']);
    expect(it.now()).toBeGreaterThanOrEqual(1_000);
  });

  it('wakes from a sleep when it is told to', async () => {
    const it = scheduler('woken');
    const halt = new AbortController();
    const sleeping = it.sleep(it.actor('a'), 1_000_000, halt.signal);
    halt.abort();
    await sleeping;
    await runOut(it);
    expect(it.now()).toBeLessThan(1_000);
  });
});

import { Fault } from './fault.ts';

/** Asks for one thing, and may be answered together with others. */
export type Gather<K, V> = (key: K) => Promise<V>;

export interface GatherLimits {
  /** Loads that are out at once: more than one only where the others are slow. */
  readonly maxLoads: number;
  /** A load that is out for so long is slow: what waits goes without it. */
  readonly patienceMs: number;
  /** Keys of one load. */
  readonly maxKeys: number;
  /** Keys that wait for a load; one more is refused. */
  readonly maxWaiting: number;
}

interface Asked<K, V> {
  readonly key: K;
  readonly answer: (value: V) => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Makes one load of what many ask for. While a load is out keys wait and go together with the next; where
 * none is out a key waits only for the others of the same turn of the event loop. A load on a connection that
 * broke silently holds nobody up for longer than `patienceMs`. Nothing is kept: a key is loaded after it was
 * asked for. `load` gives the values in the order of the keys, and its failure is everybody's who asked. A key
 * beyond `maxWaiting` is refused with OVERLOADED.
 */
export function createGather<K, V>(
  load: (keys: readonly K[]) => Promise<readonly V[]>,
  limits: GatherLimits,
): Gather<K, V> {
  let waiting: Asked<K, V>[] = [];
  let loadsOut = 0;
  /** Of these nobody thinks that they will end soon. */
  let slowLoads = 0;
  let isSet = false;

  const setOff = (): void => {
    const mayBegin = loadsOut === slowLoads && loadsOut < limits.maxLoads;
    if (isSet || !mayBegin || waiting.length === 0) return;
    isSet = true;
    setImmediate(begin);
  };
  const begin = (): void => {
    isSet = false;
    const batch = waiting.slice(0, limits.maxKeys);
    waiting = waiting.slice(limits.maxKeys);
    loadsOut += 1;
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      slowLoads += 1;
      setOff();
    }, limits.patienceMs);
    void serve(load, batch).then(() => {
      clearTimeout(timer);
      loadsOut -= 1;
      if (isSlow) slowLoads -= 1;
      setOff();
    });
  };

  return async (key) =>
    await new Promise<V>((answer, refuse) => {
      if (waiting.length >= limits.maxWaiting) {
        refuse(new Fault('OVERLOADED', 'The service is busy. Try again.'));
        return;
      }
      waiting.push({ key, answer, refuse });
      setOff();
    });
}

/** Never fails: whoever asked is told. */
async function serve<K, V>(
  load: (keys: readonly K[]) => Promise<readonly V[]>,
  batch: readonly Asked<K, V>[],
): Promise<void> {
  try {
    const values = await load(batch.map(({ key }) => key));
    batch.forEach(({ answer }, index) => answer(values[index] as V));
  } catch (error) {
    for (const { refuse } of batch) refuse(error);
  }
}

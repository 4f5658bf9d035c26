import { createHash } from 'node:crypto';
import { assert } from '../../src/base/assert.ts';
import type { SeededRandom } from '../harness/seeded-random.ts';

/**
 * Lets concurrent code run one step at a time, in an order that a seed decides. Whatever reaches outside
 * its process (a request, a query, a whole transaction, a sleep) waits at a gate; one of those that wait
 * is let through, does its work to the end, and everybody runs on until all wait again. So the same seed
 * gives the same history, though the database is a real one.
 */
export interface Scheduler {
  /** Simulated milliseconds since 1970. */
  now(): number;
  steps(): number;
  /** Of the order of steps so far, in hex. */
  digest(): string;
  readonly actor: (name: string) => Actor;
  /** Waits for its turn, then does `work`; the answer may come late, or never if the actor has died. */
  pass<T>(actor: Actor, label: string, work: (passage: Passage) => Promise<T>): Promise<T>;
  /** A gate that opens after so many milliseconds, or with `signal`. */
  sleep(actor: Actor, ms: number, signal?: AbortSignal): Promise<void>;
  /** One step. False where nobody waits for anything. */
  step(): Promise<boolean>;
  /** Calls that were made in the middle of another: an open transaction across a network call, say. */
  nested(): readonly string[];
  /** The actor's code is abandoned: it runs no further, whatever it waits for. */
  kill(actor: Actor): void;
  /** The actor gets no turn before so many milliseconds have passed. */
  stall(actor: Actor, ms: number): void;
}

/** A simulated process. */
export interface Actor {
  readonly name: string;
  readonly isAlive: () => boolean;
}

/** What the work at a gate may say about itself. */
export interface Passage {
  /** Its answer, or its failure, arrives so many milliseconds later. */
  readonly delay: (ms: number) => void;
  /** Into the digest: what this step did. */
  readonly note: (text: string) => void;
  /** The process dies before it learns how it went. */
  readonly dieBeforeAnswer: () => void;
}

interface ActorState extends Actor {
  alive: boolean;
  awakeAt: number;
}

interface Waiting {
  readonly actor: ActorState;
  readonly label: string;
  readonly openAt: number;
  readonly enter: (passage: Passage) => Promise<() => void>;
}

/** Each step takes some of this. */
const STEP_MS = 4;

export function createScheduler(options: {
  readonly random: SeededRandom;
  readonly startMs: number;
}): Scheduler {
  const { random } = options;
  const history = createHash('sha256');
  let waiting: Waiting[] = [];
  let nowMs = options.startMs;
  let steps = 0;
  let entered: string | null = null;
  const nested: string[] = [];

  const wait = (entry: Waiting): void => {
    if (entered !== null) nested.push(`${entry.label} during ${entered}`);
    if (entry.actor.alive) waiting.push(entry);
  };

  const pass = async <T>(
    actor: Actor,
    label: string,
    work: (passage: Passage) => Promise<T>,
  ): Promise<T> =>
    await new Promise<T>((resolve, reject) => {
      const enter = async (passage: Passage): Promise<() => void> => {
        try {
          const value = await work(passage);
          return () => resolve(value);
        } catch (error) {
          return () => reject(error);
        }
      };
      wait({ actor: actor as ActorState, label, openAt: nowMs, enter });
    });

  const sleep = async (actor: Actor, ms: number, signal?: AbortSignal): Promise<void> => {
    assert(Number.isFinite(ms), 'a sleep has a length');
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const enter = async (): Promise<() => void> => await Promise.resolve(resolve);
      const entry = { actor: actor as ActorState, label: 'sleep', openAt: nowMs + ms, enter };
      wait(entry);
      signal?.addEventListener(
        'abort',
        () => {
          waiting = waiting.filter((other) => other !== entry);
          resolve();
        },
        { once: true },
      );
    });
  };

  const opensAt = ({ openAt, actor }: Waiting): number => Math.max(openAt, actor.awakeAt);

  /** One of those whose gate is open; where none is, time passes until the next one is. */
  const choose = (): Waiting | undefined => {
    if (waiting.length === 0) return undefined;
    let open = waiting.filter((entry) => opensAt(entry) <= nowMs);
    if (open.length === 0) {
      nowMs = waiting.reduce((next, entry) => Math.min(next, opensAt(entry)), Infinity);
      open = waiting.filter((entry) => opensAt(entry) <= nowMs);
    }
    const chosen = random.pick(open);
    waiting.splice(waiting.indexOf(chosen), 1);
    return chosen;
  };

  const deliver = async (
    entry: Waiting,
    answer: () => void,
    how: { delayMs: number; dies: boolean },
  ): Promise<void> => {
    const { actor, label } = entry;
    if (how.dies) scheduler.kill(actor);
    if (!actor.alive) return;
    if (how.delayMs === 0) {
      answer();
      await quiet();
      return;
    }
    const enter = async (): Promise<() => void> => await Promise.resolve(answer);
    waiting.push({ actor, label: `${label} answered`, openAt: nowMs + how.delayMs, enter });
  };

  const scheduler: Scheduler = {
    now: () => nowMs,
    steps: () => steps,
    nested: () => nested,
    digest: () => history.copy().digest('hex'),
    actor: (name) => {
      const actor: ActorState = { name, alive: true, awakeAt: 0, isAlive: () => actor.alive };
      return actor;
    },
    pass,
    sleep,
    step: async () => {
      const entry = choose();
      if (entry === undefined) return false;
      steps += 1;
      nowMs += random.below(STEP_MS);
      const how = { delayMs: 0, dies: false };
      let notes = '';
      entered = entry.label;
      let answer: () => void;
      try {
        answer = await entry.enter({
          delay: (ms) => {
            how.delayMs += ms;
          },
          note: (text) => {
            notes += `|${text}`;
          },
          dieBeforeAnswer: () => {
            how.dies = true;
          },
        });
      } finally {
        entered = null;
      }
      history.update(`${nowMs}|${entry.actor.name}|${entry.label}${notes}\n`);
      await deliver(entry, answer, how);
      return true;
    },
    kill: (actor) => {
      const state = actor as ActorState;
      state.alive = false;
      waiting = waiting.filter((entry) => entry.actor !== state);
    },
    stall: (actor, ms) => {
      const state = actor as ActorState;
      state.awakeAt = Math.max(state.awakeAt, nowMs + ms);
    },
  };
  return scheduler;
}

/** Until every promise that can go on has gone on: only gates are waited at. */
export async function quiet(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

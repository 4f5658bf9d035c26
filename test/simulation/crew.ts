import { present } from '../../src/base/assert.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { Actor, Scheduler } from './scheduler.ts';
import type { SeededRandom } from '../harness/seeded-random.ts';

/** A simulated process with a clock of its own. */
export interface CrewMember {
  readonly name: string;
  readonly actor: Actor;
  readonly clock: Clock;
}

/** The worker processes of a world: some die, and others are started in their place. */
export interface Crew {
  readonly alive: () => readonly CrewMember[];
  /** One dies; a new one, with another name, starts after a while. */
  readonly crash: () => void;
  /** One gets no turn for longer than its leases last. */
  readonly stall: () => void;
  /** One's clock jumps, forwards or backwards. */
  readonly jump: () => void;
  /** Every clock is right again; the dead are replaced as they come to be missed. */
  readonly calm: () => void;
}

const LONGEST_ABSENCE_MS = 30_000;
const LONGEST_STALL_MS = 90_000;
const LONGEST_JUMP_MS = 900_000;

export function createCrew(place: {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly count: number;
  /** Starts a process; it waits at gates of the member's actor. */
  readonly start: (member: CrewMember) => void;
  /** Starts the replacements. */
  readonly nurse: Actor;
}): Crew {
  const { scheduler, random, start, nurse } = place;
  let hired = 0;
  let members: { member: CrewMember; offset: { ms: number } }[] = [];
  const hire = (): void => {
    hired += 1;
    const actor = scheduler.actor(`worker ${hired}`);
    const offset = { ms: 0 };
    const clock: Clock = {
      now: () => new Date(scheduler.now() + offset.ms),
      sleep: async (ms, signal) => {
        await scheduler.sleep(actor, ms, signal);
      },
    };
    const member = { name: actor.name, actor, clock };
    members.push({ member, offset });
    start(member);
  };
  const replaceLater = async (): Promise<void> => {
    await scheduler.sleep(nurse, random.between(1, LONGEST_ABSENCE_MS));
    hire();
  };
  const buryTheDead = (): void => {
    const dead = members.filter(({ member }) => !member.actor.isAlive());
    members = members.filter(({ member }) => member.actor.isAlive());
    for (const _ of dead) void replaceLater();
  };
  for (let index = 0; index < place.count; index += 1) hire();
  const one = (): { member: CrewMember; offset: { ms: number } } | undefined => {
    buryTheDead();
    return members.length === 0 ? undefined : random.pick(members);
  };
  return {
    alive: () => {
      buryTheDead();
      return members.map(({ member }) => member);
    },
    crash: () => {
      const victim = one();
      if (victim === undefined) return;
      scheduler.kill(victim.member.actor);
      buryTheDead();
    },
    stall: () => {
      const victim = one();
      if (victim === undefined) return;
      scheduler.stall(victim.member.actor, random.between(1_000, LONGEST_STALL_MS));
    },
    jump: () => {
      const victim = one();
      if (victim === undefined) return;
      const ms = random.between(-LONGEST_JUMP_MS, LONGEST_JUMP_MS);
      present(victim, 'somebody is there').offset.ms = ms;
    },
    calm: () => {
      buryTheDead();
      for (const { offset } of members) offset.ms = 0;
    },
  };
}

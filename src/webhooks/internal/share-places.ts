import { assert } from '../../base/assert.ts';

/** How much is done at one time. */
export interface PlaceLimits {
  readonly overall: number;
  readonly perEndpoint: number;
  /** What an endpoint comes to have that goes on answering well and quickly; default: no more. */
  readonly perQuickEndpoint?: number;
}

/**
 * What is known of an endpoint: nothing yet, that its last attempt was answered well and in time, that it
 * was slow, or that it failed.
 */
type Standing = 'unproven' | 'good' | 'slow' | 'failing';

/** What came of an attempt. `broken`: on our side, before anything was sent. */
export interface LaneResult {
  readonly kind: 'delivered' | 'failed' | 'idle' | 'broken';
  readonly durationMs: number;
}

const SLOW_MS = 2000;

/** Answers in this time are quick; after so many of them an endpoint has one place more. */
const QUICK_MS = 500;
const ANSWERS_PER_PLACE = 4;

/** One that fails is sent one at a time until it answers again. */
const PER_FAILING_ENDPOINT = 1;

/**
 * So much of the places may be held by all endpoints of a standing together. Those that fail or are slow
 * hold a quarter, so that however many hang, the others find places free; those that have not been heard
 * yet hold half, so that many dead ones that begin at once do not hold them all until their time is over.
 */
const SHARES = { good: 1, unproven: 0.5, poor: 0.25 } as const;

/** Endpoints with nothing under way whose standing is remembered; the longest unused is forgotten first. */
const MAX_REMEMBERED = 10_000;

interface Lane {
  /** The business, once an item has told it; until then the lane stands for itself. */
  owner: string;
  standing: Standing;
  inFlight: number;
  /** How many places it may have while it stands well; grows by parts of one. */
  most: number;
}

/** Shares a bounded number of places out between businesses, and within each between its endpoints. */
export interface Places {
  readonly free: () => number;
  readonly inFlight: () => number;
  /**
   * How many places each lane may take now. Each place goes to the business that holds the fewest, and in it
   * to the lanes in turn: in the order of `due`, so that who was served last is put last by the caller.
   */
  share(due: Iterable<string>): Map<string, number>;
  begin(lane: string, owner: string): void;
  end(lane: string, result: LaneResult): void;
}

export function createPlaces(limits: PlaceLimits): Places {
  const lanes = new Map<string, Lane>();
  const heldBy = new Map<string, number>();
  const held = { good: 0, unproven: 0, poor: 0 };
  const total = (): number => held.good + held.unproven + held.poor;
  const laneOf = (name: string): Lane =>
    lanes.get(name) ?? {
      owner: name,
      standing: 'unproven',
      inFlight: 0,
      most: limits.perEndpoint,
    };
  const move = (lane: Lane, by: 1 | -1): void => {
    lane.inFlight += by;
    held[classOf(lane)] += by;
    const left = (heldBy.get(lane.owner) ?? 0) + by;
    if (left === 0) heldBy.delete(lane.owner);
    else heldBy.set(lane.owner, left);
  };
  return {
    free: () => limits.overall - total(),
    inFlight: total,
    share: (due) => {
      const room = new Room(limits, held);
      const wanting = [...due].map((name) => new Wanting(name, laneOf(name)));
      return shareOut(room, wanting, heldBy);
    },
    begin: (name, owner) => {
      const lane = laneOf(name);
      // Told for the first time: nothing is held in the name that stood for it.
      if (lane.inFlight === 0) lane.owner = owner;
      lanes.delete(name);
      lanes.set(name, lane);
      move(lane, 1);
    },
    end: (name, result) => {
      const lane = laneOf(name);
      assert(lane.inFlight > 0, 'a place is given back once');
      move(lane, -1);
      held[classOf(lane)] -= lane.inFlight;
      lane.standing = standingAfter(lane.standing, result);
      lane.most = mostAfter(lane, result, limits);
      held[classOf(lane)] += lane.inFlight;
      forgetSurplus(lanes);
    },
  };
}

type Class = keyof typeof SHARES;

function classOf({ standing }: Lane): Class {
  return standing === 'slow' || standing === 'failing' ? 'poor' : standing;
}

function standingAfter(before: Standing, { kind, durationMs }: LaneResult): Standing {
  if (kind === 'failed' || kind === 'broken') return 'failing';
  if (durationMs > SLOW_MS) return 'slow';
  return kind === 'delivered' ? 'good' : before;
}

/** Grows slowly and falls back at once, so that nobody is overrun who has become slower. */
function mostAfter(lane: Lane, { kind, durationMs }: LaneResult, limits: PlaceLimits): number {
  if (kind === 'idle') return lane.most;
  if (classOf(lane) === 'poor') return limits.perEndpoint;
  if (durationMs > QUICK_MS) return lane.most;
  const ceiling = limits.perQuickEndpoint ?? limits.perEndpoint;
  return Math.min(ceiling, lane.most + 1 / ANSWERS_PER_PLACE);
}

function forgetSurplus(lanes: Map<string, Lane>): void {
  if (lanes.size <= MAX_REMEMBERED) return;
  for (const [name, lane] of lanes) {
    if (lane.inFlight === 0) lanes.delete(name);
    if (lanes.size <= MAX_REMEMBERED) return;
  }
}

/** What may still be given. */
class Room {
  private left: number;
  private readonly leftFor: Record<Class, number>;

  constructor(limits: PlaceLimits, held: Readonly<Record<Class, number>>) {
    const cap = (share: number): number => Math.max(1, Math.floor(limits.overall * share));
    this.left = limits.overall - held.good - held.unproven - held.poor;
    this.leftFor = {
      good: this.left,
      unproven: cap(SHARES.unproven) - held.unproven,
      poor: cap(SHARES.poor) - held.poor,
    };
  }

  isUsedUp(): boolean {
    return this.left <= 0;
  }

  take(of: Class): boolean {
    if (this.left <= 0 || this.leftFor[of] <= 0) return false;
    this.left -= 1;
    this.leftFor[of] -= 1;
    return true;
  }
}

/** A lane that has something due. */
class Wanting {
  readonly name: string;
  readonly lane: Lane;
  private more: number;
  given = 0;

  constructor(name: string, lane: Lane) {
    this.name = name;
    this.lane = lane;
    const most = lane.standing === 'failing' ? PER_FAILING_ENDPOINT : Math.floor(lane.most);
    this.more = most - lane.inFlight;
  }

  take(room: Room): boolean {
    if (this.more <= 0 || !room.take(classOf(this.lane))) return false;
    this.more -= 1;
    this.given += 1;
    return true;
  }
}

/** Level by level: who holds the fewest places takes one and stands a level higher. */
function shareOut(
  room: Room,
  wanting: readonly Wanting[],
  heldBy: ReadonlyMap<string, number>,
): Map<string, number> {
  const levels: Wanting[][][] = [];
  for (const [owner, own] of Map.groupBy(wanting, ({ lane }) => lane.owner)) {
    (levels[heldBy.get(owner) ?? 0] ??= []).push(own);
  }
  for (let level = 0; level < levels.length && !room.isUsedUp(); level += 1) {
    for (const own of levels[level] ?? []) {
      if (takeOne(room, own)) (levels[level + 1] ??= []).push(own);
    }
  }
  return new Map(wanting.flatMap(({ name, given }) => (given > 0 ? [[name, given]] : [])));
}

/** The first lane that can take a place takes it and goes to the end; those that cannot are left out. */
function takeOne(room: Room, own: Wanting[]): boolean {
  for (;;) {
    const next = own.shift();
    if (next === undefined) return false;
    if (!next.take(room)) continue;
    own.push(next);
    return true;
  }
}

import type { Queryable } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import { findNetworkState, stopNetwork, type NetworkState } from './network-state.ts';
import { listKnownAttempts } from './internal/attempt-store.ts';
import type { Settlement } from './settlement.ts';

/**
 * What one worker knows to be recorded on its network, in its own memory. Neither is ever undone: numbers are
 * only given upwards, and attempts are kept for ever. A database that lacks any of it has lost commits that it
 * had answered: by a failover to a standby that lagged, or because an older copy was put in its place.
 */
export interface Memory {
  /** An attempt that this worker has recorded. */
  readonly noteRecorded: (attemptId: string) => void;
  /** Attempts that the database was seen to hold, whoever recorded them. */
  readonly noteSeen: (attemptIds: readonly string[]) => void;
  readonly noteNumber: (nextNumber: bigint) => void;
  readonly attemptIds: () => readonly string[];
  readonly nextNumber: () => bigint;
  /** A person has been told: what the database holds from here on is what there is. */
  readonly begin: () => void;
  /** Whether it was begun anew since the last call. */
  readonly takeLoss: () => boolean;
}

/** What is lost is the newest. Of what is recorded at the same time nobody knows the order. */
const MOST_OF_EACH = 16;

export function createMemory(): Memory {
  let recorded: string[] = [];
  let seen: string[] = [];
  let number = 0n;
  let hasLost = false;
  return {
    noteRecorded: (attemptId) => {
      recorded = [...recorded, attemptId].slice(-MOST_OF_EACH);
    },
    noteSeen: (attemptIds) => {
      // Their ids are in the order of their making.
      seen = [...new Set([...seen, ...attemptIds])].sort().slice(-MOST_OF_EACH);
    },
    noteNumber: (nextNumber) => {
      if (nextNumber > number) number = nextNumber;
    },
    attemptIds: () => [...new Set([...recorded, ...seen])],
    nextNumber: () => number,
    begin: () => {
      recorded = [];
      seen = [];
      number = 0n;
      hasLost = true;
    },
    takeLoss: () => {
      const had = hasLost;
      hasLost = false;
      return had;
    },
  };
}

/**
 * The network's row, for a round of signing. Undefined where nothing may be signed: it is stopped, or the
 * database has lost what this worker knows of, which stops it. While it is stopped for something else the
 * memory is kept: the loss is told once that is out of the way.
 */
export async function findSigningState(
  settlement: Pick<Settlement, 'database' | 'driver' | 'clock' | 'log'>,
  memory: Memory,
): Promise<NetworkState | undefined> {
  const { database, driver, clock, log } = settlement;
  const { network } = driver;
  const { state, loss } = await readState(database, network, memory);
  if (state === undefined || state.stoppedFor !== null) return undefined;
  const lost = loss ?? (await findLostAttempt(database, network, memory));
  if (lost === undefined) return state;
  const reason = `the database has lost what it had recorded: ${lost}; what was signed then may be paid: see the runbook on restoring, before "knit network resume" is run`;
  if (await stopNetwork(database, { network, reason, at: clock.now() })) {
    memory.begin();
    log.error({ alarm: true }, `signing has stopped: ${reason}`);
  }
  return undefined;
}

/** What is remembered is read before the question is asked: the answer can then only be newer. */
async function readState(
  db: Queryable,
  network: NetworkId,
  memory: Memory,
): Promise<{ state: NetworkState | undefined; loss: string | undefined }> {
  const least = memory.nextNumber();
  const state = await findNetworkState(db, network);
  const next = state?.nextNumber ?? 0n;
  if (next >= least) {
    memory.noteNumber(next);
    return { state, loss: undefined };
  }
  return { state, loss: `its next number is ${next}, and was ${least}` };
}

/** In words; undefined where all are there. */
export async function findLostAttempt(
  db: Queryable,
  network: NetworkId,
  memory: Memory,
): Promise<string | undefined> {
  const wanted = memory.attemptIds();
  if (wanted.length === 0) return undefined;
  const known = await listKnownAttempts(db, network, wanted);
  const lost = wanted.find((attemptId) => !known.has(attemptId));
  return lost === undefined ? undefined : `attempt ${lost} is gone`;
}

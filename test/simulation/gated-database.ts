import type { Database, Queryable, Tx } from '../../src/database/database.ts';
import { CommitUnknown, ConnectionLost } from '../../src/database/sql-failure.ts';
import type { Faults } from './faults.ts';
import type { Actor, Passage, Scheduler } from './scheduler.ts';
import type { SeededRandom } from '../harness/seeded-random.ts';

/** What a step did to the database, told before its caller hears of it. */
export interface Written {
  readonly statements: readonly string[];
}

/**
 * The real database as one process of the simulation reaches it: each query, and each transaction as a
 * whole, waits for its turn, and may meet what happens to connections. A transaction that the server
 * refuses is run again by the real database's own wrapper, because the refusal comes from below it.
 */
export function gateDatabase(
  real: Database,
  place: {
    readonly scheduler: Scheduler;
    readonly actor: Actor;
    readonly faults: Faults;
    readonly random: SeededRandom;
    readonly onWritten: (written: Written) => void;
    /** Whether the process may die between what it did and the answer. */
    readonly isMortal: boolean;
  },
): Database {
  const { scheduler, actor, faults, onWritten } = place;
  return {
    query: async <R extends object>(text: string, values?: readonly unknown[]): Promise<R[]> =>
      await scheduler.pass(actor, `query ${nameOf(text)}`, async (passage) => {
        if (faults.strikes('connection-lost')) throw lostConnection(passage);
        if (faults.strikes('statement-timeout')) throw serverError('57014', 'statement timeout');
        const rows = await askInOrder<R>(real, text, values);
        onWritten({ statements: [text] });
        passage.note(String(rows.length));
        if (faults.strikes('answer-lost')) throw lostConnection(passage);
        dieAtRandom(passage, place);
        return rows;
      }),
    transaction: async (work) =>
      await scheduler.pass(
        actor,
        'transaction',
        async (passage) => await runTransaction(real, work, { ...place, passage }),
      ),
    connections: () => real.connections(),
    close: async () => {
      await Promise.resolve();
    },
  };
}

class RolledBack extends Error {}

async function runTransaction<T>(
  real: Database,
  work: (tx: Tx) => Promise<T>,
  place: {
    readonly faults: Faults;
    readonly random: SeededRandom;
    readonly onWritten: (written: Written) => void;
    readonly passage: Passage;
    readonly isMortal: boolean;
  },
): Promise<T> {
  const { faults, random, passage, onWritten } = place;
  const fate = drawFate(faults);
  // A few are refused more than once, and so often that the wrapper gives up.
  let refusals = fate === 'serialization-failure' ? random.between(1, 9) : 0;
  const breaks = fate === 'connection-lost' || fate === 'statement-timeout';
  const breaksAt = random.below(8);
  let statements: string[] = [];
  try {
    const result = await real.transaction(async (tx) => {
      statements = [];
      const given = await work({
        inTransaction: true,
        query: async (text, values) => {
          if (breaks && statements.length >= breaksAt) throw breakOf(fate, passage);
          statements.push(text);
          return await askInOrder(tx, text, values);
        },
      });
      if (breaks) throw breakOf(fate, passage);
      refusals -= 1;
      if (refusals >= 0) throw serverError('40001', 'could not serialize access');
      if (fate === 'commit-lost-undone') throw new RolledBack();
      return given;
    });
    passage.note(`committed ${statements.map(nameOf).join()}`);
    onWritten({ statements });
    if (fate === 'commit-lost-done') throw new CommitUnknown(new Error('the connection broke'));
    dieAtRandom(passage, place);
    return result;
  } catch (error) {
    passage.note(error instanceof Error ? error.name : 'failed');
    if (!(error instanceof RolledBack)) throw error;
    throw new CommitUnknown(new Error('the connection broke'));
  }
}

type Fate =
  | 'commit-lost-done'
  | 'commit-lost-undone'
  | 'connection-lost'
  | 'serialization-failure'
  | 'statement-timeout'
  | 'none';

function drawFate(faults: Faults): Fate {
  const kinds = [
    'commit-lost-done',
    'commit-lost-undone',
    'connection-lost',
    'serialization-failure',
    'statement-timeout',
  ] as const;
  return kinds.find((kind) => faults.strikes(kind)) ?? 'none';
}

function breakOf(fate: Fate, passage: Passage): Error {
  if (fate === 'statement-timeout') return serverError('57014', 'statement timeout');
  return lostConnection(passage);
}

function dieAtRandom(
  passage: Passage,
  { faults, isMortal }: { readonly faults: Faults; readonly isMortal: boolean },
): void {
  if (isMortal && faults.strikes('crash-before-answer')) passage.dieBeforeAnswer();
}

/** A broken connection is noticed late as often as at once. */
const NOTICED_AFTER_MS = 5_000;

function lostConnection(passage: Passage): ConnectionLost {
  passage.delay(NOTICED_AFTER_MS);
  return new ConnectionLost(new Error('the connection broke'));
}

/** As the driver gives what the server says. */
function serverError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code, severity: 'ERROR' });
}

/**
 * The server promises no order where none was asked for, and gives another one from run to run. Here it
 * is always the same: by the rows' own text.
 */
async function askInOrder<R extends object>(
  db: Queryable,
  text: string,
  values?: readonly unknown[],
): Promise<R[]> {
  const rows = await db.query<R>(text, values);
  if (rows.length < 2 || /\bORDER BY\b/i.test(text)) return rows;
  const keyed = rows.map((row) => ({ key: keyOf(row), row }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ row }) => row);
}

function keyOf(row: object): string {
  return Object.values(row)
    .map((value: unknown) => textOf(value))
    .join('|');
}

/** "UPDATE settlement_orders": enough to tell what a step was. */
export function nameOf(statement: string): string {
  const [, verb = '', table = ''] =
    /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\b[^]*?\b(?:FROM |INTO |UPDATE )?([a-z]+_[a-z_]+|payouts)\b/.exec(
      statement,
    ) ?? [];
  return `${verb} ${table}`;
}

/** Of what a statement is given: enough to tell two of them apart. */
function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
    return value.toString();
  }
  return '';
}

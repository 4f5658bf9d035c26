import type { Database, Queryable, Row } from '../../src/database/database.ts';

type Rewrite = (text: string) => string;
type Forge = (text: string, rows: readonly Row[], values: readonly unknown[]) => readonly Row[];

/** A database whose statements, and whose answers, pass through a careless hand. */
export function through(
  database: Database,
  rewrite: Rewrite,
  forge: Forge = (_, rows) => rows,
): Database {
  const query =
    (db: Queryable): Queryable['query'] =>
    async <R extends object = Row>(text: string, values?: readonly unknown[]) => {
      const rows = await db.query(rewrite(text), values);
      return [...forge(text, rows, values ?? [])] as R[];
    };
  return {
    query: query(database),
    transaction: async (work) =>
      await database.transaction(async (tx) => await work({ ...tx, query: query(tx) })),
    connections: () => database.connections(),
    close: async () => {
      await database.close();
    },
  };
}

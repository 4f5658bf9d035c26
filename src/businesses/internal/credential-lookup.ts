import { createGather, type Gather } from '../../base/gather.ts';
import type { Queryable } from '../../database/database.ts';
import { columnOfIds } from '../../database/statement.ts';

/** What a credential says that it is: to be found within one shard. Ids in lower case. */
export interface CredentialRef {
  readonly businessId: string;
  readonly credentialId: string;
}

/** A stored credential, with the ranges of its business's allow-list. */
export interface CredentialRow {
  readonly business_id: string;
  readonly credential_id: string;
  readonly user_id: string;
  readonly scopes: string[];
  readonly ranges: string[];
}

/** As many may wait as a process takes requests at all. */
const LIMITS = { maxLoads: 4, patienceMs: 50, maxKeys: 256, maxWaiting: 100_000 };

/**
 * Finds credentials, those that are asked for together by one statement. Its parameters are the ids of
 * the businesses and, in the same order, of the credentials. Nothing is remembered: a credential that was
 * revoked before it is asked for is found revoked.
 */
export function createCredentialLookup<R extends CredentialRow>(
  db: Queryable,
  statement: string,
): Gather<CredentialRef, R | undefined> {
  return createGather(async (refs) => {
    const distinct = [...new Map(refs.map((ref) => [nameOf(ref), ref])).values()];
    const values = [
      columnOfIds(distinct.map(({ businessId }) => businessId)),
      columnOfIds(distinct.map(({ credentialId }) => credentialId)),
    ];
    const rows = await db.query<R>(statement, values, { isRepeated: true });
    const found = new Map(
      rows.map((row) => [
        nameOf({ businessId: row.business_id, credentialId: row.credential_id }),
        row,
      ]),
    );
    return refs.map((ref) => found.get(nameOf(ref)));
  }, LIMITS);
}

function nameOf({ businessId, credentialId }: CredentialRef): string {
  return businessId + credentialId;
}

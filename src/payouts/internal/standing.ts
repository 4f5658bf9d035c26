import type { Queryable } from '../../database/database.ts';
import { withParts, type NamedPart, type Statement } from '../../database/statement.ts';
import { readingAvailable, type AvailableRow } from '../../ledger/hold.ts';
import type { Token } from '../../money/asset.ts';
import type { IdempotentRequest, KeptAnswer } from '../idempotency.ts';
import type { PayoutOrder } from '../payout-order.ts';

/** What is committed that decides over orders, of one moment. */
export interface Standing {
  /** By {@link accountName}. */
  readonly accounts: ReadonlyMap<string, StandingAccount>;
  /** The names of the references that are taken: see {@link referenceName}. */
  readonly references: ReadonlySet<string>;
  /** By {@link keyName}. */
  readonly answers: ReadonlyMap<string, KeptAnswer>;
}

export interface StandingAccount {
  readonly accountId: string;
  /** Ledger units that a new hold may take. */
  readonly availableUnits: bigint;
}

/** Ids are of one length, so that what follows them cannot be taken for a part of them. */
export function accountName(order: PayoutOrder): string {
  return `${order.requester.businessId} ${order.token}`;
}

/** Text as the database keeps it, where what is no character is written as U+FFFD. */
export function referenceName(businessId: string, reference: string): string {
  return `${businessId} ${reference.toWellFormed()}`;
}

export function keyName(businessId: string, key: string): string {
  return `${businessId} ${key.toWellFormed()}`;
}

/**
 * Reads what decides over the orders: in one statement, because it is of one moment only then. Were
 * the keys read before the references, a request that is repeated while its first is being committed
 * could find its key free and its own reference taken.
 */
export async function readStanding(
  db: Queryable,
  orders: readonly PayoutOrder[],
): Promise<Standing> {
  const { text, values } = readingStanding(orders);
  const rows = await db.query<StandingRow>(text, values, { isRepeated: true });
  const accounts = new Map<string, StandingAccount>();
  const references = new Set<string>();
  const answers = new Map<string, KeptAnswer>();
  for (const row of rows) {
    const name = `${row.business_id} ${row.name}`;
    if (row.kind === 'ACCOUNT') {
      accounts.set(name, { accountId: row.account_id, availableUnits: row.available_units });
    } else if (row.kind === 'REFERENCE') references.add(name);
    else {
      const answer = { status: row.response_status, body: row.response_body };
      answers.set(name, { requestHash: row.request_hash, answer });
    }
  }
  return { accounts, references, answers };
}

function readingStanding(orders: readonly PayoutOrder[]): Statement {
  const parts: NamedPart[] = [['accounts', readingAvailable(accountKeysOf(orders))]];
  const given = [ACCOUNTS];
  const referring = orders.filter((order) => order.merchantReference !== null);
  if (referring.length > 0) {
    parts.push(['taken', readingReferences(referring)]);
    given.push(TAKEN);
  }
  const keyed = orders.flatMap((order) => order.idempotency?.request ?? []);
  if (keyed.length > 0) {
    parts.push(['answered', readingAnswers(keyed)]);
    given.push(ANSWERED);
  }
  return withParts(parts, given.join(' UNION ALL '));
}

const ACCOUNTS = `SELECT 'ACCOUNT' AS kind, business_id, token AS name, account_id, available_units,
  NULL::bytea AS request_hash, NULL::integer AS response_status, NULL::text AS response_body FROM accounts`;
const TAKEN = `SELECT 'REFERENCE', business_id, merchant_reference, NULL, NULL, NULL, NULL, NULL FROM taken`;
const ANSWERED = `SELECT 'KEY', business_id, idempotency_key, NULL, NULL, request_hash, response_status,
  response_body FROM answered`;

interface RowOf {
  readonly business_id: string;
  /** The token, the reference or the key. */
  readonly name: string;
}

type StandingRow =
  | (RowOf & { kind: 'ACCOUNT' } & Pick<AvailableRow, 'account_id' | 'available_units'>)
  | (RowOf & { kind: 'REFERENCE' })
  | (RowOf & {
      kind: 'KEY';
      request_hash: Buffer;
      response_status: number;
      response_body: string;
    });

function accountKeysOf(orders: readonly PayoutOrder[]): { businessId: string; token: Token }[] {
  const keys = new Map(
    orders.map((order) => {
      const { token } = order;
      return [accountName(order), { businessId: order.requester.businessId, token }];
    }),
  );
  return [...keys.values()];
}

function readingReferences(orders: readonly PayoutOrder[]): Statement {
  return {
    text: `SELECT p.business_id, p.merchant_reference
      FROM unnest($1::uuid[], $2::text[]) AS k (business_id, merchant_reference)
      JOIN payouts p
        ON p.business_id = k.business_id AND p.merchant_reference = k.merchant_reference`,
    values: [
      orders.map((order) => order.requester.businessId),
      orders.map((order) => order.merchantReference),
    ],
  };
}

function readingAnswers(requests: readonly IdempotentRequest[]): Statement {
  return {
    text: `SELECT i.business_id, i.idempotency_key, i.request_hash, i.response_status, i.response_body
      FROM unnest($1::uuid[], $2::text[]) AS k (business_id, idempotency_key)
      JOIN idempotency_keys i
        ON i.business_id = k.business_id AND i.idempotency_key = k.idempotency_key`,
    values: [requests.map((request) => request.businessId), requests.map((request) => request.key)],
  };
}

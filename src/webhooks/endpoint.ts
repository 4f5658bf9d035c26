import { present } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { Fault, validationFault } from '../base/fault.ts';
import { isUuid, type IdSource } from '../base/id.ts';
import type { Queryable } from '../database/database.ts';
import type { PayoutEventType } from '../payouts/outbox-topics.ts';
import { checkTarget, type TargetGuard } from './safe-target.ts';

/** A place where a business wants to hear of its payouts. */
export interface Endpoint {
  readonly businessId: string;
  readonly endpointId: string;
  readonly url: string;
  readonly eventTypes: readonly PayoutEventType[];
  readonly description: string;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
}

export interface NewEndpoint {
  readonly businessId: string;
  readonly url: string;
  /** Default: PAYOUT_SUCCESSFUL alone. */
  readonly eventTypes?: readonly PayoutEventType[] | undefined;
  readonly description?: string | undefined;
}

/** Each event is sent once an endpoint, so the number bounds the work that one payout causes. */
const MAX_ENDPOINTS = 20;
const MAX_DESCRIPTION_LENGTH = 200;

/**
 * Saves an endpoint after looking its host up. Throws VALIDATION_FAILED with what is wrong by field,
 * and so for a target that is not public. Must not be called in a transaction: it asks name servers.
 */
export async function createEndpoint(
  db: Queryable,
  deps: { readonly clock: Clock; readonly ids: IdSource; readonly guard: TargetGuard },
  order: NewEndpoint,
): Promise<Endpoint> {
  const eventTypes = [...new Set(order.eventTypes ?? (['PAYOUT_SUCCESSFUL'] as const))];
  const description = order.description ?? '';
  if (eventTypes.length === 0) {
    throw validationFault({ eventTypes: ['The event types field must hold at least one.'] });
  }
  if (description.length > MAX_DESCRIPTION_LENGTH) {
    throw validationFault({
      description: [`The description may have ${MAX_DESCRIPTION_LENGTH} characters.`],
    });
  }
  const url = await checkedUrl(order.url, deps.guard);
  await refuseTooMany(db, order.businessId);
  const [row] = await db.query<EndpointRow>(
    `INSERT INTO webhook_endpoints
       (business_id, endpoint_id, url, event_types, description, created_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     RETURNING ${COLUMNS}`,
    [order.businessId, deps.ids.next(), url, eventTypes, description, deps.clock.now()],
  );
  return toEndpoint(present(row, 'an inserted endpoint is returned'));
}

/** The endpoints of a business, oldest first, the disabled ones too. */
export async function listEndpoints(db: Queryable, businessId: string): Promise<Endpoint[]> {
  const rows = await db.query<EndpointRow>(
    `SELECT ${COLUMNS} FROM webhook_endpoints WHERE business_id = $1
     ORDER BY created_at, endpoint_id`,
    [businessId],
  );
  return rows.map(toEndpoint);
}

export async function findEndpoint(
  db: Queryable,
  businessId: string,
  endpointId: string,
): Promise<Endpoint | undefined> {
  if (!isUuid(endpointId)) return undefined;
  const [row] = await db.query<EndpointRow>(
    `SELECT ${COLUMNS} FROM webhook_endpoints WHERE business_id = $1 AND endpoint_id = $2`,
    [businessId, endpointId],
  );
  return row === undefined ? undefined : toEndpoint(row);
}

/**
 * Ends sending to an endpoint, for good: what still waits for it is skipped. A second call changes
 * nothing. Throws NOT_FOUND.
 */
export async function disableEndpoint(
  db: Queryable,
  deps: { readonly clock: Clock },
  endpoint: { readonly businessId: string; readonly endpointId: string },
): Promise<Endpoint> {
  const notFound = new Fault('NOT_FOUND', 'Webhook endpoint not found');
  if (!isUuid(endpoint.endpointId)) throw notFound;
  const [row] = await db.query<EndpointRow>(
    `UPDATE webhook_endpoints SET disabled_at = coalesce(disabled_at, $3)
     WHERE business_id = $1 AND endpoint_id = $2
     RETURNING ${COLUMNS}`,
    [endpoint.businessId, endpoint.endpointId, deps.clock.now()],
  );
  if (row === undefined) throw notFound;
  return toEndpoint(row);
}

async function checkedUrl(text: string, guard: TargetGuard): Promise<string> {
  const target = await checkTarget(text, guard);
  if (target.kind === 'safe') return target.url.href;
  throw validationFault({ url: [`The url cannot be used: ${target.reason}.`] });
}

/** Two requests at once may pass together; the bound is for order, not for safety. */
async function refuseTooMany(db: Queryable, businessId: string): Promise<void> {
  const rows = await db.query(
    `SELECT endpoint_id FROM webhook_endpoints
     WHERE business_id = $1 AND disabled_at IS NULL LIMIT $2`,
    [businessId, MAX_ENDPOINTS],
  );
  if (rows.length < MAX_ENDPOINTS) return;
  throw validationFault({ url: [`A business may have ${MAX_ENDPOINTS} webhook endpoints.`] });
}

const COLUMNS = 'business_id, endpoint_id, url, event_types, description, created_at, disabled_at';

interface EndpointRow {
  business_id: string;
  endpoint_id: string;
  url: string;
  event_types: PayoutEventType[];
  description: string;
  created_at: Date;
  disabled_at: Date | null;
}

function toEndpoint(row: EndpointRow): Endpoint {
  return {
    businessId: row.business_id,
    endpointId: row.endpoint_id,
    url: row.url,
    eventTypes: row.event_types,
    description: row.description,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
  };
}

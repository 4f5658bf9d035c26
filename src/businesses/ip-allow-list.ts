import { isIP } from 'node:net';
import { Fault, validationFault } from '../base/fault.ts';
import { isUuid, type IdSource } from '../base/id.ts';
import { present } from '../base/assert.ts';
import type { Queryable, Tx } from '../database/database.ts';
import { formatIpRange, holdsAddress, parseIpAddress, parseIpRange } from './ip-range.ts';

/** One entry of a business's allow-list. The list holds for its API keys and OAuth clients alike. */
export interface IpAllowListEntry {
  readonly entryId: string;
  /** In canonical form: see `formatIpRange`. */
  readonly range: string;
  readonly label: string;
  readonly createdAt: Date;
}

/** The whole list is read at each request. */
const MAX_ENTRIES = 500;
const MAX_LABEL_LENGTH = 200;

/**
 * Adds an address or a CIDR block. A range that is on the list already stays as it is, and its entry
 * is given. Throws VALIDATION_FAILED (range, label).
 */
export async function addIpRange(
  tx: Tx,
  ids: IdSource,
  order: {
    readonly businessId: string;
    readonly range: string;
    readonly label: string;
    readonly at: Date;
  },
): Promise<IpAllowListEntry> {
  const parsed = parseIpRange(order.range);
  if ('problem' in parsed) throw validationFault({ range: [parsed.problem] });
  const range = formatIpRange(parsed);
  const label = checkLabel(order.label);
  await tx.query(
    `INSERT INTO ip_allow_list (business_id, entry_id, range, label, created_at)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (business_id, range) DO NOTHING`,
    [order.businessId, ids.next(), range, label, order.at],
  );
  const entries = await listIpRanges(tx, order.businessId);
  if (entries.length > MAX_ENTRIES) {
    throw validationFault({ range: [`The list holds at most ${MAX_ENTRIES} ranges.`] });
  }
  return present(
    entries.find((entry) => entry.range === range),
    'an added range is on the list',
  );
}

/** From the commit on callers in the range are refused, unless another entry holds them. Throws NOT_FOUND. */
export async function removeIpRange(
  tx: Tx,
  order: { readonly businessId: string; readonly entryId: string },
): Promise<void> {
  const removed = isUuid(order.entryId)
    ? await tx.query(
        `DELETE FROM ip_allow_list WHERE business_id = $1 AND entry_id = $2 RETURNING entry_id`,
        [order.businessId, order.entryId],
      )
    : [];
  if (removed.length === 0) throw new Fault('NOT_FOUND', 'IP range not found');
}

/** In the order in which they were added. */
export async function listIpRanges(db: Queryable, businessId: string): Promise<IpAllowListEntry[]> {
  const rows = await db.query<{ entry_id: string; range: string; label: string; created_at: Date }>(
    `SELECT entry_id, range, label, created_at FROM ip_allow_list
     WHERE business_id = $1 ORDER BY entry_id`,
    [businessId],
  );
  return rows.map((row) => ({
    entryId: row.entry_id,
    range: row.range,
    label: row.label,
    createdAt: row.created_at,
  }));
}

/**
 * Whether a list of ranges in canonical form lets the address in. An empty list lets nobody in, and what is
 * not one plain address (a zone id, an empty text) is on no list. IPv4-mapped IPv6 counts as its IPv4 address.
 */
export function isIpListed(ranges: readonly string[], clientIp: string): boolean {
  // Most lists name their addresses one by one. Asked first: a text that only looks like an entry is none.
  if (isIP(clientIp) !== 0 && ranges.includes(clientIp)) return true;
  const address = parseIpAddress(clientIp);
  if (address === undefined) return false;
  return ranges.some((text) => {
    const range = parseIpRange(text);
    return !('problem' in range) && holdsAddress(range, address);
  });
}

function checkLabel(text: string): string {
  const label = text.trim();
  if (label.length > MAX_LABEL_LENGTH || /\p{Cc}/u.test(label)) {
    throw validationFault({
      label: [
        `The label must have at most ${MAX_LABEL_LENGTH} characters and no control characters.`,
      ],
    });
  }
  return label;
}

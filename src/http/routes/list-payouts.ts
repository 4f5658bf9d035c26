import { z } from 'zod';
import { validationFault } from '../../base/fault.ts';
import { formatUuid, uuidBytes } from '../../base/id.ts';
import type { Queryable } from '../../database/database.ts';
import { NETWORK_IDS, TOKENS } from '../../money/asset.ts';
import { listPayouts } from '../../payouts/find-payouts.ts';
import { PAYOUT_STATUSES, type Payout } from '../../payouts/payout.ts';
import { success } from '../answer.ts';
import type { AnswerData } from '../answer-schemas.ts';
import { choiceField, merchantReferenceField, textField } from '../fields.ts';
import { contractOf, type TenantOperation } from '../operation.ts';
import { payoutData } from '../payout-data.ts';
import { readFields } from '../read-fields.ts';
import { timeField } from '../time-field.ts';
import { SAMPLE_PAYOUT } from './samples.ts';

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;

const QUERY = z.object({
  status: choiceField('status', PAYOUT_STATUSES).optional(),
  network: choiceField('network', NETWORK_IDS).optional(),
  token: choiceField('token', TOKENS).optional(),
  merchantReference: merchantReferenceField.optional(),
  from: timeField('from', 'START_OF_DAY').optional(),
  to: timeField('to', 'END_OF_DAY').optional(),
  cursor: textField('cursor')
    .transform((text, context) => {
      const payoutId = readCursor(text);
      if (payoutId !== undefined) return payoutId;
      context.addIssue('The selected cursor is invalid.');
      return z.NEVER;
    })
    .meta({ description: 'The `nextCursor` of the page before.' })
    .optional(),
  limit: textField('limit')
    .refine(isLimit, `The limit field must be a whole number from 1 to ${MAX_LIMIT}.`)
    .transform(Number)
    .meta({
      type: 'integer',
      minimum: 1,
      maximum: MAX_LIMIT,
      description: `The most payouts on a page; ${DEFAULT_LIMIT} where it is left out.`,
    })
    .optional(),
});

export const listPayoutsContract = contractOf({
  operationId: 'listPayouts',
  method: 'GET',
  path: '/api/v1/payouts',
  tag: 'Payouts',
  summary: 'List payouts',
  description: 'Newest first, in pages. Filters that are given together must all hold.',
  access: 'payouts:read',
  query: QUERY,
  success: {
    status: 200,
    description: 'A page of payouts.',
    message: 'Payouts fetched successfully',
    schema: 'Payout',
    list: 'PAGES',
    example: { amount: '0.020000000000000000', ...SAMPLE_PAYOUT },
  },
  faults: ['VALIDATION_FAILED'],
});

export function listPayoutsOperation(deps: { readonly database: Queryable }): TenantOperation {
  return {
    contract: listPayoutsContract,
    handle: async (call) => {
      const { fields, errors } = readFields(QUERY, call.query);
      if (Object.keys(errors).length > 0) throw validationFault(errors);
      const { cursor, limit = DEFAULT_LIMIT, ...filter } = fields;
      const { businessId } = call.caller;
      // One more than is shown tells whether there is another page.
      const range = { beforeId: cursor, limit: limit + 1 };
      const found = await listPayouts(deps.database, { businessId, ...filter, ...range });
      const page = found.slice(0, limit);
      return success({
        status: 200,
        message: listPayoutsContract.success.message,
        data: page.map(payoutData),
        pagination: paginationOf(page, { limit, hasMore: found.length > limit }),
      });
    },
  };
}

function paginationOf(
  page: readonly Payout[],
  { limit, hasMore }: { limit: number; hasMore: boolean },
): AnswerData<'Pagination'> {
  const last = page.at(-1);
  const nextCursor = hasMore && last !== undefined ? writeCursor(last.payoutId) : null;
  return { limit, hasMore, nextCursor };
}

function isLimit(text: string): boolean {
  return /^[1-9]\d{0,2}$/.test(text) && Number(text) <= MAX_LIMIT;
}

/** The last payout's id. Opaque to the caller, so that it can become something else. */
function writeCursor(payoutId: string): string {
  return Buffer.from(uuidBytes(payoutId)).toString('base64url');
}

function readCursor(text: string): string | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== 16) return undefined;
  const payoutId = formatUuid(bytes);
  return writeCursor(payoutId) === text ? payoutId : undefined;
}

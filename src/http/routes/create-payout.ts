import { z } from 'zod';
import { validationFault, type FieldErrors } from '../../base/fault.ts';
import type { Queryable } from '../../database/database.ts';
import {
  checkPayoutRequest,
  type PayoutRequest,
  type PayoutRules,
} from '../../payouts/check-payout-request.ts';
import { isReferenceTaken } from '../../payouts/find-payouts.ts';
import type { Intake } from '../../payouts/intake.ts';
import {
  amountField,
  merchantReferenceField,
  networkField,
  textField,
  tokenField,
  writtenAmount,
} from '../fields.ts';
import { contractOf, type TenantOperation } from '../operation.ts';
import { createdPayoutAnswer } from '../payout-data.ts';
import { readFields } from '../read-fields.ts';
import { replayedAnswer } from '../replay.ts';
import type { TenantCall } from '../visit.ts';
import { SAMPLE_PAYOUT } from './samples.ts';

const BODY = z.object({
  network: networkField,
  token: tokenField,
  amount: amountField,
  toAddress: textField('toAddress').meta({
    description: "The recipient, in the network's own format and with its checksum.",
    examples: [SAMPLE_PAYOUT.toAddress],
  }),
  merchantReference: merchantReferenceField.nullable().optional(),
});

export const createPayoutContract = contractOf({
  operationId: 'createPayout',
  method: 'POST',
  path: '/api/v1/payouts',
  tag: 'Payouts',
  summary: 'Create a single payout',
  description:
    'Takes the amount out of the reach of other payouts and hands the payout to settlement, at once or not at all.',
  access: 'payouts:write',
  body: {
    schema: BODY,
    example: {
      network: SAMPLE_PAYOUT.network,
      token: SAMPLE_PAYOUT.token,
      amount: 0.02,
      toAddress: SAMPLE_PAYOUT.toAddress,
    },
  },
  takesIdempotencyKey: true,
  success: {
    status: 201,
    description: 'The payout is PENDING and will be settled.',
    message: 'Payout created successfully',
    schema: 'CreatedPayout',
    example: { amount: 0.02, ...SAMPLE_PAYOUT },
  },
  faults: ['INSUFFICIENT_BALANCE', 'API_ACCOUNT_NOT_FOUND'],
});

export interface CreatePayoutDeps {
  readonly database: Queryable;
  readonly intake: Pick<Intake, 'create'>;
  readonly rules: PayoutRules;
}

export function createPayoutOperation(deps: CreatePayoutDeps): TenantOperation {
  return {
    contract: createPayoutContract,
    handle: async (call, idempotency) => {
      const request = await checkedRequest(deps, call);
      const { clientIp, requestId, trace } = call;
      const outcome = await deps.intake.create({
        ...request,
        requester: { ...call.caller, clientIp, requestId, traceId: trace.traceId },
        idempotency: idempotency && { request: idempotency, render: createdPayoutAnswer },
      });
      return outcome.kind === 'created'
        ? createdPayoutAnswer(outcome.payout)
        : replayedAnswer(outcome.answer);
    },
  };
}

/** Shape and meaning are told of together, by field and in the order of the fields. */
async function checkedRequest(deps: CreatePayoutDeps, call: TenantCall): Promise<PayoutRequest> {
  const shape = readFields(BODY, call.body);
  const { amount, ...fields } = shape.fields;
  const written = amount === undefined ? undefined : writtenAmount(amount);
  const meaning = await checkPayoutRequest({ ...fields, amount: written }, deps.rules);
  const errors: FieldErrors = { ...shape.errors, ...meaning.errors };
  if (meaning.request !== undefined && Object.keys(errors).length === 0) return meaning.request;
  throw validationFault(
    inOrder({ ...errors, ...(await takenReference(deps, call, shape.fields)) }),
  );
}

/** Where the rest is right this is found out by creating the payout; here it only completes the list. */
async function takenReference(
  deps: CreatePayoutDeps,
  call: TenantCall,
  fields: { merchantReference?: string | null | undefined },
): Promise<FieldErrors> {
  const { merchantReference } = fields;
  if (merchantReference === undefined || merchantReference === null) return {};
  const { businessId } = call.caller;
  if (!(await isReferenceTaken(deps.database, businessId, merchantReference))) return {};
  return { merchantReference: ['The merchant reference has already been taken.'] };
}

function inOrder(errors: FieldErrors): FieldErrors {
  return Object.fromEntries(
    Object.keys(BODY.shape).flatMap((name) => {
      const messages = errors[name];
      return messages === undefined ? [] : [[name, messages]];
    }),
  );
}

import { formatTime } from '../../base/time.ts';
import type { Queryable } from '../../database/database.ts';
import { findAttempts, type AttemptView } from '../../settlement/find-attempts.ts';
import { success } from '../answer.ts';
import type { AnswerData } from '../answer-schemas.ts';
import { contractOf, type TenantOperation } from '../operation.ts';
import { payoutOfPath } from './get-payout.ts';
import { SAMPLE_HASH, SAMPLE_PAYOUT } from './samples.ts';

export const listAttemptsContract = contractOf({
  operationId: 'listPayoutAttempts',
  method: 'GET',
  path: '/api/v1/payouts/{id}/attempts',
  tag: 'Payouts',
  summary: 'List the attempts of a payout',
  description:
    'Every transaction ever signed for the payout, oldest first, with its fate and the proof of that fate.',
  access: 'payouts:read',
  success: {
    status: 200,
    description: 'The attempts; none before the first is signed.',
    message: 'Payout attempts fetched successfully',
    schema: 'Attempt',
    list: 'PLAIN',
    example: {
      id: '019192f5-02a8-7c11-8a53-5f9a2f1f6d0c',
      transactionHash: SAMPLE_HASH,
      fence: '0x9fb6a1c7d2f3e4b5a6978899aabbccddeeff0011:7',
      state: 'OPEN',
      fate: 'OPEN',
      reason: null,
      proof: null,
      blockNumber: null,
      blockHash: null,
      feeUnits: null,
      broadcastCount: 1,
      createdAt: SAMPLE_PAYOUT.createdAt,
      updatedAt: SAMPLE_PAYOUT.updatedAt,
    },
  },
  faults: ['NOT_FOUND'],
});

export function listAttemptsOperation(deps: { readonly database: Queryable }): TenantOperation {
  return {
    contract: listAttemptsContract,
    handle: async (call) => {
      const payout = await payoutOfPath(deps.database, call);
      const attempts = await findAttempts(deps.database, payout);
      return success({
        status: 200,
        message: listAttemptsContract.success.message,
        data: attempts.map(attemptData),
      });
    },
  };
}

function attemptData(attempt: AttemptView): AnswerData<'Attempt'> {
  const { attemptId, createdAt, updatedAt, ...rest } = attempt;
  return {
    id: attemptId,
    ...rest,
    createdAt: formatTime(createdAt),
    updatedAt: formatTime(updatedAt),
  };
}

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
    'Everything ever signed for the payout, oldest first, with its fate, the proof of that fate, and each transaction that was to carry it.',
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
      fence: '0x9fb6a1c7d2f3e4b5a6978899aabbccddeeff0011:batch:7',
      state: 'OPEN',
      fate: 'OPEN',
      reason: null,
      proof: null,
      validUntil: '2024-08-27T13:59:20.000000Z',
      blockNumber: null,
      blockHash: null,
      feeUnits: null,
      broadcastCount: 1,
      transactions: [
        {
          transactionHash: SAMPLE_HASH,
          sender: '0x14dC79964da2C08b23698B3D3cc7Ca32193d9955',
          sequence: '12',
          state: 'OPEN',
          blockNumber: null,
          blockHash: null,
          broadcastCount: 1,
          createdAt: SAMPLE_PAYOUT.createdAt,
        },
      ],
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
  const { attemptId, validUntil, transactions, createdAt, updatedAt, ...rest } = attempt;
  return {
    id: attemptId,
    ...rest,
    validUntil: validUntil === null ? null : formatTime(validUntil),
    transactions: transactions.map((it) => ({ ...it, createdAt: formatTime(it.createdAt) })),
    createdAt: formatTime(createdAt),
    updatedAt: formatTime(updatedAt),
  };
}

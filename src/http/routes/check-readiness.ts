import type { Queryable } from '../../database/database.ts';
import { success } from '../answer.ts';
import { contractOf, type PublicOperation } from '../operation.ts';

export const checkReadinessContract = contractOf({
  operationId: 'checkReadiness',
  method: 'GET',
  path: '/readyz',
  tag: 'Service',
  summary: 'Whether requests can be served',
  description: 'Asks the database. A load balancer sends requests elsewhere while this is 503.',
  access: 'PUBLIC',
  success: {
    status: 200,
    description: 'The database answers.',
    message: 'The service is ready',
    schema: 'Service',
    example: { version: '0.1.0' },
  },
  faults: ['UNAVAILABLE'],
});

/** Where the database is away its own error becomes the 503. */
export function checkReadinessOperation(deps: {
  readonly database: Queryable;
  readonly version: string;
}): PublicOperation {
  const { message } = checkReadinessContract.success;
  return {
    contract: checkReadinessContract,
    handle: async () => {
      await deps.database.query('SELECT 1');
      return success({ status: 200, message, data: { version: deps.version } });
    },
  };
}

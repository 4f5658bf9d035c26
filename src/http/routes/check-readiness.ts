import { Fault } from '../../base/fault.ts';
import type { CheckReadiness } from '../../base/readiness.ts';
import { success } from '../answer.ts';
import { contractOf, type PublicOperation } from '../operation.ts';

export const checkReadinessContract = contractOf({
  operationId: 'checkReadiness',
  method: 'GET',
  path: '/readyz',
  tag: 'Service',
  summary: 'Whether requests can be served',
  description:
    'Asks the database, and says 503 from the moment that the process stops. A load balancer sends requests elsewhere while this is 503.',
  access: 'PUBLIC',
  success: {
    status: 200,
    description: 'The database answers, takes writes and has the form that this version needs.',
    message: 'The service is ready',
    schema: 'Service',
    example: { version: '0.1.0' },
  },
  faults: ['UNAVAILABLE'],
});

/** What was found wrong is for the operator, on the port for those who watch, and not for the public. */
export function checkReadinessOperation(deps: {
  readonly readiness: CheckReadiness;
  readonly version: string;
}): PublicOperation {
  const { message } = checkReadinessContract.success;
  return {
    contract: checkReadinessContract,
    handle: async () => {
      if (!(await deps.readiness()).isReady) {
        throw new Fault('UNAVAILABLE', 'The service is unavailable for the moment. Try again.');
      }
      return success({ status: 200, message, data: { version: deps.version } });
    },
  };
}

import { success } from '../answer.ts';
import { contractOf, type PublicOperation } from '../operation.ts';

export const checkHealthContract = contractOf({
  operationId: 'checkHealth',
  method: 'GET',
  path: '/healthz',
  tag: 'Service',
  summary: 'Whether the process lives',
  description:
    'Asks nothing of the database: a process must not be restarted because that is away.',
  access: 'PUBLIC',
  success: {
    status: 200,
    description: 'It lives.',
    message: 'The service is alive',
    schema: 'Service',
    example: { version: '0.1.0' },
  },
  faults: [],
});

export function checkHealthOperation({ version }: { readonly version: string }): PublicOperation {
  const { message } = checkHealthContract.success;
  return {
    contract: checkHealthContract,
    handle: () => success({ status: 200, message, data: { version } }),
  };
}

import { contractOf, type PublicOperation } from '../operation.ts';

export const getContractContract = contractOf({
  operationId: 'getContract',
  method: 'GET',
  path: '/openapi.json',
  tag: 'Service',
  summary: 'This document',
  description: 'The OpenAPI 3.1 description of the API, for programs.',
  access: 'PUBLIC',
  success: {
    status: 200,
    description: 'The document.',
    message: null,
    schema: 'OPENAPI',
    example: { openapi: '3.1.1' },
  },
  faults: [],
});

export function getContractOperation({ document }: { readonly document: object }): PublicOperation {
  const body = JSON.stringify(document);
  return { contract: getContractContract, handle: () => ({ status: 200, body }) };
}

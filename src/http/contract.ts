import { z } from 'zod';
import type { FaultCode } from '../base/fault.ts';
import { SCOPES } from '../businesses/scope.ts';
import { ANSWER_SCHEMAS, type AnswerSchema } from './answer-schemas.ts';
import type { OperationContract } from './operation.ts';
import { INTERNAL_MESSAGE, PROBLEMS } from './problem.ts';

/** A piece of the document: a JSON object. */
type Part = Record<string, unknown>;

/** The OpenAPI 3.1 document of the operations. The same operations give the same document. */
export function openApiDocument(contracts: readonly OperationContract[], version: string): Part {
  const paths: Record<string, Part> = {};
  for (const contract of contracts) {
    const path = (paths[contract.path] ??= {});
    path[contract.method.toLowerCase()] = operationPart(contract);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Knit API',
      version,
      description:
        'Crypto payouts. Amounts are exact decimals, times are UTC with six fractional digits, ids are UUIDs. Every answer carries X-Request-Id. Fields are in camelCase; the top-level fields of a request may also be in snake_case.',
    },
    servers: [{ url: '/' }],
    tags: [...new Set(contracts.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: { schemas: componentSchemas(), securitySchemes: SECURITY_SCHEMES },
  };
}

const SECURITY_SCHEMES: Part = {
  bearer: {
    type: 'oauth2',
    description: 'Authorization: Bearer, preferred. It decides where both are sent.',
    flows: {
      clientCredentials: {
        tokenUrl: '/oauth/token',
        scopes: Object.fromEntries(SCOPES.map((scope) => [scope, describeScope(scope)])),
      },
    },
  },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-KEY', description: 'Legacy.' },
};

function describeScope(scope: string): string {
  if (scope === '*') return 'Everything.';
  const [things = '', right] = scope.split(':');
  const what = things.replace('-', ' ');
  return right === 'write' ? `Create and read ${what}.` : `Read ${what}.`;
}

function componentSchemas(): Part {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries<z.ZodType>(ANSWER_SCHEMAS))
    registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry);
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => [id, withoutKeys(schema, ['$schema', '$id'])]),
  );
}

function operationPart(contract: OperationContract): Part {
  const { operationId, tag, summary, description, access, body } = contract;
  return {
    operationId,
    tags: [tag],
    summary,
    description,
    security: access === 'PUBLIC' ? [] : [{ bearer: [access] }, { apiKey: [] }],
    parameters: [...pathParameters(contract), ...queryParameters(contract), ...headers(contract)],
    ...(body === undefined ? {} : { requestBody: bodyPart(body) }),
    responses: { ...successPart(contract), ...failureParts(contract) },
  };
}

function pathParameters({ path }: OperationContract): Part[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', format: 'uuid' },
  }));
}

function queryParameters({ query }: OperationContract): Part[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = inputSchema(query);
  return Object.entries(properties as Record<string, Part>).map(([name, schema]) => ({
    name,
    in: 'query',
    required: (required as string[]).includes(name),
    schema,
  }));
}

function headers({ takesIdempotencyKey }: OperationContract): Part[] {
  const key = {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'The same key and body get the first answer again, byte for byte, with Idempotency-Replayed: true. A request that created nothing leaves its key free.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  };
  return takesIdempotencyKey === true ? [key] : [];
}

function bodyPart({ schema, example }: NonNullable<OperationContract['body']>): Part {
  const content = { schema: inputSchema(schema), example };
  return {
    required: true,
    description: 'JSON, whatever its Content-Type says, or a form.',
    content: { 'application/json': content, 'application/x-www-form-urlencoded': content },
  };
}

function inputSchema(schema: z.ZodObject): Part {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return withoutKeys(json, ['$schema']);
}

function successPart({ success }: OperationContract): Part {
  const { status, description, message } = success;
  const data = success.list === undefined ? success.example : [success.example];
  const pages = { limit: 25, hasMore: false, nextCursor: null };
  const example =
    message === null
      ? data
      : {
          success: true,
          message,
          status,
          data,
          ...(success.list === 'PAGES' ? { pagination: pages } : {}),
        };
  const content = { 'application/json': { schema: successSchema(success), example } };
  return { [status]: { description, headers: ANSWER_HEADERS, content } };
}

const ANSWER_HEADERS: Part = {
  'X-Request-Id': {
    description: "The caller's own, where it sent a usable one.",
    schema: { type: 'string' },
  },
};

function successSchema({ schema, list, message, status }: OperationContract['success']): Part {
  if (schema === 'OPENAPI') return { type: 'object' };
  const one = reference(schema);
  const data = list === undefined ? one : { type: 'array', items: one };
  if (message === null) return data;
  const properties = {
    success: { const: true },
    message: { const: message },
    status: { const: status },
    data,
    ...(list === 'PAGES' ? { pagination: reference('Pagination') } : {}),
  };
  return {
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  };
}

/** The failures of an operation by status, each with an example for every fault that has it. */
function failureParts(contract: OperationContract): Part {
  const byStatus = Map.groupBy(faultsOf(contract), (code) => PROBLEMS[code].status);
  const statuses = [...byStatus].sort(([a], [b]) => a - b);
  const parts: [number, Part][] = statuses.map(([status, codes]) => {
    const examples = Object.fromEntries(
      codes.map((code) => [code, { value: failureExample(code, contract) }]),
    );
    const ours = { schema: reference('Failure'), examples };
    return [status, failurePart(codes.join(', '), ours)];
  });
  const value = { success: false, message: INTERNAL_MESSAGE, status: 500, data: null };
  const internal = { schema: reference('Failure'), examples: { INTERNAL: { value } } };
  return {
    ...Object.fromEntries(parts),
    ...oauthFailures(contract),
    500: failurePart('A mistake of ours', internal),
  };
}

/** The token endpoint says in OAuth's own form what is wrong with a request. */
function oauthFailures({ failureSchema }: OperationContract): Part {
  if (failureSchema === undefined) return {};
  const schema = reference(failureSchema);
  const example = (error: string, text: string): Part => ({
    schema,
    example: { error, error_description: text },
  });
  return {
    400: failurePart(
      'invalid_request, unsupported_grant_type, invalid_scope',
      example('unsupported_grant_type', 'The only grant is client_credentials.'),
    ),
    401: failurePart('invalid_client', example('invalid_client', 'Client authentication failed.')),
  };
}

function failurePart(description: string, content: Part): Part {
  return { description, headers: ANSWER_HEADERS, content: { 'application/json': content } };
}

const OF_EVERY_TENANT_OPERATION: readonly FaultCode[] = [
  'AUTHENTICATION_REQUIRED',
  'TOKEN_INVALID',
  'CLIENT_REVOKED',
  'API_KEY_INVALID',
  'IP_NOT_ALLOWED',
  'SCOPE_MISSING',
  'RATE_LIMITED',
];
const OF_EVERY_BODY: readonly FaultCode[] = ['BODY_TOO_LARGE', 'ENCODING_UNSUPPORTED'];
const OF_EVERY_ENVELOPED_BODY: readonly FaultCode[] = ['BODY_UNREADABLE', 'VALIDATION_FAILED'];
const OF_EVERY_KEY: readonly FaultCode[] = ['IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_KEY_IN_FLIGHT'];

function faultsOf(contract: OperationContract): FaultCode[] {
  const { access, body, takesIdempotencyKey, failureSchema } = contract;
  const isEnveloped = failureSchema === undefined;
  const touchesDatabase = access !== 'PUBLIC' || body !== undefined;
  return [
    ...contract.faults,
    ...(access === 'PUBLIC' ? [] : OF_EVERY_TENANT_OPERATION),
    ...(body === undefined ? [] : OF_EVERY_BODY),
    ...(body === undefined || !isEnveloped ? [] : OF_EVERY_ENVELOPED_BODY),
    ...(takesIdempotencyKey === true ? OF_EVERY_KEY : []),
    ...(touchesDatabase ? (['UNAVAILABLE'] as const) : []),
  ];
}

function failureExample(code: FaultCode, { access }: OperationContract): Part {
  const { status, example } = PROBLEMS[code];
  const message = code === 'SCOPE_MISSING' ? example.replace('payouts:write', access) : example;
  const field = FIELD_OF_EXAMPLE[code];
  const errors = field === undefined ? {} : { errors: { [field]: [message] } };
  return { success: false, message, status, data: null, ...errors };
}

const FIELD_OF_EXAMPLE: Partial<Record<FaultCode, string>> = {
  VALIDATION_FAILED: 'network',
  IDEMPOTENCY_KEY_REUSED: 'idempotencyKey',
};

function reference(schema: AnswerSchema): Part {
  return { $ref: `#/components/schemas/${schema}` };
}

function withoutKeys(part: object, names: readonly string[]): Part {
  return Object.fromEntries(Object.entries(part).filter(([name]) => !names.includes(name)));
}

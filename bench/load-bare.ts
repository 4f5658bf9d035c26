// A process of its own: the same Fastify as the API, with its own reading of JSON, that gives every
// request one ready answer, byte for byte and with the headers of the API's own.
import { fastify } from 'fastify';
import { giveAnswer, readQuestion } from './child.ts';

/** What it answers. */
export interface BareQuestion {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const { status, headers, body } = await readQuestion<BareQuestion>();
const app = fastify();
app.post('/api/v1/payouts', (_request, reply) => {
  void reply.code(status).headers(headers).send(body);
});
await giveAnswer({ url: await app.listen({ host: '127.0.0.1', port: 0 }) });

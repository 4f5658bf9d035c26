import helmet from '@fastify/helmet';
import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import { SECURITY_HEADERS } from './security-headers.ts';

test('are those of helmet', async () => {
  const bare = fastify();
  const helmeted = fastify();
  await helmeted.register(helmet);
  const [without, withThem] = await Promise.all(
    [bare, helmeted].map(async (app) => {
      app.get('/', async () => await Promise.resolve({}));
      const { headers } = await app.inject('/');
      await app.close();
      return Object.entries(headers).filter(([name]) => name !== 'date');
    }),
  );
  const own = new Set(without?.map(([name]) => name));
  expect(Object.fromEntries(withThem?.filter(([name]) => !own.has(name)) ?? [])).toEqual(
    SECURITY_HEADERS,
  );
});

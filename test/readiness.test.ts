import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { freePort } from '../src/sandbox/free-port.ts';
import { openDatabaseWay, type DatabaseWay } from './harness/database-way.ts';
import { createTestDatabase, type TestDatabase } from './harness/database.ts';
import { startKnitService, type KnitService } from './harness/knit-service.ts';

// What an API and a worker say about themselves where something is wrong: the truth.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const STOP_DELAY_MS = 6_000;

let db: TestDatabase;
let way: DatabaseWay;
let api: KnitService;
let worker: KnitService;

beforeAll(async () => {
  db = await createTestDatabase();
  way = await openDatabaseWay(db.url);
  const env = {
    DATABASE_URL: way.url,
    KNIT_MASTER_KEY: 'ab'.repeat(32),
    KNIT_NETWORKS: 'BSC_MAINNET',
    KNIT_RPC_BSC_MAINNET: 'http://127.0.0.1:1',
    KNIT_METRICS_PORT: '0',
    PORT: '0',
    KNIT_STOP_DELAY_MS: String(STOP_DELAY_MS),
    KNIT_TREASURY_MNEMONIC: 'test test test test test test test test test test test junk',
  };
  api = startKnitService('api', env);
  worker = startKnitService('worker', env);
  await Promise.all([api.said('api listens'), worker.said('worker runs')]);
});
afterAll(async () => {
  await Promise.all([api.end('SIGKILL'), worker.end('SIGKILL')]);
  await way.close();
  await db.drop();
});

async function ask(service: KnitService, path: string): Promise<{ status: number; text: string }> {
  const line = service.lines.find((each) => each.includes('metrics are served')) ?? '{}';
  const { port } = JSON.parse(line) as { port: number };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: answer.status, text: await answer.text() };
}

function checksOf({ text }: { text: string }): Record<string, string> {
  return (JSON.parse(text) as { checks: Record<string, string> }).checks;
}

it('a worker that reaches no chain is not ready, and an API takes payouts without', async () => {
  const answer = await ask(worker, '/readyz');
  expect(answer.status).toBe(503);
  expect(checksOf(answer)).toEqual({
    database: 'ok',
    BSC_MAINNET: 'the chain was not reached yet',
    webhooks: 'ok',
  });
  expect((await ask(worker, '/healthz')).status).toBe(200);
  expect(await ask(api, '/readyz')).toMatchObject({ status: 200 });
});

it('a database that says nothing makes both unready, and neither dead', async () => {
  expect((await ask(worker, '/metrics')).text).toContain('\nknit_outbox_items{');
  way.silence();
  // What was found holds for a moment.
  await sleep(250);
  for (const service of [api, worker]) {
    const answer = await ask(service, '/readyz');
    expect(answer.status).toBe(503);
    expect(checksOf(answer)['database']).toBe('has not answered in 2000 ms');
    expect((await ask(service, '/healthz')).status).toBe(200);
  }
  // Ten seconds after the last look the next one fails, and no old figure stays.
  await sleep(10_000);
  const { status, text } = await ask(worker, '/metrics');
  expect(status).toBe(200);
  expect(text).toContain('\nprocess_cpu_seconds_total');
  expect(text).not.toContain('\nknit_outbox_items{');
  way.restore();
});

it('an API that is stopped says so while it still answers', async () => {
  const port = await freePort();
  const another = startKnitService('api', {
    DATABASE_URL: db.url,
    KNIT_MASTER_KEY: 'ab'.repeat(32),
    KNIT_NETWORKS: 'BSC_MAINNET',
    KNIT_RPC_BSC_MAINNET: 'http://127.0.0.1:1',
    KNIT_METRICS_PORT: '0',
    KNIT_STOP_DELAY_MS: String(STOP_DELAY_MS),
    PORT: String(port),
  });
  await another.said('api listens');
  const publicly = async (path: string): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  expect(await publicly('/readyz')).toBe(200);
  const ended = another.end('SIGTERM');
  await another.said('api stops');
  expect(await publicly('/readyz')).toBe(503);
  const answer = await ask(another, '/readyz');
  expect([answer.status, checksOf(answer)]).toEqual([
    503,
    { process: 'is stopping', database: 'ok', api: 'ok' },
  ]);
  expect(await publicly('/healthz')).toBe(200);
  expect(await publicly('/api/v1/networks')).toBe(200);
  await ended;
  expect(another.child.exitCode).toBe(0);
});

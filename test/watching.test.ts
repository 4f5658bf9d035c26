import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { recipientOf } from './harness/fresh-recipient.ts';
import { readOverHttp } from './harness/order-over-http.ts';
import { metricsAsked, readExposition, type KnownSeries } from './harness/prometheus-text.ts';
import { startWatchedKnit, type WatchedKnit } from './harness/watched-knit.ts';

// An API and a worker as an operator watches them: their figures, their readiness, the trace of a payout
// from its request to its webhook, and everything that they write, searched for secrets.

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`;

let knit: WatchedKnit;
let payoutId: string;

beforeAll(async () => {
  knit = await startWatchedKnit();
  payoutId = await orderTraced();
  await untilCompleted(payoutId);
  await knit.receiver.received(1);
  await orderWrongly();
});
afterAll(async () => {
  await knit.close();
});

function url(path: string): string {
  return knit.platform.apiUrl + path;
}

/** By a bearer token. */
async function orderTraced(): Promise<string> {
  const { clientId, clientSecret } = knit.merchant;
  const granted = await fetch(url('/oauth/token'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
    }),
  });
  const { access_token: token } = (await granted.json()) as { access_token: string };
  knit.keepSecret('the access token', token);
  const answer = await fetch(url('/api/v1/payouts'), {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      traceparent: TRACEPARENT,
    },
    body: JSON.stringify({
      network: knit.platform.chain.network,
      token: 'USDT',
      amount: '1.5',
      toAddress: recipientOf('MATIC_MAINNET', randomUUID()),
    }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { data: { id: string } }).data.id;
}

async function untilCompleted(id: string): Promise<void> {
  for (;;) {
    const { status } = await readOverHttp(knit.platform, { merchant: knit.merchant, payoutId: id });
    if (status === 'COMPLETED') return;
    expect(status).not.toBe('FAILED');
    await sleep(200);
  }
}

/** What goes wrong is what is logged at length: credentials, bodies, and a database that hangs up. */
async function orderWrongly(): Promise<void> {
  const wrong = (name: string): string => {
    const secret = `wrong-${randomUUID()}`;
    knit.keepSecret(name, secret);
    return secret;
  };
  const requests: readonly RequestInit[] = [
    { headers: { 'x-api-key': wrong('a wrong API key') } },
    { headers: { authorization: `Bearer ${wrong('a wrong token')}` } },
    { headers: { cookie: `session=${wrong('a cookie')}` } },
    {
      method: 'POST',
      headers: { 'x-api-key': knit.merchant.apiKey },
      body: `{"password":"${wrong('a field')}`,
    },
  ];
  for (const request of requests) {
    const { status } = await fetch(url('/api/v1/payouts'), request);
    expect([400, 401]).toContain(status);
  }
  const refused = await fetch(url('/oauth/token'), {
    method: 'POST',
    body: `grant_type=client_credentials&client_id=x&client_secret=${wrong('a wrong client secret')}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  expect(refused.status).toBe(401);
  await knit.db.database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  await sleep(2_000);
}

describe('a payout', () => {
  it('is found under its trace in the log of both processes', () => {
    const said = knit
      .lines()
      .filter((line) => line['traceId'] === TRACE_ID)
      .map(({ service, payoutId: id, msg }) => [service, id ?? null, msg]);
    expect(said).toContainEqual(['api', null, 'request']);
    for (const words of ['was accepted for settlement', 'was signed', 'was settled']) {
      expect(said).toContainEqual(['worker', payoutId, `a payout ${words}`]);
    }
  });

  it('has spans in its trace, from the request to the webhook, where somebody records', () => {
    const all = knit.lines().filter((line) => 'span' in line);
    const spans = all.filter((line) => line['traceId'] === TRACE_ID);
    const [served] = spans.filter(({ span }) => span === 'POST /api/v1/payouts');
    expect(served).toMatchObject({ kind: 'SERVER', parent: '00f067aa0ba902b7' });
    for (const span of ['settlement submit', 'settlement settle']) {
      expect(spans).toContainEqual(expect.objectContaining({ span, kind: 'INTERNAL' }));
      // And what was done for the whole batch names the traces in it.
      const batch = all.filter((line) => line['span'] === span && line['traceId'] !== TRACE_ID);
      expect(batch.flatMap(({ links }) => links)).toContain(TRACE_ID);
    }
    expect(spans).toContainEqual(expect.objectContaining({ span: 'POST webhook', kind: 'CLIENT' }));
    const parents = new Set(all.map(({ spanId }) => spanId));
    const asked = all.filter(({ span }) => String(span).startsWith('database '));
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.filter(({ parent }) => !parents.has(parent))).toEqual([]);
  });

  it('takes its trace along to the merchant', () => {
    const [delivery] = knit.receiver.requests;
    expect(delivery?.headers['traceparent']).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-0`));
  });
});

describe('readiness', () => {
  it('is told by both, with what was looked at', async () => {
    const { api, worker } = await knit.ask('/readyz');
    const { network } = knit.platform.chain;
    expect([api.status, await api.json()]).toEqual([
      200,
      { status: 'ready', checks: { database: 'ok', api: 'ok' } },
    ]);
    expect([worker.status, await worker.json()]).toEqual([
      200,
      { status: 'ready', checks: { database: 'ok', [network]: 'ok', webhooks: 'ok' } },
    ]);
    const alive = await knit.ask('/healthz');
    expect([alive.api.status, alive.worker.status]).toEqual([200, 200]);
  });

  it('is told to the public without a reason, and the figures are not', async () => {
    const ready = await fetch(url('/readyz'));
    expect(ready.status).toBe(200);
    expect(await ready.text()).not.toContain('checks');
    expect((await fetch(url('/metrics'))).status).toBe(404);
  });
});

describe('the figures', () => {
  it('tell what became of the payout', async () => {
    const { api, worker } = await knit.ask('/metrics');
    const texts = { api: await api.text(), worker: await worker.text() };
    const { network } = knit.platform.chain;
    expect(texts.api).toMatch(
      /^http_requests_total\{.*route="\/api\/v1\/payouts".*status="201".*\} 1$/m,
    );
    expect(texts.api).toContain('\nknit_intake_outcomes_total{outcome="created"} 1\n');
    for (const line of [
      `knit_settlement_attempts_total{network="${network}",fate="landed"} 1`,
      `knit_settlement_payouts_total{network="${network}",fate="paid"} 1`,
      `knit_settlement_attempt_duration_seconds_count{network="${network}"} 1`,
      `knit_settlement_orders{network="${network}",state="QUEUED"} 0`,
      `knit_settlement_stopped{network="${network}"} 0`,
      'knit_webhook_deliveries_total{outcome="delivered"} 1',
      'knit_ledger_open_holds 0',
    ]) {
      expect(texts.worker).toContain(`\n${line}\n`);
    }
    expect(texts.worker).toMatch(/^knit_settlement_final_block\{.*\} [1-9]/m);
  });
});

describe('no secret', () => {
  it('is in what the processes write', () => {
    const output = knit.output();
    // A search through nothing finds nothing.
    expect(output).toContain('api listens');
    expect(output).toContain('worker runs');
    expect(knit.lines().length).toBeGreaterThan(20);
    const found = Object.entries(knit.secrets).filter(([, secret]) => output.includes(secret));
    expect(found.map(([name]) => name)).toEqual([]);
    expect(Object.keys(knit.secrets).length).toBeGreaterThan(12);
  });

  it('is in the figures', async () => {
    const { api, worker } = await knit.ask('/metrics');
    const figures = (await api.text()) + (await worker.text());
    expect(figures).toContain('knit_settlement_payouts_total');
    const found = Object.entries(knit.secrets).filter(([, secret]) => figures.includes(secret));
    expect(found.map(([name]) => name)).toEqual([]);
    // Nor what belongs to one payout or business: a series for each would have no end.
    expect(figures).not.toContain(payoutId);
    expect(figures).not.toContain(knit.merchant.businessId);
  });
});

const dashboard = readFileSync(new URL('../ops/grafana/knit.json', import.meta.url), 'utf8');
const alerts = readFileSync(new URL('../ops/prometheus/alerts.yml', import.meta.url), 'utf8');
const guide = readFileSync(new URL('../docs/observability.md', import.meta.url), 'utf8');

/** Every query of the dashboard, and every condition of an alert. */
const queries = [
  ...[...dashboard.matchAll(/"expr": "((?:[^"\\]|\\.)*)"/g)].map(
    ([, text = '']) => JSON.parse(`"${text}"`) as string,
  ),
  ...[...alerts.matchAll(/^\s+expr: (.+)$/gm)].map(([, text = '']) => text),
];

/** What Prometheus adds to every series. */
const ADDED = new Set(['job', 'instance']);

describe('the dashboard and the alerts', () => {
  let known: KnownSeries;
  beforeAll(async () => {
    const { api, worker } = await knit.ask('/metrics');
    known = readExposition([await api.text(), await worker.text()]);
  });

  it('have queries at all', () => {
    expect(queries.length).toBeGreaterThan(40);
    expect(queries.filter((query) => metricsAsked(query).length === 0)).toEqual([]);
  });

  it('ask only for what the processes tell', () => {
    const asked = queries.flatMap(metricsAsked);
    expect([...new Set(asked.map(({ name }) => name))].filter((name) => !known.has(name))).toEqual(
      [],
    );
    const wrong = asked.flatMap(({ name, labels }) => {
      const own = known.get(name);
      const others = labels.filter((label) => own?.has(label) === false && !ADDED.has(label));
      return others.map((label) => `${name}{${label}}`);
    });
    expect(wrong).toEqual([]);
  });

  it('leave out nothing that is ours, and the guide names all of it', () => {
    const asked = new Set(queries.flatMap(metricsAsked).map(({ name }) => familyOf(name)));
    const ours = [...new Set([...known.keys()].map(familyOf))].filter((name) =>
      /^(knit|http)_/.test(name),
    );
    expect(ours.length).toBeGreaterThan(25);
    expect(ours.filter((name) => !asked.has(name))).toEqual([]);
    expect(ours.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
    const named = [...guide.matchAll(/`((?:knit|http)_\w+)`/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !ours.includes(name))).toEqual([]);
  });

  it('name runbooks that exist', () => {
    const runbooks = [...alerts.matchAll(/runbook: (\S+)/g)].map(([, path = '']) => path);
    expect(runbooks.length).toBe([...alerts.matchAll(/- alert:/g)].length);
    const root = new URL('..', import.meta.url);
    expect(runbooks.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  });
});

/** The name under which the three series of a histogram are one. */
function familyOf(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '');
}

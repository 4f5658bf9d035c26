import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { addIpRange, listIpRanges, removeIpRange } from '../../src/businesses/ip-allow-list.ts';
import { createServer } from '../../src/http/server.ts';
import { PAYOUTS, payoutBody, startApi, type Api } from '../harness/api.ts';
import { openTenant, type Tenant } from '../harness/tenant.ts';

/** A business whose list holds exactly these ranges. */
async function tenantWith(api: Api, ranges: readonly string[]): Promise<Tenant> {
  const tenant = await openTenant({ ...api, random: systemRandom });
  const { businessId } = tenant;
  await api.database.transaction(async (tx) => {
    for (const { entryId } of await listIpRanges(tx, businessId)) {
      await removeIpRange(tx, { businessId, entryId });
    }
    for (const range of ranges) {
      await addIpRange(tx, api.ids, { businessId, range, label: 'test', at: api.clock.now() });
    }
  });
  return tenant;
}

/** "let in", or the message of the 401. */
async function fate(
  api: Api,
  tenant: Tenant,
  headers: Record<string, string> = {},
): Promise<string> {
  const answer = await api.send('GET', PAYOUTS, {
    headers: { 'x-api-key': tenant.apiKey, ...headers },
  });
  if (answer.status === 200) return 'let in';
  expect(answer.status).toBe(401);
  return answer.json.message;
}

const REFUSED = 'IP address not whitelisted';

describe('without proxies the address is the socket’s', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(async () => {
    await api.close();
  });

  test.each([
    [['127.0.0.1'], 'let in'],
    [['127.0.0.0/8'], 'let in'],
    [['0.0.0.0/0'], 'let in'],
    [['203.0.113.9', '127.0.0.1'], 'let in'],
    [['::ffff:127.0.0.1'], 'let in'],
    [[], REFUSED],
    [['127.0.0.2'], REFUSED],
    [['203.0.113.0/24'], REFUSED],
    [['::1', '::/0'], REFUSED],
  ])('the list %j: %s', async (ranges, expected) => {
    expect(await fate(api, await tenantWith(api, ranges))).toBe(expected);
  });

  test('the list holds for tokens too, and stands before scope and body', async () => {
    const tenant = await tenantWith(api, ['203.0.113.9']);
    const { clientId, clientSecret } = tenant;
    const token = await api.send('POST', '/oauth/token', {
      body: {
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
        scope: 'payout-wallets:read',
      },
    });
    const { access_token: bearer } = JSON.parse(token.text) as { access_token: string };
    const headers = { authorization: `Bearer ${bearer}` };
    const answer = await api.send('POST', PAYOUTS, { body: '{broken', headers });
    expect(answer.json).toEqual({ success: false, message: REFUSED, status: 401, data: null });
  });

  test('a forged header gains nothing', async () => {
    const tenant = await tenantWith(api, ['203.0.113.9']);
    for (const name of [
      'x-forwarded-for',
      'x-real-ip',
      'forwarded',
      'cf-connecting-ip',
      'true-client-ip',
      'x-client-ip',
    ]) {
      for (const value of ['203.0.113.9', 'for=203.0.113.9', '203.0.113.9, 203.0.113.9']) {
        expect(await fate(api, tenant, { [name]: value })).toBe(REFUSED);
      }
    }
  });

  test('a forged header is not believed in the audit either', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    const answer = await api.call('POST', PAYOUTS, { body: payoutBody(), headers });
    expect(await auditedIp(api, answer.json.data['id'])).toBe('127.0.0.1');
  });
});

describe('behind a proxy the address is what the proxy forwarded', () => {
  let api: Api;
  let tenant: Tenant;
  beforeAll(async () => {
    api = await startApi({ trustedProxies: ['127.0.0.1/32', '10.0.0.0/8', 'fd00::/8'] });
    tenant = await tenantWith(api, ['203.0.113.0/24', '2001:db8::/32']);
  });
  afterAll(async () => {
    await api.close();
  });

  test.each([
    ['203.0.113.9', 'let in'],
    ['203.0.113.9, 10.1.2.3', 'let in'],
    ['198.51.100.7, 203.0.113.9', 'let in'],
    ['nonsense, 203.0.113.9', 'let in'],
    ['2001:db8::5', 'let in'],
    ['2001:db8::5, fd00::1', 'let in'],
    ['::ffff:203.0.113.9', 'let in'],
    ['::ffff:203.0.113.9, ::ffff:10.0.0.1', 'let in'],
    ['203.0.113.9, 198.51.100.7', REFUSED],
    ['203.0.113.9, 198.51.100.7, 10.0.0.1', REFUSED],
    ['203.0.113.9, nonsense', REFUSED],
    ['203.0.113.9:443', REFUSED],
    ['[2001:db8::5]', REFUSED],
    ['10.0.0.1', REFUSED],
    ['unknown', REFUSED],
    ['', REFUSED],
    [',', REFUSED],
    ['2001:db9::5', REFUSED],
    ['0313.0.113.9', REFUSED],
  ])('X-Forwarded-For: %s: %s', async (forwarded, expected) => {
    expect(await fate(api, tenant, { 'x-forwarded-for': forwarded })).toBe(expected);
  });

  test('no header: the proxy itself is the caller', async () => {
    expect(await fate(api, tenant)).toBe(REFUSED);
  });

  test('the audit names the forwarded address', async () => {
    const answer = await api.send('POST', PAYOUTS, {
      body: payoutBody(),
      headers: { 'x-api-key': tenant.apiKey, 'x-forwarded-for': '::ffff:203.0.113.77' },
    });
    expect(await auditedIp(api, answer.json.data['id'])).toBe('203.0.113.77');
  });
});

test('an IPv4 caller on an IPv6 socket is an IPv4 caller', async () => {
  const api = await startApi({ host: '::' });
  expect(await fate(api, await tenantWith(api, ['127.0.0.1']))).toBe('let in');
  expect(await fate(api, await tenantWith(api, ['127.0.0.2', '::/0']))).toBe(REFUSED);
  const answer = await api.call('POST', PAYOUTS, { body: payoutBody() });
  expect(await auditedIp(api, answer.json.data['id'])).toBe('127.0.0.1');
  await api.close();
});

test('a server that would trust everybody, or nobody in particular, is not made', async () => {
  const api = await startApi();
  for (const proxy of ['true', '3', '0.0.0.0/0', '::/0', '10.0.0.0/33', '10.1.0.0/8', 'nonsense']) {
    const make = (): unknown => createServer({ ...api.deps, trustedProxies: [proxy] });
    expect(make).toThrow(`"${proxy}" is invalid`);
  }
  await api.close();
});

async function auditedIp(api: Api, payoutId: unknown): Promise<unknown> {
  const [row] = await api.database.query<{ client_ip: string }>(
    'SELECT client_ip FROM payout_audits WHERE payout_id = $1',
    [payoutId],
  );
  return row?.client_ip;
}

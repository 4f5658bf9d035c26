import { expect, test } from 'vitest';
import { PAYOUTS, payoutBody, startApi, type Api, type ApiAnswer } from '../harness/api.ts';

async function repeat(times: number, send: () => Promise<ApiAnswer>): Promise<number[]> {
  const statuses: number[] = [];
  for (let count = 0; count < times; count += 1) statuses.push((await send()).status);
  return statuses;
}

function expectLimited(answer: ApiAnswer, retryAfter: string): void {
  expect(answer.json).toEqual({
    success: false,
    message: 'Too many requests. Try again later.',
    status: 429,
    data: null,
  });
  expect(answer.status).toBe(429);
  expect(answer.headers.get('retry-after')).toBe(retryAfter);
}

/** A clock that stands still, so that no share is refilled but by `advance`. */
async function startLimited(rateLimit: {
  perBusiness: number;
  perAddress: number;
}): Promise<Api & { pass: (ms: number) => void }> {
  let nowMs = Date.now();
  const clock = { now: () => new Date(nowMs), sleep: () => Promise.resolve() };
  const api = await startApi({ rateLimit, clock });
  return { ...api, pass: (ms) => (nowMs += ms) };
}

test('429: the requests of a business, all of its credentials together', async () => {
  const api = await startLimited({ perBusiness: 4, perAddress: 0 });
  const read = async (): Promise<ApiAnswer> => await api.call('GET', PAYOUTS);
  expect(await repeat(3, read)).toEqual([200, 200, 200]);
  expect((await api.call('POST', PAYOUTS, { body: payoutBody() })).status).toBe(201);
  expectLimited(await read(), '15');
  expectLimited(await api.call('POST', PAYOUTS, { body: payoutBody() }), '15');
  const headers = { 'x-api-key': api.otherTenant.apiKey };
  expect((await api.call('GET', PAYOUTS, { headers })).status, 'another business').toBe(200);
  api.pass(14_000);
  expectLimited(await read(), '1');
  api.pass(1000);
  expect(await repeat(2, read)).toEqual([200, 429]);
  api.pass(3_600_000);
  expect(await repeat(5, read)).toEqual([200, 200, 200, 200, 429]);
  await api.close();
});

test('429: an address that fails to authenticate; a good credential is not held up by it', async () => {
  const api = await startLimited({ perBusiness: 0, perAddress: 3 });
  const guess = async (): Promise<ApiAnswer> =>
    await api.send('GET', PAYOUTS, { headers: { 'x-api-key': 'a guess' } });
  expect(await repeat(3, guess)).toEqual([401, 401, 401]);
  expectLimited(await guess(), '20');
  expectLimited(await api.send('GET', PAYOUTS), '20');
  expect((await api.call('GET', PAYOUTS)).status).toBe(200);
  await api.close();
});

test('429: an address that asks for tokens, good or bad', async () => {
  const api = await startLimited({ perBusiness: 0, perAddress: 2 });
  const body = {
    grant_type: 'client_credentials',
    client_id: api.tenant.clientId,
    client_secret: api.tenant.clientSecret,
  };
  const ask = async (): Promise<ApiAnswer> => await api.send('POST', '/oauth/token', { body });
  expect(await repeat(2, ask)).toEqual([200, 200]);
  expectLimited(await ask(), '30');
  await api.close();
});

test('what anybody may read is not limited, and 0 is no limit', async () => {
  const limited = await startLimited({ perBusiness: 1, perAddress: 1 });
  const networks = async (): Promise<ApiAnswer> => await limited.send('GET', '/api/v1/networks');
  expect(await repeat(5, networks)).toEqual([200, 200, 200, 200, 200]);
  await limited.close();
  const open = await startLimited({ perBusiness: 0, perAddress: 0 });
  const statuses = await repeat(30, async () => await open.send('GET', PAYOUTS));
  expect(new Set(statuses)).toEqual(new Set([401]));
  await open.close();
});

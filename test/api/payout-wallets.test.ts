import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuidV7 } from '../../src/base/id.ts';
import { systemRandom } from '../../src/base/random.ts';
import {
  PAYOUTS,
  WALLETS,
  payoutBody,
  startApi,
  statusesOf,
  type Api,
  type ApiAnswer,
} from '../harness/api.ts';
import { openTenant } from '../harness/tenant.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.close();
});

/** Calls as a new business without wallets. */
async function newcomer(): Promise<
  (method: string, path: string, body?: object | string) => Promise<ApiAnswer>
> {
  const tenant = await openTenant({ ...api, random: systemRandom }, { tokens: [] });
  const headers = { 'x-api-key': tenant.apiKey };
  return async (method, path, body) =>
    await api.send(method, path, { headers, ...(body === undefined ? {} : { body }) });
}

describe('POST', () => {
  test('201: an empty wallet, with the keys of the sample', async () => {
    const call = await newcomer();
    const answer = await call('POST', WALLETS, { token: 'USDT' });
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({
      success: true,
      message: 'Payout wallet created successfully',
      status: 201,
      data: { token: 'USDT', amount: 0 },
    });
    const keys = ['token', 'userId', 'amount', 'id', 'updatedAt', 'createdAt'];
    expect(Object.keys(answer.json.data)).toEqual(keys);
    const read = await call('GET', `${WALLETS}/${String(answer.json.data['id'])}`);
    expect(read.json.data).toEqual({ ...answer.json.data, amount: '0.000000000000000000' });
  });

  test('201: one for each token, also by a form and by curl', async () => {
    const call = await newcomer();
    for (const body of ['token=USDC', '{"token":"BTC"}', '{"token":"USDT","amount":1000}']) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      expect((await call('POST', WALLETS, body)).status, 'without a type').toBe(
        body.startsWith('{') ? 201 : 400,
      );
      if (body.startsWith('{')) continue;
      const tenant = await openTenant({ ...api, random: systemRandom }, { tokens: [] });
      const all = { ...headers, 'x-api-key': tenant.apiKey };
      expect((await api.send('POST', WALLETS, { body, headers: all })).status).toBe(201);
    }
    expect(
      ((await call('GET', WALLETS)).json.data as unknown as object[]).map((wallet) => wallet),
    ).toMatchObject([
      { token: 'BTC', amount: '0.000000000000000000' },
      { token: 'USDT', amount: '0.000000000000000000' },
    ]);
  });

  test('409: the second, and all but one of many at once', async () => {
    const call = await newcomer();
    const answers = await Promise.all(
      Array.from({ length: 10 }, async () => await call('POST', WALLETS, { token: 'USDT' })),
    );
    expect(statusesOf(answers)).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
    expect((await call('POST', WALLETS, { token: 'USDT' })).json).toEqual({
      success: false,
      message: 'Payout wallet already exists',
      status: 409,
      data: null,
    });
  });

  test.each([
    [{}, 'The token field is required.'],
    [{ token: null }, 'The token field is required.'],
    [{ token: '' }, 'The token field is required.'],
    [{ token: 5 }, 'The token field must be a string.'],
    [{ token: ['USDT'] }, 'The token field must be a string.'],
    [{ token: 'usdt' }, 'The selected token is invalid.'],
    [{ token: 'DOGE' }, 'The selected token is invalid.'],
    [{ token: 'USDT\u0000' }, 'The selected token is invalid.'],
    [{ token: '__proto__' }, 'The selected token is invalid.'],
  ])('422: %j', async (body, message) => {
    const call = await newcomer();
    const answer = await call('POST', WALLETS, body);
    expect(answer.json).toEqual({
      success: false,
      message,
      status: 422,
      data: null,
      errors: { token: [message] },
    });
  });

  test('422: a token that no enabled network pays out', async () => {
    const limited = await startApi({ enabledNetworks: ['TRON_MAINNET'] });
    for (const token of ['USDC', 'BTC']) {
      expect((await limited.call('POST', WALLETS, { body: { token } })).status).toBe(422);
    }
    expect((await limited.call('POST', WALLETS, { body: { token: 'USDT' } })).status).toBe(409);
    await limited.close();
  });

  test('400: broken JSON', async () => {
    expect((await (await newcomer())('POST', WALLETS, '{"token":')).status).toBe(400);
  });
});

describe('GET', () => {
  test('200: the amount is what a new payout can spend', async () => {
    const before = await api.call('GET', `${WALLETS}/${api.tenant.accountIds.USDC ?? ''}`);
    expect(before.json).toMatchObject({
      success: true,
      message: 'Payout wallet fetched successfully',
      status: 200,
      data: { token: 'USDC', userId: api.tenant.userId, amount: '1000.000000000000000000' },
    });
    const body = payoutBody({
      token: 'USDC',
      network: 'BSC_MAINNET',
      amount: '0.123456789012345678',
    });
    expect((await api.call('POST', PAYOUTS, { body })).status).toBe(201);
    const after = await api.call('GET', `${WALLETS}/${api.tenant.accountIds.USDC ?? ''}`);
    expect(after.json.data['amount']).toBe('999.876543210987654322');
  });

  test('200: the list is the same wallets', async () => {
    const answer = await api.call('GET', WALLETS);
    const one = await api.call('GET', `${WALLETS}/${api.tenant.accountIds.BTC ?? ''}`);
    expect(answer.json.message).toBe('Payout wallets fetched successfully');
    expect(answer.json.data).toHaveLength(3);
    expect(answer.json.data).toContainEqual(one.json.data);
  });

  test('200: a business without wallets has an empty list', async () => {
    expect((await (await newcomer())('GET', WALLETS)).json.data).toEqual([]);
  });

  test("404: nothing there, no id, another business's", async () => {
    const headers = { 'x-api-key': api.otherTenant.apiKey };
    const mine = api.tenant.accountIds.USDT ?? '';
    for (const id of ['x', '%00', uuidV7(new Date(), new Uint8Array(10)), mine]) {
      const answer = await api.call('GET', `${WALLETS}/${id}`, { headers });
      const message = 'Payout wallet not found';
      expect(answer.json).toEqual({ success: false, message, status: 404, data: null });
    }
  });
});

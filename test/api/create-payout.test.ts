import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isUuid } from '../../src/base/id.ts';
import { findAccount } from '../../src/ledger/account.ts';
import { openTenant } from '../harness/tenant.ts';
import { systemRandom } from '../../src/base/random.ts';
import { PAYOUTS, WALLETS, payoutBody, startApi, statusesOf, type Api } from '../harness/api.ts';
import { RECIPIENTS } from './recipients.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api.close();
});

async function countPayouts(): Promise<number> {
  const [row] = await api.database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM payouts',
  );
  return row?.count ?? 0;
}

/** Posts the body with these changes. Undefined leaves a field out. */
async function create(changes: Record<string, unknown>): ReturnType<Api['call']> {
  return await api.call('POST', PAYOUTS, { body: payoutBody(changes) });
}

describe('201', () => {
  test('the sample of the page, as curl sends it', async () => {
    const body = `{
"network": "MATIC_MAINNET",
"token": "USDT",
"amount": 0.02,
"toAddress": "0x56adfcc254ab3b8142a275c1837bcffaff5aa38b"
}`;
    const headers = { accept: 'application/json' };
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await api.call('POST', PAYOUTS, { body, headers: { ...headers, ...type } });
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({
      success: true,
      message: 'Payout created successfully',
      status: 201,
      data: {
        amount: 0.02,
        token: 'USDT',
        toAddress: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
        network: 'MATIC_MAINNET',
        userId: api.tenant.userId,
        payoutWalletId: api.tenant.accountIds.USDT,
        id: expect.any(String) as string,
        updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string,
        createdAt: answer.json.data['updatedAt'],
        businessId: api.tenant.businessId,
        merchantReference: null,
        status: 'PENDING',
        transactionHash: null,
        info: null,
      },
    });
    expect(isUuid(answer.json.data['id'] as string)).toBe(true);
    expect(answer.text).toMatch(
      /^\{"success":true,"message":"Payout created successfully","status":201,"data":\{"amount":0\.02,"token":"USDT","toAddress":"[^"]+","network":"[^"]+","userId":"[^"]+","payoutWalletId":"[^"]+","id":"[^"]+","updatedAt":"[^"]+","createdAt":"[^"]+",/,
    );
  });

  test('payout, hold, audit and work for settlement are there', async () => {
    const before = await findAccount(api.database, key());
    const traceId = 'a'.repeat(32);
    const traceparent = `00-${traceId}-${'b'.repeat(16)}-01`;
    const headers = { 'x-request-id': 'audited-1', traceparent };
    const answer = await api.call('POST', PAYOUTS, { body: payoutBody({ amount: 7 }), headers });
    const id = answer.json.data['id'];
    const after = await findAccount(api.database, key());
    expect((after?.heldUnits ?? 0n) - (before?.heldUnits ?? 0n)).toBe(7n * 10n ** 18n);
    expect(
      await api.database.query(
        `SELECT client_ip, credential_kind, credential_id, request_id, trace_id FROM payout_audits
         WHERE business_id = $1 AND payout_id = $2`,
        [api.tenant.businessId, id],
      ),
    ).toEqual([
      {
        client_ip: '127.0.0.1',
        credential_kind: 'API_KEY',
        credential_id: api.tenant.apiKeyId,
        request_id: 'audited-1',
        trace_id: traceId,
      },
    ]);
    expect(
      await api.database.query(
        `SELECT topic, lane, payload FROM outbox_items
         WHERE business_id = $1 AND payload->>'payoutId' = $2`,
        [api.tenant.businessId, id],
      ),
    ).toEqual([
      { topic: 'payouts-to-settle', lane: 'MATIC_MAINNET', payload: { payoutId: id, traceId } },
    ]);
  });

  function key(): { businessId: string; kind: 'API_ACCOUNT'; token: 'USDT' } {
    return { businessId: api.tenant.businessId, kind: 'API_ACCOUNT', token: 'USDT' };
  }

  const VALID = Object.entries(RECIPIENTS).flatMap(([network, addresses]) => {
    const tokens =
      network === 'BITCOIN_MAINNET'
        ? ['BTC']
        : network === 'TRON_MAINNET'
          ? ['USDT']
          : ['USDT', 'USDC'];
    return addresses.flatMap((toAddress) => tokens.map((token) => ({ network, token, toAddress })));
  });

  test.each(VALID)('$token to $toAddress on $network', async (fields) => {
    const answer = await create(fields);
    expect([answer.status, answer.json.message]).toEqual([201, 'Payout created successfully']);
    expect(answer.json.data['toAddress']).toBe(fields.toAddress);
  });

  test.each([
    ['0.01', '0.01'],
    ['1e-2', '0.01'],
    ['0.010', '0.01'],
    ['1E0', '1'],
    ['2.50', '2.5'],
    ['0.123456', '0.123456'],
    ['1e1', '10'],
    ['100', '100'],
  ])('the number %s is answered as %s', async (written, answered) => {
    const body = `{"network":"MATIC_MAINNET","token":"USDT","amount":${written},"toAddress":"0x56adfcc254ab3b8142a275c1837bcffaff5aa38b"}`;
    const answer = await api.call('POST', PAYOUTS, { body });
    expect(answer.status).toBe(201);
    expect(answer.text).toContain(`"data":{"amount":${answered},`);
  });

  test.each([
    ['BSC_MAINNET', 'USDT', '0.010000000000000001'],
    ['BSC_MAINNET', 'USDC', '1.234567890123456789'],
    ['BITCOIN_MAINNET', 'BTC', '0.00001'],
    ['BITCOIN_MAINNET', 'BTC', '0.00012345'],
    ['SOL_MAINNET', 'USDC', '0.010001'],
  ])('on %s %s has all of the digits of %s, out and back', async (network, token, amount) => {
    const toAddress = RECIPIENTS[network as keyof typeof RECIPIENTS][0];
    const fields = JSON.stringify({ network, token, toAddress }).slice(0, -1);
    const answer = await api.call('POST', PAYOUTS, { body: `${fields},"amount":${amount}}` });
    expect(answer.status).toBe(201);
    expect(answer.text).toContain(`"data":{"amount":${amount},`);
    const read = await api.call('GET', `${PAYOUTS}/${String(answer.json.data['id'])}`);
    const [whole = '', fraction = ''] = amount.split('.');
    expect(read.json.data['amount']).toBe(`${whole}.${fraction.padEnd(18, '0')}`);
  });

  test('the amount as a decimal string', async () => {
    const answer = await create({ amount: '0.02' });
    expect(answer.text).toContain('"data":{"amount":0.02,');
  });

  test('keys in snake_case', async () => {
    const { toAddress, ...rest } = payoutBody();
    const body = { ...rest, to_address: toAddress, merchant_reference: 'in snake case' };
    const answer = await api.call('POST', PAYOUTS, { body });
    expect(answer.json.data).toMatchObject({ toAddress, merchantReference: 'in snake case' });
  });

  test('a key both ways with one value', async () => {
    const { toAddress } = payoutBody();
    expect((await create({ to_address: toAddress })).status).toBe(201);
  });

  test.each([null, undefined])('a merchantReference of %s', async (merchantReference) => {
    const answer = await create({ merchantReference });
    expect(answer.json.data['merchantReference']).toBeNull();
  });

  test.each(['a', 'é'.repeat(191), '😀'.repeat(191), ' kept as written ', '"\\/'])(
    'the merchantReference %j comes back',
    async (merchantReference) => {
      const answer = await create({ merchantReference });
      expect(answer.json.data['merchantReference']).toBe(merchantReference);
    },
  );

  test('unknown fields are ignored, whatever their names', async () => {
    const text = JSON.stringify(payoutBody()).slice(0, -1);
    const body = `${text},"__proto__":{"amount":5},"constructor":{"prototype":{"x":1}},"userId":"x","status":"COMPLETED"}`;
    const answer = await api.call('POST', PAYOUTS, { body });
    expect(answer.json.data).toMatchObject({ amount: 0.02, status: 'PENDING' });
    expect(answer.json.data['userId']).toBe(api.tenant.userId);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  test('one reference for two businesses', async () => {
    const body = payoutBody({ merchantReference: 'shared' });
    const headers = { 'x-api-key': api.otherTenant.apiKey };
    const answers = [
      await api.call('POST', PAYOUTS, { body }),
      await api.call('POST', PAYOUTS, { body, headers }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  });
});

describe('400', () => {
  test('Insufficient balance', async () => {
    const answer = await create({ amount: 100_000 });
    expect(answer.json).toEqual({
      success: false,
      message: 'Insufficient balance',
      status: 400,
      data: null,
    });
    expect(answer.status).toBe(400);
  });

  test('two at once for the last of the balance: one gets it', async () => {
    const tenant = await openTenant({ ...api, random: systemRandom });
    const answers = await Promise.all(
      [1, 2].map(
        async () =>
          await api.call('POST', PAYOUTS, {
            body: payoutBody({ amount: 600 }),
            headers: { 'x-api-key': tenant.apiKey },
          }),
      ),
    );
    expect(statusesOf(answers)).toEqual([201, 400]);
  });

  test('what open payouts hold cannot be spent, and what is left can', async () => {
    const tenant = await openTenant({ ...api, random: systemRandom });
    const headers = { 'x-api-key': tenant.apiKey };
    const statuses: number[] = [];
    for (const amount of ['999.99', '0.02', '0.01', '0.01']) {
      const answer = await api.call('POST', PAYOUTS, { body: payoutBody({ amount }), headers });
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([201, 400, 201, 400]);
  });

  test('a request that fails leaves nothing behind', async () => {
    const before = await countPayouts();
    await create({ amount: 100_000, merchantReference: 'left nothing' });
    expect(await countPayouts()).toBe(before);
    expect((await create({ merchantReference: 'left nothing' })).status).toBe(201);
  });
});

describe('404', () => {
  test('no payout wallet for the token', async () => {
    const tenant = await openTenant({ ...api, random: systemRandom }, { tokens: ['USDC'] });
    const headers = { 'x-api-key': tenant.apiKey };
    const answer = await api.call('POST', PAYOUTS, { body: payoutBody(), headers });
    expect(answer.json).toEqual({
      success: false,
      message: 'Wallet not found for the specified token',
      status: 404,
      data: null,
    });
    expect((await api.call('POST', WALLETS, { body: { token: 'USDT' }, headers })).status).toBe(
      201,
    );
    const short = await api.call('POST', PAYOUTS, { body: payoutBody(), headers });
    expect([short.status, short.json.message]).toEqual([400, 'Insufficient balance']);
  });
});

test('a network that is not enabled is none, and not offered', async () => {
  const limited = await startApi({ enabledNetworks: ['TRON_MAINNET'] });
  const refused = await limited.call('POST', PAYOUTS, { body: payoutBody() });
  expect(refused.json.errors).toEqual({ network: ['The selected network is invalid.'] });
  const taken = await limited.call('POST', PAYOUTS, {
    body: payoutBody({ network: 'TRON_MAINNET', toAddress: RECIPIENTS.TRON_MAINNET[0] }),
  });
  expect(taken.status).toBe(201);
  await limited.close();
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { later } from '../../src/base/clock.ts';
import { uuidV7 } from '../../src/base/id.ts';
import { advancePayouts } from '../../src/payouts/advance-payouts.ts';
import type { Payout } from '../../src/payouts/payout.ts';
import type { Progress } from '../../src/payouts/progress.ts';
import { PAYOUTS, payoutBody, startApi, type Api, type ApiAnswer } from '../harness/api.ts';
import { RECIPIENTS } from './recipients.ts';

let api: Api;
let confirm: (payout: Payout) => Promise<void>;
beforeAll(async () => {
  api = await startApi({ confirmNow: async (payout) => await confirm(payout) });
});
afterAll(async () => {
  await api.close();
});

async function create(changes: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  const answer = await api.call('POST', PAYOUTS, { body: payoutBody(changes) });
  expect(answer.status).toBe(201);
  return answer.json.data;
}

async function advance(payoutId: string, progress: Progress): Promise<void> {
  const { businessId } = api.tenant;
  const news = { businessId, payoutId, progress, at: api.clock.now() };
  await api.database.transaction(async (tx) => {
    await advancePayouts(tx, api, [news]);
  });
}

async function list(query: string): Promise<ApiAnswer> {
  return await api.call('GET', `${PAYOUTS}${query === '' ? '' : `?${query}`}`);
}

function idsOf(answer: ApiAnswer): unknown[] {
  return (answer.json.data as unknown as { id: string }[]).map(({ id }) => id);
}

const STRANGE_IDS = [
  'x',
  '1',
  'null',
  '00000000-0000-0000-0000-000000000000',
  '%00',
  '..%2f',
  "'",
  'a'.repeat(3000),
];

describe('GET /api/v1/payouts/{id}', () => {
  test('200: the keys of the sample, the amount with 18 decimals', async () => {
    const created = await create({ merchantReference: 'to be read' });
    const answer = await api.call('GET', `${PAYOUTS}/${String(created['id'])}`);
    expect(answer.json).toEqual({
      success: true,
      message: 'Payout fetched successfully',
      status: 200,
      data: { ...created, amount: '0.020000000000000000' },
    });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.json.data)).toEqual(Object.keys(created));
  });

  test('200: an id in upper case is the same id', async () => {
    const { id } = await create();
    const answer = await api.call('GET', `${PAYOUTS}/${String(id).toUpperCase()}`);
    expect(answer.json.data['id']).toBe(id);
  });

  test.each([
    ['PROCESSING', { status: 'PROCESSING', transactionHash: '0xabc' }, '0xabc', null],
    ['COMPLETED', { status: 'COMPLETED', transactionHash: '0xdef' }, '0xdef', null],
    [
      'FAILED',
      {
        status: 'FAILED',
        info: 'The recipient is blocked.',
        wasSigned: false,
        transactionHash: null,
      },
      null,
      'The recipient is blocked.',
    ],
  ] as const)('200: %s', async (status, progress, transactionHash, info) => {
    const { id } = await create();
    api.advance(1000);
    await advance(String(id), progress);
    const { json } = await api.call('GET', `${PAYOUTS}/${String(id)}`);
    expect(json.data).toMatchObject({ status, transactionHash, info });
    expect(String(json.data['updatedAt']) > String(json.data['createdAt'])).toBe(true);
  });

  test("404: nothing there, no id, another business's", async () => {
    const { id } = await create();
    const headers = { 'x-api-key': api.otherTenant.apiKey };
    const answers = await Promise.all([
      ...STRANGE_IDS.map(async (each) => await api.call('GET', `${PAYOUTS}/${each}`)),
      api.call('GET', `${PAYOUTS}/${String(id)}`, { headers }),
      api.call('GET', `${PAYOUTS}/${uuidV7(new Date(), new Uint8Array(10))}`),
    ]);
    for (const { json } of answers) {
      expect(json).toEqual({
        success: false,
        message: 'Payout not found',
        status: 404,
        data: null,
      });
    }
  });
});

describe('GET /api/v1/payouts/{id}/status', () => {
  test('200: what the chain says now', async () => {
    const { id } = await create();
    const asked: unknown[] = [];
    confirm = async (payout) => {
      asked.push(payout.payoutId, payout.status);
      await advance(payout.payoutId, { status: 'COMPLETED', transactionHash: '0xfeed' });
    };
    const answer = await api.call('GET', `${PAYOUTS}/${String(id)}/status`);
    expect(answer.json).toEqual({
      success: true,
      message: 'Payout status fetched successfully',
      status: 200,
      data: { status: 'COMPLETED', transactionHash: '0xfeed' },
    });
    expect(asked).toEqual([id, 'PENDING']);
    await api.call('GET', `${PAYOUTS}/${String(id)}/status`);
    expect(asked, 'what is final is not asked for again').toHaveLength(2);
  });

  test('200: where the chain says nothing, what was known', async () => {
    confirm = () => Promise.resolve();
    const { id } = await create();
    const answer = await api.call('GET', `${PAYOUTS}/${String(id)}/status`);
    expect(answer.json.data).toEqual({ status: 'PENDING', transactionHash: null });
  });

  test('404: and the chain is not asked', async () => {
    confirm = () => Promise.reject(new Error('asked'));
    const { id } = await create();
    const headers = { 'x-api-key': api.otherTenant.apiKey };
    const answers = [
      await api.call('GET', `${PAYOUTS}/${String(id)}/status`, { headers }),
      await api.call('GET', `${PAYOUTS}/x/status`),
    ];
    expect(answers.map(({ json }) => json.message)).toEqual([
      'Payout not found',
      'Payout not found',
    ]);
  });
});

describe('GET /api/v1/payouts/{id}/attempts', () => {
  test('200: none before the first is signed', async () => {
    const { id } = await create();
    const answer = await api.call('GET', `${PAYOUTS}/${String(id)}/attempts`);
    expect(answer.json).toEqual({
      success: true,
      message: 'Payout attempts fetched successfully',
      status: 200,
      data: [],
    });
  });

  test('200: each with its fate and its proof', async () => {
    const { id } = await create();
    const dead = api.ids.next();
    api.advance(1);
    const open = api.ids.next();
    const at = new Date('2026-01-02T03:04:05.678Z');
    const proof = { finalNonce: '8', block: '100' };
    const insert = async (attemptId: string, state: string, fate: string): Promise<void> => {
      const isDead = state === 'DEAD' ? JSON.stringify(proof) : null;
      const carrier = isDead === null ? 'OPEN' : 'REPLACED';
      await api.database.query(
        `INSERT INTO settlement_attempts
           (network, attempt_id, fence, payer, authority, authority_hash, valid_until, since_block,
            state, next_check_at, proof, created_at, updated_at)
         VALUES ('MATIC_MAINNET', $1, $2, '0x1', '\\x00', $2, $4, 1, $3, $4, $5, $4, $4)`,
        [attemptId, `0x1:batch:${attemptId}`, state, at, isDead],
      );
      await api.database.query(
        `INSERT INTO settlement_attempt_items
           (network, attempt_id, payout_id, position, fate, reason, proof, fee_units)
         VALUES ('MATIC_MAINNET', $1, $2, 0, $3, $4, $5, $6)`,
        [attemptId, id, fate, isDead && 'expired', isDead, isDead && '21000000000000000000'],
      );
      await api.database.query(
        `INSERT INTO settlement_transactions
           (network, transaction_hash, sender, sequence, purpose, attempt_id, raw_transaction, state,
            broadcast_count, created_at, updated_at)
         VALUES ('MATIC_MAINNET', $1, '0x2', 7, 'CARRY', $2, '\\x00', $3, 2, $4, $4)`,
        [`0x${attemptId}`, attemptId, carrier, at],
      );
    };
    await insert(dead, 'DEAD', 'DEAD');
    await insert(open, 'OPEN', 'OPEN');
    const answer = await api.call('GET', `${PAYOUTS}/${String(id)}/attempts`);
    const moment = '2026-01-02T03:04:05.678000Z';
    const common = {
      validUntil: moment,
      blockNumber: null,
      blockHash: null,
      broadcastCount: 2,
      createdAt: moment,
      updatedAt: moment,
    };
    const carrierOf = (attemptId: string, state: string): Record<string, unknown> => ({
      transactionHash: `0x${attemptId}`,
      sender: '0x2',
      sequence: '7',
      state,
      blockNumber: null,
      blockHash: null,
      broadcastCount: 2,
      createdAt: moment,
    });
    expect(answer.json.data).toEqual([
      {
        ...common,
        id: dead,
        transactionHash: `0x${dead}`,
        fence: `0x1:batch:${dead}`,
        state: 'DEAD',
        fate: 'DEAD',
        reason: 'expired',
        proof,
        feeUnits: '21000000000000000000',
        transactions: [carrierOf(dead, 'REPLACED')],
      },
      {
        ...common,
        id: open,
        transactionHash: `0x${open}`,
        fence: `0x1:batch:${open}`,
        state: 'OPEN',
        fate: 'OPEN',
        reason: null,
        proof: null,
        feeUnits: null,
        transactions: [carrierOf(open, 'OPEN')],
      },
    ]);
  });

  test("404: no payout, another business's", async () => {
    const { id } = await create();
    const headers = { 'x-api-key': api.otherTenant.apiKey };
    const answers = [
      await api.call('GET', `${PAYOUTS}/${String(id)}/attempts`, { headers }),
      await api.call('GET', `${PAYOUTS}/x/attempts`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  });
});

describe('GET /api/v1/payouts', () => {
  const made: string[] = [];
  let start = '';
  beforeAll(async () => {
    api.advance(86_400_000);
    start = api.clock.now().toISOString();
    api.advance(1000);
    for (let number = 0; number < 7; number += 1) {
      const isTron = number % 2 === 1;
      const network = isTron ? 'TRON_MAINNET' : 'MATIC_MAINNET';
      const toAddress = RECIPIENTS[network][0];
      const merchantReference = `list & ${number}`;
      made.push(String((await create({ network, toAddress, merchantReference }))['id']));
      api.advance(1000);
    }
    await advance(made[2] ?? '', { status: 'COMPLETED', transactionHash: '0x2' });
  });

  test('200: newest first, 25 on a page', async () => {
    const answer = await list('');
    expect(idsOf(answer).slice(0, 7)).toEqual(made.toReversed());
    expect(answer.json).toMatchObject({
      success: true,
      message: 'Payouts fetched successfully',
      status: 200,
      pagination: { limit: 25 },
    });
    const [first] = answer.json.data as unknown as Record<string, unknown>[];
    expect(first).toMatchObject({ amount: '0.020000000000000000', status: 'PENDING' });
  });

  test.each([1, 2, 3, 6, 7, 100])('200: every payout once, by pages of %i', async (limit) => {
    const seen: unknown[] = [];
    let cursor: string | null | undefined = '';
    while (typeof cursor === 'string') {
      const page = await list(
        `from=${start}&limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...idsOf(page));
      expect(page.json.pagination?.limit).toBe(limit);
      expect(page.json.pagination?.hasMore).toBe(page.json.pagination?.nextCursor !== null);
      cursor = page.json.pagination?.nextCursor;
    }
    expect(seen).toEqual(made.toReversed());
  });

  test('200: a payout that is made between two pages is not missed and none is shown twice', async () => {
    const first = await list(`from=${start}&limit=3`);
    const between = String((await create())['id']);
    const second = await list(
      `from=${start}&limit=100&cursor=${first.json.pagination?.nextCursor ?? ''}`,
    );
    expect([...idsOf(first), ...idsOf(second)]).toEqual(made.toReversed());
    made.push(between);
  });

  test('200: filters, alone and together, in both spellings', async () => {
    const count = async (query: string): Promise<number> => idsOf(await list(query)).length;
    expect(idsOf(await list(`status=COMPLETED&from=${start}`))).toEqual([made[2]]);
    expect(idsOf(await list('network=TRON_MAINNET'))).toEqual([made[5], made[3], made[1]]);
    expect(await count(`token=USDC&from=${start}`)).toBe(0);
    expect(idsOf(await list('merchantReference=list%20%26%204'))).toEqual([made[4]]);
    expect(idsOf(await list('merchant_reference=list+%26+4'))).toEqual([made[4]]);
    expect(await count('merchantReference=nobody')).toBe(0);
    expect(await count('merchantReference=%27%20OR%201%3D1--')).toBe(0);
    expect(
      await count(`network=MATIC_MAINNET&status=COMPLETED&token=USDT&unknown=1&from=${start}`),
    ).toBe(1);
    expect(await count('network=TRON_MAINNET&status=COMPLETED')).toBe(0);
  });

  test('200: from and to take in their own moment', async () => {
    const { createdAt } = (await api.call('GET', `${PAYOUTS}/${made[3] ?? ''}`)).json.data;
    const at = String(createdAt);
    expect(idsOf(await list(`from=${at}&to=${at}`))).toEqual([made[3]]);
    const zoned = encodeURIComponent(at.replace('Z', '+00:00'));
    expect(idsOf(await list(`from=${zoned}&to=${zoned}`))).toEqual([made[3]]);
    const after = later(new Date(at), 1).toISOString();
    expect(idsOf(await list(`from=${after}`))).toEqual(made.slice(4).toReversed());
    const before = later(new Date(at), -1).toISOString();
    expect(idsOf(await list(`from=${start}&to=${before}`))).toEqual(made.slice(0, 3).toReversed());
    const day = at.slice(0, 10);
    expect(idsOf(await list(`from=${day}&to=${day}`))).toContain(made[3]);
    expect(idsOf(await list(`to=1970-01-01`))).toEqual([]);
    expect(idsOf(await list(`from=9999-12-31`))).toEqual([]);
    expect(idsOf(await list(`from=${at}&to=${start}`))).toEqual([]);
  });

  test("200: another business's list is its own, and its cursor leads nowhere else", async () => {
    const headers = { 'x-api-key': api.otherTenant.apiKey };
    const mine = await list('limit=1');
    const cursor = mine.json.pagination?.nextCursor ?? '';
    for (const query of ['', `?cursor=${cursor}`, '?merchantReference=list%20%26%204']) {
      const answer = await api.call('GET', `${PAYOUTS}${query}`, { headers });
      expect(answer.json.data).toEqual([]);
      expect(answer.json.pagination).toEqual({ limit: 25, hasMore: false, nextCursor: null });
    }
  });

  test.each([
    ...['0', '101', '-1', '1.5', 'abc', '', '1e1', '05', ' 5', '99999999999999999999'].map(
      (limit) => ['limit', limit],
    ),
    ...['x', '', 'AAAA', 'a'.repeat(22), 'AaIFOgbDdcuNylTNNhVacw==', '!'.repeat(22), '%00'].map(
      (cursor) => ['cursor', cursor],
    ),
    ...['pending', 'DONE', '', 'PENDING,FAILED', '%00'].map((status) => ['status', status]),
    ...['MATIC', '', 'matic_mainnet'].map((network) => ['network', network]),
    ...['DOGE', '', 'usdt'].map((token) => ['token', token]),
    ...['', 'x'.repeat(192), '%00', 'a%0Ab', '%C2%85'].map((reference) => [
      'merchantReference',
      reference,
    ]),
    ...['from', 'to'].flatMap((name) =>
      [
        '',
        'x',
        '2024',
        '2024-13-01',
        '2024-02-30',
        '2024-01-01T00:00:00',
        '2024-01-01T25:00:00Z',
        '1969-12-31',
        '0001-01-01',
        '1700000000',
        '2024-01-01T00:00:00+99:99',
        '+275760-09-13',
        '2024-01-01T00:00:00Z;',
        '1970-01-01T00:00:00%2B23:00',
      ].map((time) => [name, time]),
    ),
  ])('422: %s=%s', async (name, value) => {
    const answer = await list(`${name}=${value}`);
    expect(answer.status).toBe(422);
    expect(Object.keys(answer.json.errors ?? {})).toEqual([name]);
  });

  test('422: a filter twice; several that are wrong', async () => {
    expect((await list('status=PENDING&status=FAILED')).status).toBe(422);
    expect((await list('limit=5&limit=6')).status).toBe(422);
    const answer = await list('limit=0&cursor=x&status=x');
    expect(Object.keys(answer.json.errors ?? {})).toEqual(['status', 'cursor', 'limit']);
    expect(answer.json.message).toBe('The selected status is invalid. (and 2 more errors)');
  });
});

import { expect, test } from 'vitest';
import type { Payout } from '../payouts/payout.ts';
import { renderBody } from './body.ts';

const payout: Payout = {
  businessId: '01919419-0000-7000-8000-000000000001',
  payoutId: '01919419-0000-7000-8000-000000000002',
  userId: '01919419-0000-7000-8000-000000000003',
  apiAccountId: '01919419-0000-7000-8000-000000000004',
  network: 'MATIC_MAINNET',
  token: 'USDT',
  units: 100_250000000000000000n,
  toAddress: '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
  merchantReference: 'order "7"',
  status: 'COMPLETED',
  transactionHash: '0xabc',
  info: null,
  createdAt: new Date('2024-08-27T13:44:20Z'),
  updatedAt: new Date('2024-08-27T13:45:01.250Z'),
};

test('the exact body of a paid payout', () => {
  expect(renderBody('PAYOUT_SUCCESSFUL', payout)).toBe(
    '{"eventType":"PAYOUT_SUCCESSFUL","payout":{' +
      '"id":"01919419-0000-7000-8000-000000000002",' +
      '"businessId":"01919419-0000-7000-8000-000000000001",' +
      '"token":"USDT","network":"MATIC_MAINNET","amount":"100.25",' +
      '"merchantReference":"order \\"7\\"",' +
      '"toAddress":"0x56adfcc254ab3b8142a275c1837bcffaff5aa38b",' +
      '"transactionHash":"0xabc","status":"COMPLETED",' +
      '"createdAt":"2024-08-27T13:44:20.000000Z","updatedAt":"2024-08-27T13:45:01.250000Z"}}',
  );
});

test('a failed payout says why; what it lacks is null, not missing', () => {
  const failed: Payout = {
    ...payout,
    status: 'FAILED',
    info: 'The recipient is blocked.',
    transactionHash: null,
    merchantReference: null,
  };
  expect(JSON.parse(renderBody('PAYOUT_FAILED', failed))).toMatchObject({
    eventType: 'PAYOUT_FAILED',
    payout: {
      status: 'FAILED',
      info: 'The recipient is blocked.',
      transactionHash: null,
      merchantReference: null,
    },
  });
});

test.each([
  [1n, '0.000000000000000001'],
  [10n ** 18n, '1'],
  [20_000000000000000n, '0.02'],
  [123_456_789_012_345_678_901n * 10n ** 18n + 5n * 10n ** 17n, '123456789012345678901.5'],
])('%s units are the amount %s', (units, amount) => {
  expect(JSON.parse(renderBody('PAYOUT_SUCCESSFUL', { ...payout, units }))).toMatchObject({
    payout: { amount },
  });
});

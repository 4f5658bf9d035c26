import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PAYOUTS, payoutBody, startApi, statusesOf, type Api } from '../harness/api.ts';
import { OWN_WALLET, RECIPIENTS } from './recipients.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi({
    isOwnWallet: (_network, address) => Promise.resolve(address.toLowerCase() === OWN_WALLET),
  });
});
afterAll(async () => {
  await api.close();
});

/** Posts the body with these changes. Undefined leaves a field out. */
async function create(changes: Record<string, unknown>): ReturnType<Api['call']> {
  return await api.call('POST', PAYOUTS, { body: payoutBody(changes) });
}

describe('422', () => {
  async function errorsOf(changes: Record<string, unknown>): Promise<unknown> {
    const answer = await create(changes);
    expect(answer.status).toBe(422);
    expect(answer.json.status).toBe(422);
    return answer.json.errors;
  }

  test('everything that is wrong is told at once, in the order of the fields', async () => {
    const answer = await api.call('POST', PAYOUTS, { body: {} });
    expect(answer.json).toEqual({
      success: false,
      message: 'The network field is required. (and 3 more errors)',
      status: 422,
      data: null,
      errors: {
        network: ['The network field is required.'],
        token: ['The token field is required.'],
        amount: ['The amount field is required.'],
        toAddress: ['The to address field is required.'],
      },
    });
    expect(Object.keys(answer.json.errors ?? {})).toEqual([
      'network',
      'token',
      'amount',
      'toAddress',
    ]);
    const two = await create({ amount: true, merchantReference: 5 });
    expect(two.json.message).toBe('The amount field must be a number. (and 1 more error)');
    const one = await create({ token: 'DOGE' });
    expect(one.json.message).toBe('The selected token is invalid.');
  });

  const FIELDS = ['network', 'token', 'amount', 'toAddress'];
  test.each(FIELDS.flatMap((field) => [undefined, null, ''].map((value) => [field, value])))(
    '%s as %j is required',
    async (field, value) => {
      const label = field === 'toAddress' ? 'to address' : String(field);
      expect(await errorsOf({ [String(field)]: value })).toEqual({
        [String(field)]: [`The ${label} field is required.`],
      });
    },
  );

  const TEXTS = ['network', 'token', 'toAddress', 'merchantReference'];
  const NO_TEXTS = [5, true, false, [], ['USDT'], {}, { a: 1 }];
  test.each(TEXTS.flatMap((field) => NO_TEXTS.map((value) => [field, value] as const)))(
    '%s as %j is no string',
    async (field, value) => {
      const label = field.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      expect(await errorsOf({ [field]: value })).toEqual({
        [field]: [`The ${label} field must be a string.`],
      });
    },
  );

  const LONG = 'x'.repeat(10_000);
  const ODD = [
    '\u0000',
    'USDT\u0000',
    '\u001b[31m',
    '\u007f',
    '\ud800',
    ' USDT',
    'USDT ',
    'usdt',
    LONG,
  ];
  test.each(FIELDS.flatMap((field) => ODD.map((value) => [field, value] as const)))(
    '%s as %j is refused',
    async (field, value) => {
      expect(Object.keys((await errorsOf({ [field]: value })) as object)).toEqual([field]);
    },
  );

  test.each([
    '',
    'x'.repeat(192),
    '😀'.repeat(192),
    'a\u0000',
    'a\nb',
    '\u0085',
    '\ud800',
    '\udc00a',
  ])('the merchantReference %j is refused', async (merchantReference) => {
    expect(Object.keys((await errorsOf({ merchantReference })) as object)).toEqual([
      'merchantReference',
    ]);
  });

  test.each([
    true,
    false,
    [],
    [1],
    {},
    { value: 1 },
    'abc',
    'NaN',
    'Infinity',
    '0x10',
    '1,5',
    ' 1',
    '+1',
    '.5',
    '1.',
    '01',
    '1_000',
    '١',
  ])('the amount %j is no number', async (amount) => {
    expect(await errorsOf({ amount })).toEqual({ amount: ['The amount field must be a number.'] });
  });

  test.each([
    ['MATIC_MAINNET', 'USDT', '0', 'The amount field must be at least 0.01.'],
    ['MATIC_MAINNET', 'USDT', '-0', 'The amount field must be at least 0.01.'],
    ['MATIC_MAINNET', 'USDT', '-1', 'The amount field must be at least 0.01.'],
    ['MATIC_MAINNET', 'USDT', '0.009999', 'The amount field must be at least 0.01.'],
    ['BSC_MAINNET', 'USDT', '0.0099999', 'The amount field must be at least 0.01.'],
    ['BITCOIN_MAINNET', 'BTC', '0.00000999', 'The amount field must be at least 0.00001.'],
    [
      'MATIC_MAINNET',
      'USDT',
      '0.0099999',
      'The amount field must have no more than 6 decimal places.',
    ],
    [
      'MATIC_MAINNET',
      'USDT',
      '0.1234567',
      'The amount field must have no more than 6 decimal places.',
    ],
    [
      'SOL_MAINNET',
      'USDC',
      '1.0000001',
      'The amount field must have no more than 6 decimal places.',
    ],
    [
      'BITCOIN_MAINNET',
      'BTC',
      '0.000123456',
      'The amount field must have no more than 8 decimal places.',
    ],
    [
      'BSC_MAINNET',
      'USDT',
      '1.2345678901234567891',
      'The amount field must have no more than 18 decimal places.',
    ],
    ['MATIC_MAINNET', 'USDT', '1e400', 'The amount field is too large.'],
    ['MATIC_MAINNET', 'USDT', '1e999999999999', 'The amount field is too large.'],
    ['MATIC_MAINNET', 'USDT', '9'.repeat(40), 'The amount field is too large.'],
    ['BSC_MAINNET', 'USDT', '9'.repeat(40), 'The amount field is too large.'],
    ['MATIC_MAINNET', 'USDT', '9'.repeat(5000), 'The amount field is too large.'],
    [
      'MATIC_MAINNET',
      'USDT',
      '1e-400',
      'The amount field must have no more than 6 decimal places.',
    ],
  ])('on %s %s %s: %4$s', async (network, token, amount, message) => {
    const toAddress = RECIPIENTS[network as keyof typeof RECIPIENTS][0];
    const fields = JSON.stringify({ network, token, toAddress }).slice(0, -1);
    for (const written of [amount, `"${amount}"`]) {
      const answer = await api.call('POST', PAYOUTS, { body: `${fields},"amount":${written}}` });
      expect([answer.status, answer.json.errors]).toEqual([422, { amount: [message] }]);
    }
  });

  test.each([
    'DOGE_MAINNET',
    'matic_mainnet',
    'MATIC',
    'MATIC_MAINNET ',
    '__proto__',
    'constructor',
  ])('there is no network %s', async (network) => {
    expect(await errorsOf({ network })).toEqual({ network: ['The selected network is invalid.'] });
  });

  test.each([
    ['BITCOIN_MAINNET', 'USDT'],
    ['BITCOIN_MAINNET', 'USDC'],
    ['MATIC_MAINNET', 'BTC'],
    ['TRON_MAINNET', 'USDC'],
  ] as const)('%s has no %s to pay out', async (network, token) => {
    expect(await errorsOf({ network, token, toAddress: RECIPIENTS[network][0] })).toEqual({
      token: [`The selected token is not available on ${network}.`],
    });
  });

  const FAMILY_OF: Record<string, string> = {
    ETHEREUM_MAINNET: 'evm',
    MATIC_MAINNET: 'evm',
    BSC_MAINNET: 'evm',
  };
  const CROSSED = Object.keys(RECIPIENTS).flatMap((network) =>
    Object.entries(RECIPIENTS)
      .filter(([other]) => (FAMILY_OF[network] ?? network) !== (FAMILY_OF[other] ?? other))
      .flatMap(([, addresses]) => addresses.map((toAddress) => ({ network, toAddress }))),
  );
  test.each(CROSSED)('$toAddress is no address of $network', async ({ network, toAddress }) => {
    const token = network === 'BITCOIN_MAINNET' ? 'BTC' : 'USDT';
    expect(Object.keys((await errorsOf({ network, token, toAddress })) as object)).toEqual([
      'toAddress',
    ]);
  });

  test.each([
    [
      'MATIC_MAINNET',
      'USDT',
      '0x56ADFCC254ab3b8142a275c1837bcffaff5aa38b',
      'a checksum that is wrong',
    ],
    ['MATIC_MAINNET', 'USDT', '0x56adfcc254ab3b8142a275c1837bcffaff5aa38', 'a digit too few'],
    ['MATIC_MAINNET', 'USDT', '56adfcc254ab3b8142a275c1837bcffaff5aa38b', 'no 0x'],
    ['MATIC_MAINNET', 'USDT', `0x${'0'.repeat(40)}`, 'the zero address'],
    ['MATIC_MAINNET', 'USDT', '0xc2132D05D31c914a87C6611C10748AEb04B58e8F', "the token's contract"],
    [
      'MATIC_MAINNET',
      'USDC',
      '0xc2132d05d31c914a87c6611c10748aeb04b58e8f',
      "another token's contract",
    ],
    ['MATIC_MAINNET', 'USDT', OWN_WALLET, 'a wallet of ours'],
    ['TRON_MAINNET', 'USDT', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', "the token's contract"],
    ['TRON_MAINNET', 'USDT', 'TJRabPrwbZy45sbavfcjinPJC18kjpRTv9', 'a checksum that is wrong'],
    ['SOL_MAINNET', 'USDC', 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v', 'the mint'],
    ['SOL_MAINNET', 'USDC', '11111111111111111111111111111111', 'a program'],
    ['BITCOIN_MAINNET', 'BTC', 'tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx', 'the test network'],
    [
      'BITCOIN_MAINNET',
      'BTC',
      'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5',
      'a checksum that is wrong',
    ],
  ])('on %s %s to %s: %s', async (network, token, toAddress) => {
    const errors = await errorsOf({ network, token, toAddress });
    expect(Object.keys(errors as object)).toEqual(['toAddress']);
  });

  test('a key both ways with two values', async () => {
    expect(await errorsOf({ to_address: RECIPIENTS.ETHEREUM_MAINNET[0] })).toEqual({
      toAddress: ['The to address field is given twice with different values.'],
    });
  });

  test('a merchantReference that is taken', async () => {
    const merchantReference = 'taken';
    expect((await create({ merchantReference })).status).toBe(201);
    const errors = {
      merchantReference: ['The merchant reference has already been taken.'],
    };
    expect(await errorsOf({ merchantReference })).toEqual(errors);
    expect(await errorsOf({ merchantReference, amount: 1_000_000 })).toEqual(errors);
    expect(await errorsOf({ merchantReference, amount: 0 })).toEqual({
      amount: ['The amount field must be at least 0.01.'],
      ...errors,
    });
  });

  test('one merchantReference fifty times at once: one payout', async () => {
    const body = payoutBody({ merchantReference: 'fifty' });
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => await api.call('POST', PAYOUTS, { body })),
    );
    expect(statusesOf(answers)).toEqual([201, ...Array.from({ length: 49 }, () => 422)]);
    const found = await api.call('GET', `${PAYOUTS}?merchantReference=fifty`);
    expect(found.json.data).toHaveLength(1);
  });
});

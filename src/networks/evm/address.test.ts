import { getAddress } from 'viem';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEvmAddress } from './address.ts';

// The test cases of EIP-55.
const EIP55_ALL_CAPS = [
  '0x52908400098527886E0F7030069857D2E4169EE7',
  '0x8617E340B3D01FA5F11F306F4090FD50E238070D',
];
const EIP55_ALL_LOWER = [
  '0xde709f2102306220921060314715629080e2fb77',
  '0x27b1fdb04752bbc536007a920d24acb045561c26',
];
const EIP55_NORMAL = [
  '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
  '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
  '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
  '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
];

describe('parseEvmAddress', () => {
  test.each([...EIP55_ALL_CAPS, ...EIP55_ALL_LOWER, ...EIP55_NORMAL])('takes %s', (address) => {
    expect(parseEvmAddress(address)).toEqual({ ok: true, address });
  });

  test.each([...EIP55_ALL_CAPS, ...EIP55_NORMAL])('gives EIP-55 form to unmarked %s', (address) => {
    const digits = address.slice(2);
    expect(parseEvmAddress(`0x${digits.toLowerCase()}`)).toEqual({ ok: true, address });
    expect(parseEvmAddress(`0x${digits.toUpperCase()}`)).toEqual({ ok: true, address });
  });

  test.each([
    ['', 'nothing'],
    ['0x', 'no digits'],
    ['5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', 'no prefix'],
    ['0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', 'a prefix in upper case'],
    ['0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe', '39 digits'],
    ['0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0', '41 digits'],
    ['0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg', 'a letter that is no digit'],
    ['0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n', 'a line feed'],
    ['0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', 'one letter of the wrong case'],
    [`0x${'0'.repeat(40)}`, 'the zero address'],
  ])('refuses %j: %s', (text) => {
    expect(parseEvmAddress(text)).toMatchObject({ ok: false });
  });

  test.each(EIP55_NORMAL)('refuses every single change, swap and case flip of %s', (address) => {
    for (const text of neighbours(address, '0123456789abcdefABCDEF')) {
      expect(parseEvmAddress(text), text).toMatchObject({ ok: false });
    }
  });

  test('agrees with another implementation of EIP-55', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
        fc.pre(bytes.some((byte) => byte !== 0));
        const text = `0x${Buffer.from(bytes).toString('hex')}` as const;
        expect(parseEvmAddress(text)).toEqual({ ok: true, address: getAddress(text) });
        expect(parseEvmAddress(getAddress(text))).toEqual({ ok: true, address: getAddress(text) });
      }),
    );
  });
});

/** Every other text at one substitution, adjacent swap or flip of a letter's case from `address`. */
function neighbours(address: string, digits: string): string[] {
  const texts = new Set<string>();
  for (let index = 2; index < address.length; index += 1) {
    const [before, here, after] = [
      address.slice(0, index),
      address.charAt(index),
      address.slice(index + 1),
    ];
    for (const digit of digits) texts.add(before + digit + after);
    texts.add(before + after.slice(0, 1) + here + after.slice(1));
  }
  texts.delete(address);
  return [...texts];
}

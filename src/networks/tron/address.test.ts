import { sha256 } from '@noble/hashes/sha2.js';
import { createBase58check } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTronAddress } from './address.ts';

const base58check = createBase58check(sha256);

// Contracts of the main network with the hexadecimal form that block explorers show.
const KNOWN = [
  ['TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', '41a614f803b6fd780986a42c78ec9c7f77e6ded13c'],
  ['TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL', '418840e6c55b9ada326d211d818c34a994aeced808'],
] as const;

describe('parseTronAddress', () => {
  test.each(KNOWN)('takes %s', (address, hex) => {
    expect(parseTronAddress(address)).toEqual({ ok: true, address });
    expect(Buffer.from(base58check.decode(address)).toString('hex')).toBe(hex);
  });

  test.each([
    ['T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb', 'the zero address'],
    ['1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', 'a Bitcoin address: base58check, but version 0x00'],
    ['36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm', 'a Bitcoin address of version 0x05'],
    ['41a614f803b6fd780986a42c78ec9c7f77e6ded13c', 'the hexadecimal form'],
    ['0xa614f803b6fd780986a42c78ec9c7f77e6ded13c', 'the EVM form'],
    ['TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6', 'one character too few'],
    ['TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6tt', 'one character too many'],
    ['TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\n', 'a line feed'],
    ['TR7NHqjeKQxGTCi8q8ZY4pL80tSzgjLj6t', '0, which base58 does not have'],
    ['', 'nothing'],
  ])('refuses %j: %s', (text) => {
    expect(parseTronAddress(text)).toMatchObject({ ok: false });
  });

  test('takes what base58check makes of any 20 bytes behind 0x41, and no other version', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.integer({ min: 0, max: 255 }),
        (bytes, version) => {
          fc.pre(bytes.some((byte) => byte !== 0));
          const address = base58check.encode(Uint8Array.of(0x41, ...bytes));
          expect(parseTronAddress(address)).toEqual({ ok: true, address });
          fc.pre(version !== 0x41);
          const other = base58check.encode(Uint8Array.of(version, ...bytes));
          expect(parseTronAddress(other)).toMatchObject({ ok: false });
        },
      ),
    );
  });

  test('refuses payloads of another length, whatever their first byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        fc.pre(bytes.length !== 20);
        const text = base58check.encode(Uint8Array.of(0x41, ...bytes));
        expect(parseTronAddress(text)).toMatchObject({ ok: false });
      }),
    );
  });
});

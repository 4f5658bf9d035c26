import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createIdSource, formatUuid, isUuid, momentOfId, uuidBytes, uuidV7 } from './id.ts';

it('writes the example of RFC 9562, appendix A.6', () => {
  const id = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';
  expect(momentOfId(id).toISOString()).toBe('2022-02-22T19:22:22.000Z');
  const random = uuidBytes(id).slice(6);
  expect(uuidV7(momentOfId(id), random)).toBe(id);
});

it('gives back the bytes that it was written from', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = formatUuid(bytes);
      expect(isUuid(text)).toBe(true);
      expect(text).toBe(text.toLowerCase());
      expect(uuidBytes(text)).toEqual(bytes);
    }),
  );
});

it('marks version and variant whatever the random bytes are', () => {
  const now = new Date(1);
  const ids = [0x00, 0xff].map((byte) =>
    createIdSource(
      { now: () => now, sleep: async () => await Promise.resolve() },
      { bytes: (length) => new Uint8Array(length).fill(byte) },
    ).next(),
  );
  expect(ids).toEqual([
    '00000000-0001-7000-8000-000000000000',
    '00000000-0001-7fff-bfff-ffffffffffff',
  ]);
});

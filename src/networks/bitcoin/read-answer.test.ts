import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUnitsFixed } from '../../money/amount.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import {
  readCount,
  readExactJson,
  readHash,
  readHex,
  readInteger,
  readTransactionOf,
  readUnits,
} from './read-answer.ts';

describe('amounts', () => {
  it('are read to the satoshi, whatever they are', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2_100_000_000_000_000n), (units) => {
        expect(readUnits(readExactJson(formatUnitsFixed(units, 8)), 'amount')).toBe(units);
      }),
    );
  });

  const texts: readonly [string, bigint][] = [
    ['0.00000001', 1n],
    ['1e-8', 1n],
    ['0', 0n],
    ['1', 100_000_000n],
    ['1.10', 110_000_000n],
    ['20999999.97690000', 2_099_999_997_690_000n],
  ];
  it.each(texts)('%s', (text, units) => {
    expect(readUnits(readExactJson(text), 'amount')).toBe(units);
  });

  const refused = [
    '0.000000001',
    '-1',
    '-0.1',
    '21000000.1',
    '1e300',
    '"1"',
    'null',
    'true',
    '[]',
    '{}',
  ];
  it.each(refused)('are not %s', (text) => {
    expect(() => readUnits(readExactJson(text), 'amount')).toThrow(RpcFailure);
  });
});

describe('other values', () => {
  const cases: readonly [string, () => unknown][] = [
    ['a count with a fraction', () => readCount(readExactJson('1.5'), 'count')],
    ['a negative count', () => readCount(-1, 'count')],
    ['a count beyond exact numbers', () => readCount(readExactJson('9007199254740993'), 'count')],
    ['a whole number as a text', () => readInteger('1', 'number')],
    ['a short hash', () => readHash('ab', 'hash')],
    ['a hash in capitals', () => readHash('AB'.repeat(32), 'hash')],
    ['half a byte', () => readHex('abc', 'bytes')],
    ['a transaction cut short', () => readTransactionOf('0200', 'ab'.repeat(32))],
  ];
  it.each(cases)('are not %s', (_, read) => {
    expect(read).toThrow(RpcFailure);
  });
});

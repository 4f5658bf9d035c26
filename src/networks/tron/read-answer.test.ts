import { describe, expect, it } from 'vitest';
import { RpcFailure } from '../nodes/json-rpc.ts';
import {
  readAddress,
  readBlock,
  readCount,
  readCountOrZero,
  readHash,
  readHex,
  readInfo,
  readMaybe,
  readTransaction,
} from './read-answer.ts';
import { txidOf } from './transfer-transaction.ts';

const HASH = 'ab'.repeat(32);

describe('numbers', () => {
  it.each([0, 1, Number.MAX_SAFE_INTEGER])('%s', (value) => {
    expect(readCount(value, 'it')).toBe(BigInt(value));
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN, '1', null, undefined, [], true])('not %s', (value) => {
    expect(() => readCount(value, 'it')).toThrow(new RpcFailure('it is not a whole number'));
  });

  it('may be left out where they are zero, and not be null', () => {
    expect(readCountOrZero(undefined, 'it')).toBe(0n);
    expect(() => readCountOrZero(null, 'it')).toThrow(RpcFailure);
  });
});

describe('hex', () => {
  it('comes back in lower case', () => {
    expect(readHex('ABcd', 'it')).toBe('abcd');
    expect(readHash(HASH.toUpperCase(), 'it')).toBe(HASH);
    expect(readAddress(`41${'AA'.repeat(20)}`, 'it')).toBe(`41${'aa'.repeat(20)}`);
  });

  it.each(['0xab', 'a', 'zz', ' ab', 'ab\n', 7, null, undefined])('is not %j', (value) => {
    expect(() => readHex(value, 'it')).toThrow(RpcFailure);
  });

  it.each(['', HASH.slice(2), `${HASH}00`])('is no hash: %j', (value) => {
    expect(() => readHash(value, 'it')).toThrow(RpcFailure);
  });

  it.each([`a0${'aa'.repeat(20)}`, 'aa'.repeat(20), 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'])(
    'is no address: %j',
    (value) => {
      expect(() => readAddress(value, 'it')).toThrow(RpcFailure);
    },
  );
});

it('reads {} as none, and nothing else', () => {
  expect(readMaybe({}, 'it')).toBeNull();
  expect(readMaybe({ a: 1 }, 'it')).toEqual({ a: 1 });
  for (const value of [null, undefined, [], '', 'null', 0]) {
    expect(() => readMaybe(value, 'it')).toThrow(RpcFailure);
  }
});

describe('a block', () => {
  const id = `${'0'.repeat(12)}0b7a${'cd'.repeat(24)}`;
  const raw = { number: 0xb7a, txTrieRoot: HASH, timestamp: 1_790_000_000_000 };
  const block = { blockID: id, block_header: { raw_data: raw } };

  it('is read from its header', () => {
    const expected = { number: 2938n, hash: id, timeMs: 1_790_000_000_000n, isEmpty: false };
    expect(readBlock(block)).toEqual(expected);
    const empty = {
      blockID: id,
      block_header: { raw_data: { ...raw, txTrieRoot: '0'.repeat(64) } },
    };
    expect(readBlock(empty).isEmpty).toBe(true);
  });

  it('is the first where number and time are left out', () => {
    const first = {
      blockID: `${'0'.repeat(16)}${'cd'.repeat(24)}`,
      block_header: { raw_data: { txTrieRoot: HASH } },
    };
    expect(readBlock(first)).toMatchObject({ number: 0n, timeMs: 0n });
  });

  it.each([
    ['nothing', {}],
    ['null', null],
    ['no id', { block_header: block.block_header }],
    ['a short id', { ...block, blockID: id.slice(2) }],
    ['an id of another number', { ...block, blockID: id.replace('0b7a', '0b7b') }],
    ['no header', { blockID: id }],
    ['no root', { ...block, block_header: { raw_data: { number: 0xb7a, timestamp: 1 } } }],
    ['a time in words', { ...block, block_header: { raw_data: { ...raw, timestamp: '1' } } }],
    [
      'no number where the id has one',
      { ...block, block_header: { raw_data: { txTrieRoot: HASH } } },
    ],
  ])('is not read from %s', (_, value) => {
    expect(() => readBlock(value)).toThrow(RpcFailure);
  });
});

describe('a transaction info', () => {
  const log = { address: 'aa'.repeat(20), topics: [HASH], data: '01' };
  const info = {
    id: HASH,
    fee: 345_000,
    blockNumber: 9,
    blockTimeStamp: 1_790_000_000_000,
    contractResult: ['00'],
    receipt: { energy_usage_total: 28_713, result: 'SUCCESS' },
    log: [log],
  };

  it('is read', () => {
    expect(readInfo(info)).toEqual({
      txid: HASH,
      blockNumber: 9n,
      blockTimeMs: 1_790_000_000_000n,
      feeSun: 345_000n,
      result: 'SUCCESS',
      returned: '00',
      energyUsed: 28_713n,
      logs: [log],
    });
  });

  it('may be of a failure, or of no call', () => {
    const failed = {
      ...info,
      log: undefined,
      result: 'FAILED',
      receipt: { result: 'OUT_OF_ENERGY' },
    };
    expect(readInfo(failed)).toMatchObject({ result: 'OUT_OF_ENERGY', logs: [], energyUsed: 0n });
    const plain = {
      id: HASH,
      blockNumber: 9,
      blockTimeStamp: 1,
      contractResult: [''],
      receipt: { net_usage: 267 },
    };
    expect(readInfo(plain)).toMatchObject({ result: null, returned: '', feeSun: 0n, logs: [] });
    const bare = { ...info, log: [{ address: log.address }] };
    expect(readInfo(bare).logs).toEqual([{ address: log.address, topics: [], data: '' }]);
  });

  it.each([
    ['no id', { id: undefined }],
    ['no block', { blockNumber: undefined }],
    ['no time', { blockTimeStamp: undefined }],
    ['a negative fee', { fee: -1 }],
    ['a failure that succeeded', { result: 'FAILED', log: [] }],
    ['a success that failed', { receipt: { result: 'REVERT' }, log: [] }],
    ['a failure with events', { receipt: { result: 'REVERT' }, result: 'FAILED' }],
    ['an unknown status', { result: 'PERHAPS' }],
    ['a result in lower case', { receipt: { result: 'success' } }],
    ['logs that are none', { log: {} }],
    ['a log with a long address', { log: [{ ...log, address: `41${log.address}` }] }],
    ['a log with a short topic', { log: [{ ...log, topics: ['ab'] }] }],
    ['a log with data in words', { log: [{ ...log, data: '0x01' }] }],
    ['a receipt that is none', { receipt: [] }],
  ])('is not read with %s', (_, change) => {
    expect(() => readInfo({ ...info, ...change })).toThrow(RpcFailure);
  });
});

describe('a transaction', () => {
  const txid = txidOf(Uint8Array.of(1, 2, 3));
  const transaction = {
    txID: txid,
    raw_data_hex: '010203',
    signature: ['0A0b'],
    ret: [{ contractRet: 'SUCCESS' }],
  };

  it('is read by its bytes', () => {
    expect(readTransaction(transaction, txid)).toEqual({
      rawData: Uint8Array.of(1, 2, 3),
      signatures: [Uint8Array.of(10, 11)],
      result: 'SUCCESS',
    });
    const bare = { txID: txid, raw_data_hex: '010203' };
    expect(readTransaction(bare, txid)).toMatchObject({ signatures: [], result: null });
  });

  it.each([
    ['other bytes', { raw_data_hex: '010204' }],
    ['another id', { txID: HASH }],
    ['no bytes', { raw_data_hex: undefined }],
    ['a malformed result', { ret: [{ contractRet: 1 }] }],
    ['malformed signatures', { signature: 'ab' }],
  ])('is refused with %s', (_, change) => {
    expect(() => readTransaction({ ...transaction, ...change }, txid)).toThrow(RpcFailure);
  });

  it('is refused where another was asked for', () => {
    expect(() => readTransaction(transaction, HASH)).toThrow('another transaction');
  });
});

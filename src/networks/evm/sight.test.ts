import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startScriptedRpc,
  type Script,
  type ScriptedRpc,
} from '../../../test/harness/scripted-rpc.ts';
import {
  RECIPIENT,
  blockHash,
  hex,
  result,
  honest,
  known,
  transferLog,
  receipt,
  attempt,
  hash,
  statusOn,
} from '../../../test/harness/scripted-evm.ts';
import { createEvmReader } from './reader.ts';

let first: ScriptedRpc;
beforeAll(async () => {
  first = await startScriptedRpc({});
});
afterAll(async () => {
  await first.close();
});

describe('a node that lies or fails gives unknown', () => {
  const noReceipt = (script: Script): Script => ({
    ...script,
    eth_getTransactionReceipt: result(null),
    eth_getTransactionByHash: result(null),
  });
  const receiptWith = (changes: Record<string, unknown>): Script => ({
    ...honest(hash),
    eth_getTransactionReceipt: result(receipt(hash, changes)),
  });
  const other = `0x${'12'.repeat(32)}`;

  it.each<[string, () => Script]>([
    ['time-out', () => ({ ...honest(hash), eth_getTransactionReceipt: () => 'hang' })],
    [
      'HTML',
      () => ({
        ...honest(hash),
        eth_getTransactionReceipt: () => ({ body: '<html>', status: 502 }),
      }),
    ],
    [
      'rate limit',
      () => ({
        ...honest(hash),
        eth_getTransactionReceipt: () => ({ error: { code: -32005, message: 'limit exceeded' } }),
      }),
    ],
    ['another chain', () => ({ ...honest(hash), eth_chainId: result('0x89') })],
    ['receipt of another transaction', () => receiptWith({ transactionHash: other })],
    [
      "receipt with a stranger's log",
      () => receiptWith({ logs: [transferLog(hash, { transactionHash: other })] }),
    ],
    [
      'receipt with a removed log',
      () => receiptWith({ logs: [transferLog(hash, { removed: true })] }),
    ],
    ['receipt without block', () => receiptWith({ blockHash: null, blockNumber: null })],
    ['receipt without block hash', () => receiptWith({ blockHash: null })],
    ['receipt of another sender', () => receiptWith({ from: RECIPIENT })],
    ['receipt of another target', () => receiptWith({ to: RECIPIENT })],
    ['receipt without status', () => receiptWith({ status: undefined })],
    ['receipt with status 2', () => receiptWith({ status: '0x2' })],
    ['receipt with a number for a quantity', () => receiptWith({ gasUsed: 50_000 })],
    ['receipt as a list', () => ({ ...honest(hash), eth_getTransactionReceipt: result([]) })],
    ['receipt as false', () => ({ ...honest(hash), eth_getTransactionReceipt: result(false) })],
    [
      'finalized unsupported',
      () => ({
        ...honest(hash),
        eth_getBlockByNumber: ([tag], script = honest(hash)) =>
          tag === 'finalized'
            ? { error: { code: -39001, message: 'Unknown block' } }
            : (script['eth_getBlockByNumber']?.([tag, false]) ?? 'hang'),
      }),
    ],
    [
      'finalized null',
      () => ({
        ...honest(hash),
        eth_getBlockByNumber: ([tag]) =>
          tag === 'finalized'
            ? { result: null }
            : (honest(hash)['eth_getBlockByNumber']?.([tag, false]) ?? 'hang'),
      }),
    ],
    [
      'finalized off its own chain',
      () => ({
        ...honest(hash),
        eth_getBlockByNumber: ([tag, whole]) =>
          tag === 'finalized'
            ? { result: { number: hex(110), hash: blockHash(110, 'b'), transactions: [] } }
            : (honest(hash)['eth_getBlockByNumber']?.([tag, whole]) ?? 'hang'),
      }),
    ],
    [
      'block that is another',
      () => ({
        ...honest(hash),
        eth_getBlockByNumber: () => ({
          result: { number: hex(110), hash: blockHash(110), transactions: [] },
        }),
      }),
    ],
    [
      'block that does not hold it',
      () => ({
        ...honest(hash, { includedAt: 101 }),
        eth_getTransactionReceipt: result(receipt(hash)),
      }),
    ],
    [
      'final receipt that changes',
      () => {
        let asked = 0;
        return {
          ...honest(hash),
          eth_getTransactionReceipt: () => {
            asked += 1;
            return {
              result: asked === 1 ? receipt(hash) : receipt(hash, { status: '0x0', logs: [] }),
            };
          },
        };
      },
    ],
    [
      'final receipt that vanishes',
      () => {
        let asked = 0;
        return {
          ...honest(hash),
          eth_getTransactionReceipt: () => {
            asked += 1;
            return { result: asked === 1 ? receipt(hash) : null };
          },
        };
      },
    ],
    [
      'transaction with another hash',
      () => ({
        ...noReceipt(honest(hash)),
        eth_getTransactionByHash: result(known(other, 100)),
      }),
    ],
    [
      'transaction with another nonce',
      () => ({
        ...noReceipt(honest(hash)),
        eth_getTransactionByHash: result({ ...known(hash, null), nonce: '0x8' }),
      }),
    ],
    [
      'transaction with half a block',
      () => ({
        ...noReceipt(honest(hash)),
        eth_getTransactionByHash: result({ ...known(hash, 100), blockHash: null }),
      }),
    ],
    [
      'final transaction without receipt',
      () => ({
        ...honest(hash),
        eth_getTransactionReceipt: result(null),
      }),
    ],
    ['nonce consumed, nobody in the block', () => noReceipt(honest(hash))],
    [
      'count that is no quantity',
      () => ({
        ...noReceipt(honest(hash)),
        eth_getTransactionCount: result('8'),
      }),
    ],
    [
      'count with two answers',
      () => ({
        ...noReceipt(honest(hash)),
        eth_getTransactionCount: ([, tag]) => ({ result: tag === 'finalized' ? '0x8' : '0x7' }),
      }),
    ],
    [
      'count consumed since genesis',
      () => ({
        ...noReceipt(honest(hash)),
        eth_getTransactionCount: result('0x8'),
      }),
    ],
    [
      'count without history',
      () => ({
        ...noReceipt(honest(hash)),
        eth_getTransactionCount: ([, tag]) =>
          tag === 'finalized' || tag === hex(110)
            ? { result: '0x8' }
            : { error: { code: -32000, message: 'missing trie node' } },
      }),
    ],
  ])('%s', async (_, script) => {
    first.script = script();
    const sighting = await statusOn([first], { timeoutMs: 400 });
    expect(sighting.kind).toBe('unknown');
    expect((sighting as { reason: string }).reason).not.toBe('');
  });

  it('no node at all', async () => {
    const reader = createEvmReader({
      network: 'ETHEREUM_MAINNET',
      chainId: 1,
      rpcUrls: ['http://127.0.0.1:9'],
      timeoutMs: 400,
    });
    expect((await reader.status(attempt)).kind).toBe('unknown');
  });
});

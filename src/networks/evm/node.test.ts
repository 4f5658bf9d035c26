import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startScriptedRpc,
  type ScriptedAnswer,
  type ScriptedRpc,
} from '../../../test/harness/scripted-rpc.ts';
import { ChainMismatch } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNode } from './node.ts';
import { connectNodes } from './nodes.ts';
import type { EventLog } from './read-answer.ts';

const CALL = { to: `0x${'11'.repeat(20)}`, data: '0x' } as const;
const chainId = (): ScriptedAnswer => ({ result: '0x1' });

let server: ScriptedRpc;
beforeAll(async () => {
  server = await startScriptedRpc({});
});
afterAll(async () => {
  await server.close();
});

function node(): EvmNode {
  const [first] = connectNodes({ chainId: 1, rpcUrls: [server.url] }).all;
  if (first === undefined) throw new Error('no node');
  return first;
}

describe('a call', () => {
  it.each<[string, number, string, unknown, string]>([
    ['execution-apis', 3, 'execution reverted: x', '0x08C379A0', '0x08c379a0'],
    ['execution-apis, without data', 3, 'execution reverted', undefined, '0x'],
    ['an older node', -32000, 'execution reverted', undefined, '0x'],
    [
      'a node that writes it out',
      -32015,
      'VM execution error.',
      'Reverted 0x08c379a0',
      '0x08c379a0',
    ],
  ])('that reverts is an answer: %s', async (_, code, message, data, expected) => {
    server.script = {
      eth_chainId: chainId,
      eth_call: () => ({ error: { code, message, data } }),
      eth_estimateGas: () => ({ error: { code, message, data } }),
    };
    expect(await node().call(CALL, 'latest')).toEqual({ kind: 'reverted', data: expected });
    expect(await node().estimateGas(CALL)).toEqual({ revertData: expected });
  });

  it.each<[string, number, string, unknown]>([
    ['limit', -32005, 'limit exceeded', undefined],
    ['lost state', -32000, 'missing trie node', undefined],
    ['another failure of the machine', -32015, 'VM execution error.', 'OutOfGas'],
    ['an opcode', -32000, 'invalid opcode: INVALID', undefined],
    ['data that means nothing', -32000, 'header not found', '0x08c379a0'],
  ])('that fails otherwise is none: %s', async (_, code, message, data) => {
    server.script = { eth_chainId: chainId, eth_call: () => ({ error: { code, message, data } }) };
    await expect(node().call(CALL, 'latest')).rejects.toThrow(RpcFailure);
  });

  it.each([null, '0x0', '0xg0', 1, true, '', [], {}])('never answers %j', async (result) => {
    server.script = { eth_chainId: chainId, eth_call: () => ({ result }) };
    await expect(node().call(CALL, 'latest')).rejects.toThrow(RpcFailure);
  });
});

describe('a quantity', () => {
  it.each([
    ['0x0', 0n],
    ['0x7', 7n],
    ['0xFf', 255n],
    [`0x${'f'.repeat(64)}`, 2n ** 256n - 1n],
  ])('is %s', async (result, value) => {
    server.script = { eth_chainId: chainId, eth_getBalance: () => ({ result }) };
    expect(await node().balance(CALL.to)).toBe(value);
  });

  it.each([null, '', '0x', '0x00', '0x07', '7', 7, '0x-7', '0x7 ', ' 0x7', `0x1${'0'.repeat(64)}`])(
    'is not %j',
    async (result) => {
      server.script = { eth_chainId: chainId, eth_getBalance: () => ({ result }) };
      await expect(node().balance(CALL.to)).rejects.toThrow(RpcFailure);
    },
  );
});

const SLOT = `0x${'00'.repeat(32)}` as const;
const BLOCK_HASH = `0x${'bb'.repeat(32)}` as const;
const TOPIC = `0x${'cc'.repeat(32)}` as const;

describe('a word of storage', () => {
  it.each([
    [`0x${'00'.repeat(32)}`, 0n],
    [`0x${'FF'.repeat(32)}`, 2n ** 256n - 1n],
  ])('is %s', async (result, value) => {
    server.script = { eth_chainId: chainId, eth_getStorageAt: () => ({ result }) };
    expect(await node().storageAt(CALL.to, SLOT, 7n)).toBe(value);
  });

  it.each([null, '0x0', '0x', '0x1', `0x${'00'.repeat(31)}`, `0x${'00'.repeat(33)}`, 0])(
    'is not %j',
    async (result) => {
      server.script = { eth_chainId: chainId, eth_getStorageAt: () => ({ result }) };
      await expect(node().storageAt(CALL.to, SLOT, 7n)).rejects.toThrow(RpcFailure);
    },
  );
});

describe('the newest block', () => {
  const block = { number: '0x7', hash: BLOCK_HASH, timestamp: '0x5', transactions: [] };
  it('has a time', async () => {
    server.script = { eth_chainId: chainId, eth_getBlockByNumber: () => ({ result: block }) };
    expect(await node().latestBlock()).toEqual({
      number: 7n,
      hash: BLOCK_HASH,
      timestamp: 5n,
      transactions: [],
    });
  });

  it.each([
    null,
    { ...block, timestamp: 5 },
    { ...block, timestamp: null },
    { ...block, number: null, hash: null },
    { ...block, hash: '0x7' },
    { ...block, transactions: null },
  ])('is not %j', async (result) => {
    server.script = { eth_chainId: chainId, eth_getBlockByNumber: () => ({ result }) };
    await expect(node().latestBlock()).rejects.toThrow(RpcFailure);
  });
});

describe('logs of a range', () => {
  const log = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
    address: CALL.to,
    topics: [TOPIC],
    data: '0x',
    logIndex: '0x0',
    blockNumber: '0x7',
    blockHash: BLOCK_HASH,
    transactionHash: `0x${'dd'.repeat(32)}`,
    removed: false,
    ...changes,
  });
  const ask = async (result: unknown): Promise<EventLog[]> => {
    server.script = { eth_chainId: chainId, eth_getLogs: () => ({ result }) };
    return await node().logsBetween({ from: 5n, to: 9n, address: CALL.to, topics: [TOPIC] });
  };

  it('come in the order of the chain', async () => {
    const logs = await ask([
      log({ logIndex: '0xa' }),
      log({ logIndex: '0x2' }),
      log({ blockNumber: '0x5' }),
    ]);
    expect(logs.map(({ blockNumber, logIndex }) => [blockNumber, logIndex])).toEqual([
      [5n, 0n],
      [7n, 2n],
      [7n, 10n],
    ]);
  });

  it.each<[string, unknown]>([
    ['of a block before', [log({ blockNumber: '0x4' })]],
    ['of a block after', [log({ blockNumber: '0xa' })]],
    ['of another contract', [log({ address: `0x${'22'.repeat(20)}` })]],
    ['of another event', [log({ topics: [BLOCK_HASH] })]],
    ['without a topic', [log({ topics: [] })]],
    ['that a reorganisation removed', [log({ removed: true })]],
    ['twice', [log(), log()]],
    ['as null', null],
    ['as an object', {}],
  ])('are not believed %s', async (_, result) => {
    await expect(ask(result)).rejects.toThrow(RpcFailure);
  });
});

describe('a node', () => {
  it('is asked for its chain once, before anything else', async () => {
    server.script = { eth_chainId: chainId, eth_getBalance: () => ({ result: '0x1' }) };
    const before = server.asked.length;
    const it = node();
    await it.balance(CALL.to);
    await it.balance(CALL.to);
    expect(server.asked.slice(before)).toEqual(['eth_chainId', 'eth_getBalance', 'eth_getBalance']);
  });

  it('of another chain is asked nothing else, and sent nothing', async () => {
    server.script = { eth_chainId: () => ({ result: '0x38' }) };
    const before = server.asked.length;
    await expect(node().sendRaw('0x02')).rejects.toThrow(ChainMismatch);
    expect(server.asked.slice(before)).toEqual(['eth_chainId']);
  });
});

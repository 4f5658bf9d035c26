import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startScriptedRpc,
  type ScriptedAnswer,
  type ScriptedRpc,
} from '../../../test/harness/scripted-rpc.ts';
import { ChainMismatch } from '../network.ts';
import { RpcFailure } from './json-rpc.ts';
import type { EvmNode } from './node.ts';
import { connectNodes } from './nodes.ts';

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

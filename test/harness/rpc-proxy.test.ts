import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRpcProxy, type RpcFault, type RpcProxy } from './rpc-proxy.ts';
import { startScriptedRpc, type ScriptedRpc } from './scripted-rpc.ts';
import { createSeededRandom } from './seeded-random.ts';

let node: ScriptedRpc;
let proxy: RpcProxy;
let height = 0;
beforeEach(async () => {
  height = 0;
  node = await startScriptedRpc({
    eth_blockNumber: () => {
      height += 1;
      return { result: `0x${height.toString(16)}` };
    },
    eth_sendRawTransaction: () => ({ result: '0xhash' }),
  });
  proxy = await startRpcProxy({
    target: node.url,
    random: createSeededRandom(7),
    staleMs: 0,
    dripMs: 120,
  });
});
afterEach(async () => {
  await proxy.close();
  await node.close();
});

interface Heard {
  readonly status: number;
  readonly text: string;
}

async function ask(
  method = 'eth_blockNumber',
  patienceMs = 1_000,
  params: readonly string[] = [],
): Promise<Heard | string> {
  try {
    const response = await fetch(proxy.url, {
      method: 'POST',
      body: JSON.stringify({ jsonrpc: '2.0', id: 5, method, params }),
      signal: AbortSignal.timeout(patienceMs),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'time-out' : 'broken';
  }
}

const answered = (result: string): string => JSON.stringify({ jsonrpc: '2.0', id: 5, result });

describe('a proxy between a client and a node', () => {
  it('passes questions and answers on as they are', async () => {
    expect(await ask()).toEqual({ status: 200, text: answered('0x1') });
    expect(node.asked).toEqual(['eth_blockNumber']);
    expect(proxy.counts).toMatchObject({ passed: 1, stale: 0 });
  });

  it.each<[RpcFault, number, Heard | string | object]>([
    ['reset-before', 0, 'broken'],
    ['reset-after', 1, 'broken'],
    ['silence-before', 0, 'time-out'],
    ['silence-after', 1, 'time-out'],
    ['malformed', 1, { status: 200, text: expect.stringMatching(/^<html>/) as string }],
    ['wrong-id', 1, { status: 200, text: expect.stringContaining('9000000000') as string }],
    ['slow-drip', 1, { status: 200, text: answered('0x1') }],
  ])('%s: the node has heard %i questions', async (fault, heard, expected) => {
    proxy.setFaults({ [fault]: 1 });
    expect(await ask('eth_blockNumber', 300)).toEqual(expected);
    expect(node.asked).toHaveLength(heard);
    expect(proxy.counts).toMatchObject({ [fault]: 1, passed: 0 });
  });

  it('truncated: what comes is the beginning of the answer, and no more', async () => {
    proxy.setFaults({ truncated: 1 });
    const { text } = (await ask()) as Heard;
    expect(text.length).toBeLessThan(answered('0x1').length);
    expect(answered('0x1').startsWith(text)).toBe(true);
  });

  it.each<[RpcFault, RegExp]>([
    ['server-error', /<html>/],
    ['rpc-error', /"error"/],
  ])('%s: the node has sometimes heard the question, sometimes not', async (fault, text) => {
    proxy.setFaults({ [fault]: 1 });
    for (let times = 0; times < 20; times += 1) {
      expect(((await ask()) as Heard).text).toMatch(text);
    }
    expect(node.asked.length).toBeGreaterThan(0);
    expect(node.asked.length).toBeLessThan(20);
  });

  it('stale: answers what was true before, where it knows it, and asks nobody', async () => {
    proxy.setFaults({ stale: 1 });
    expect(await ask()).toEqual({ status: 200, text: answered('0x1') });
    expect(await ask()).toEqual({ status: 200, text: answered('0x1') });
    proxy.setFaults({});
    expect(await ask()).toEqual({ status: 200, text: answered('0x2') });
    expect(proxy.counts).toMatchObject({ stale: 1, passed: 2 });
  });

  it('misjudged-send: delivers, and says that it was not needed; touches nothing else', async () => {
    proxy.setFaults({ 'misjudged-send': 1 });
    const { text } = (await ask('eth_sendRawTransaction', 1_000, ['0xc0'])) as Heard;
    expect(text).toMatch(/already known|nonce too low/);
    expect(await ask()).toEqual({ status: 200, text: answered('0x1') });
    expect(node.asked).toEqual(['eth_sendRawTransaction', 'eth_blockNumber']);
  });

  it('forgotten-send: names the transaction, and keeps it to itself', async () => {
    proxy.setFaults({ 'forgotten-send': 1 });
    // keccak-256 of the byte c0, the empty list of RLP.
    const emptyHash = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347';
    const heard = await ask('eth_sendRawTransaction', 1_000, ['0xc0']);
    expect(heard).toEqual({ status: 200, text: answered(emptyHash) });
    expect(node.asked).toEqual([]);
    expect([...proxy.given]).toEqual(['0xc0']);
  });

  it('is dead in a blackout, for those who wait too, and back afterwards', async () => {
    proxy.setFaults({ 'silence-before': 1 });
    const waiting = ask('eth_blockNumber', 10_000);
    await expect.poll(() => proxy.counts['silence-before']).toBe(1);
    proxy.setBlackout('refused');
    expect(await waiting).toBe('broken');
    expect(await ask()).toBe('broken');
    proxy.setBlackout('silent');
    expect(await ask('eth_blockNumber', 100)).toBe('time-out');
    proxy.setBlackout(null);
    proxy.setFaults({});
    expect(await ask()).toEqual({ status: 200, text: answered('0x1') });
    expect(node.asked).toHaveLength(1);
  });

  it('fails in the same order for the same seed', async () => {
    const play = async (): Promise<object> => {
      const other = await startRpcProxy({ target: node.url, random: createSeededRandom(11) });
      proxy = other;
      other.setFaults({ 'reset-after': 0.3, malformed: 0.3 });
      const heard: unknown[] = [];
      for (let times = 0; times < 30; times += 1) {
        const answer = await ask('eth_sendRawTransaction');
        heard.push(typeof answer === 'string' ? answer : answer.text.slice(0, 1));
      }
      await other.close();
      return { heard, counts: other.counts };
    };
    const first = proxy;
    const [one, two] = [await play(), await play()];
    proxy = first;
    expect(one).toEqual(two);
    expect(new Set((one as { heard: string[] }).heard).size).toBe(3);
  });
});

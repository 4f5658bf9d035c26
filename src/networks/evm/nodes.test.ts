import { describe, expect, it } from 'vitest';
import { startScriptedRpc, type ScriptedAnswer } from '../../../test/harness/scripted-rpc.ts';
import { ACCOUNT, callWitnesses, type Court } from '../../../test/harness/witnesses.ts';
import { ChainMismatch } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNode } from './node.ts';
import { connectNodes } from './nodes.ts';

const balance = async (node: EvmNode): Promise<bigint> => await node.balance(ACCOUNT);
/** Which node did the work. */
const labelOf = async (node: EvmNode): Promise<string> => {
  await node.balance(ACCOUNT);
  return node.label;
};
const numberOf = async (court: Court): Promise<string> =>
  (await court.pool.onOne(labelOf)).slice('node '.length, 'node 1'.length);

describe('a quorum', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
  ])('of %i nodes is %i of them', (count, quorum) => {
    expect(callWitnesses(count).pool.quorum).toBe(quorum);
  });

  it.each([
    [3, 1],
    [2, 1],
    [3, 4],
    [3, 0],
    [1, 2],
    [3, 2.5],
  ])('of %i nodes is never %d', (count, quorum) => {
    expect(() => callWitnesses(count, quorum)).toThrow(RangeError);
  });

  it('may be larger than it has to be, and needs a node', () => {
    expect(callWitnesses(3, 3).pool.quorum).toBe(3);
    expect(() => callWitnesses(0)).toThrow(RangeError);
  });
});

describe('a read', () => {
  it('stays on the node that last did well', async () => {
    const court = callWitnesses(3);
    expect(await numberOf(court)).toBe('1');
    court.witness(0).mood = 'failing';
    expect(await numberOf(court)).toBe('2');
    court.witness(0).mood = 'well';
    court.clock.advance(3_600_000);
    expect(await numberOf(court)).toBe('2');
  });

  it('is wholly of one node, whatever fails in its midst', async () => {
    const court = callWitnesses(2);
    court.witness(0).balance = '0x5';
    court.witness(1).balance = '0x7';
    const pair = await court.pool.onOne(async (node) => {
      const first = await node.balance(ACCOUNT);
      if (node === court.node(0)) court.witness(0).mood = 'failing';
      return [first, await node.balance(ACCOUNT)];
    });
    expect(pair).toEqual([7n, 7n]);
  });

  it.each(['silent', 'failing', 'refusing'] as const)(
    'comes last to a node that is %s, and never drops it',
    async (mood) => {
      const court = callWitnesses(3);
      const order: string[] = [];
      const work = async (node: EvmNode): Promise<bigint> => {
        order.push(node.label.slice(0, 'node 1'.length));
        return await node.balance(ACCOUNT);
      };
      court.witness(0).mood = mood;
      await court.pool.onOne(work);
      court.witness(1).mood = mood;
      court.witness(2).mood = mood;
      await expect(court.pool.onOne(work)).rejects.toThrow(RpcFailure);
      expect(order).toEqual(['node 1', 'node 2', 'node 2', 'node 3', 'node 1']);
    },
  );

  it('spares a node for 1, 2, 4 and at most 60 s', async () => {
    const court = callWitnesses(2);
    const waits: number[] = [];
    for (const _ of Array.from({ length: 9 })) {
      court.witness(0).mood = 'silent';
      await court.pool.hearAll(balance);
      const asked = court.witness(0).asked.length;
      let seconds = 0;
      while (court.witness(0).asked.length === asked) {
        court.clock.advance(1_000);
        seconds += 1;
        await court.pool.hearAll(balance);
      }
      waits.push(seconds);
    }
    expect(waits.slice(0, 3)).toEqual([1, 2, 4]);
    expect(Math.max(...waits)).toBe(60);
    expect(waits.at(-1)).toBe(60);
  });

  it('goes to the only node, however often it failed', async () => {
    const court = callWitnesses(1);
    court.witness(0).mood = 'silent';
    for (let round = 0; round < 5; round += 1) {
      await expect(court.pool.onOne(balance)).rejects.toThrow(/^node 1: no answer/);
      const [heard] = await court.pool.hearAll(balance);
      expect(heard).toMatchObject({ kind: 'failed', reason: 'node 1: no answer within 1 ms' });
    }
    expect(court.witness(0).asked.length).toBe(10);
    court.witness(0).mood = 'well';
    expect(await court.pool.onOne(balance)).toBe(1n);
  });

  it('passes over a node of another chain, and says so where there is no other', async () => {
    const court = callWitnesses(2);
    court.witness(0).chainId = '0x38';
    expect(await numberOf(court)).toBe('2');
    expect(court.witness(0).asked).toEqual(['eth_chainId']);
    court.witness(1).mood = 'silent';
    await expect(court.pool.onOne(balance)).rejects.toThrow(ChainMismatch);
  });

  it('that fails by our own mistake is not tried on another node', async () => {
    const court = callWitnesses(2);
    const work = async (node: EvmNode): Promise<never> => {
      await node.balance(ACCOUNT);
      throw new TypeError('ours');
    };
    await expect(court.pool.onOne(work)).rejects.toThrow(TypeError);
    await expect(court.pool.hearAll(work)).rejects.toThrow(TypeError);
    expect(court.witness(1).asked).not.toHaveLength(0);
  });
});

describe('a node that goes down', () => {
  it.each([
    ['silent', 'no answer'],
    ['failing', 'the answer is not JSON'],
  ] as const)('or is %s is named once, and once more when it is back', async (mood, words) => {
    const court = callWitnesses(2);
    court.witness(0).mood = mood;
    for (let round = 0; round < 10; round += 1) {
      await court.pool.hearAll(balance);
      court.clock.advance(60_000);
    }
    expect(court.lines).toMatchObject([{ level: 'error', alarm: true }]);
    expect(court.lines[0]?.message).toMatch(/^node 1 of 2 fails again and again, /);
    expect(court.lines[0]?.message).toContain(words);
    court.witness(0).mood = 'well';
    await court.pool.hearAll(balance);
    await court.pool.hearAll(balance);
    expect(court.lines.slice(1)).toEqual([
      { level: 'info', alarm: false, message: 'node 1 of 2 answers well again' },
    ]);
  });

  it('is not named for many questions that fail at once', async () => {
    const court = callWitnesses(2);
    court.witness(0).mood = 'silent';
    await Promise.all(Array.from({ length: 50 }, async () => await court.pool.hearAll(balance)));
    expect(court.lines).toEqual([]);
  });

  it('holds up no question to all but one of many', async () => {
    const court = callWitnesses(3);
    court.witness(2).mood = 'silent';
    await court.pool.hearAll(balance);
    const asked = court.witness(2).asked.length;
    court.clock.advance(1_000);
    const heard = await Promise.all(
      Array.from({ length: 20 }, async () => await court.pool.hearAll(balance)),
    );
    expect(court.witness(2).asked.length).toBe(asked + 1);
    for (const said of heard) {
      expect(said.map(({ kind }) => kind)).toEqual(['heard', 'heard', 'failed']);
    }
  });

  it('is asked all the same where all are down', async () => {
    const court = callWitnesses(2);
    court.witness(0).mood = 'silent';
    court.witness(1).mood = 'silent';
    await court.pool.hearAll(balance);
    court.witness(1).mood = 'well';
    const heard = await court.pool.hearAll(balance);
    expect(heard.map(({ kind }) => kind)).toEqual(['failed', 'heard']);
  });

  it.each(['refusing', 'failing'] as const)('and is %s is still heard', async (mood) => {
    const court = callWitnesses(2);
    court.witness(0).mood = mood;
    await court.pool.hearAll(balance);
    court.witness(0).mood = 'well';
    const heard = await court.pool.hearAll(balance);
    expect(heard.map(({ kind }) => kind)).toEqual(['heard', 'heard']);
  });

  it('is not spared for longer by a clock that is set back', async () => {
    const court = callWitnesses(2);
    court.witness(0).mood = 'silent';
    await court.pool.hearAll(balance);
    court.clock.advance(-3_600_000);
    court.witness(0).mood = 'well';
    const heard = await court.pool.hearAll(balance);
    expect(heard.map(({ kind }) => kind)).toEqual(['heard', 'heard']);
  });
});

describe('over HTTP, through the pool', () => {
  const wrong: [string, ScriptedAnswer][] = [
    ['silence', 'hang'],
    ['an answer without an end', 'drip'],
    ['a connection that is reset', 'reset'],
    ['an answer that breaks off', 'cut'],
    ['a page', { body: '<html>502</html>', status: 502 }],
    ['nothing', { body: '' }],
    ['a redirect', { body: '', status: 302, headers: { location: '/' } }],
    ['a result with HTTP 500', { body: '{"jsonrpc":"2.0","id":2,"result":"0x9"}', status: 500 }],
    ['the answer to another question', { body: '{"jsonrpc":"2.0","id":7,"result":"0x9"}' }],
    ['a limit', { error: { code: -32005, message: 'limit exceeded' } }],
    ['an error without a meaning', { body: '{"jsonrpc":"2.0","id":2,"error":"0x9"}' }],
    ['null', { result: null }],
    ['a number', { result: 9 }],
    ['a quantity with a leading zero', { result: '0x09' }],
    ['a list', { result: ['0x9'] }],
  ];

  it.each(wrong)('%s is a failure of that node, never a value', async (_, answer) => {
    const chainId = (): ScriptedAnswer => ({ result: '0x1' });
    const bad = await startScriptedRpc({ eth_chainId: chainId, eth_getBalance: () => answer });
    const good = await startScriptedRpc({
      eth_chainId: chainId,
      eth_getBalance: () => ({ result: '0x2' }),
    });
    try {
      const rpcUrls = [`${bad.url}/SECRETKEY`, good.url];
      const pool = connectNodes({ chainId: 1, rpcUrls, timeoutMs: 250 });
      const heard = await pool.hearAll(balance);
      expect(heard).toMatchObject([{ kind: 'failed' }, { kind: 'heard', value: 2n }]);
      expect(
        JSON.stringify(heard.map((it) => (it.kind === 'failed' ? it.reason : ''))),
      ).not.toMatch(/SECRETKEY|127\.0\.0\.1/);
      expect(await pool.onOne(balance)).toBe(2n);
    } finally {
      await bad.close();
      await good.close();
    }
  });
});

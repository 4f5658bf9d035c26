import { describe, expect, it } from 'vitest';
import {
  startScriptedRpc,
  type Script,
  type ScriptedAnswer,
} from '../../../test/harness/scripted-rpc.ts';
import { present } from '../../base/assert.ts';
import type { TransferOrder } from '../network.ts';
import { judgeOrder, type Judgement } from './judge-order.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { connectNodes } from './nodes.ts';

const RECIPIENT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const treasury = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
const order: TransferOrder = {
  payoutId: 'payout-1',
  asset: {
    network: 'MATIC_MAINNET',
    token: 'USDT',
    contract: '0xc2132d05d31c914a87c6611c10748aeb04b58e8f',
    decimals: 6,
    minimumUnits: 1n,
    payoutsEnabled: true,
  },
  units: 20_000n,
  toAddress: RECIPIENT,
};

describe('a token that refuses and does not speak of a blacklist', () => {
  const NOPE = `0x08c379a0${'20'.padStart(64, '0')}${'4'.padStart(64, '0')}${Buffer.from('Nope').toString('hex').padEnd(64, '0')}`;
  const FALSE = `0x${'0'.repeat(64)}`;
  const reverted = (data: string): ScriptedAnswer => ({
    error: { code: 3, message: 'execution reverted', data },
  });
  const takes: ScriptedAnswer = { result: '0x' };

  /** Answers to transfer(): to the recipient, then to anybody else; newest, then finalized. */
  type Manners = readonly [readonly ScriptedAnswer[], readonly ScriptedAnswer[]];

  function nodeWith([recipient, control]: Manners): Script {
    return {
      eth_chainId: () => ({ result: '0x89' }),
      eth_getBlockByNumber: () => ({
        result: {
          number: '0x9',
          hash: `0x${'99'.repeat(32)}`,
          timestamp: '0x1',
          transactions: [],
        },
      }),
      eth_call: ([request, block]) => {
        const { data } = request as { data: string };
        if (data.startsWith('0x70a08231')) return { result: `0x${'ffffff'.padStart(64, '0')}` };
        if (!data.startsWith('0xa9059cbb')) return reverted('0x');
        const answers = data.includes(RECIPIENT.slice(2).toLowerCase()) ? recipient : control;
        return answers[block === 'latest' ? 0 : 1] ?? reverted('0x');
      },
    };
  }

  async function judgeWith(manners: Manners): Promise<Judgement> {
    const node = await startScriptedRpc(nodeWith(manners));
    try {
      const { all } = connectNodes({ chainId: 137, rpcUrls: [node.url] });
      return await judgeOrder(present(all[0], 'one URL gives one node'), { order, treasury });
    } finally {
      await node.close();
    }
  }

  it.each<[string, Manners, string]>([
    [
      'with a reason',
      [
        [reverted(NOPE), reverted(NOPE)],
        [takes, takes],
      ],
      'Nope',
    ],
    [
      'without one',
      [
        [reverted('0x'), reverted('0x')],
        [takes, takes],
      ],
      'it gives no reason',
    ],
    [
      'by false',
      [
        [{ result: FALSE }, { result: FALSE }],
        [takes, takes],
      ],
      'it answered false',
    ],
  ])('only this recipient, now and finally, is refused: %s', async (_, manners, words) => {
    expect(await judgeWith(manners)).toMatchObject({
      kind: 'refused',
      reason: `The token contract refused the transfer: ${words}.`,
      proof: { block: { number: '9' }, call: { from: treasury } },
    });
  });

  it.each<[string, Manners]>([
    [
      'everybody now',
      [
        [reverted(NOPE), reverted(NOPE)],
        [reverted(NOPE), takes],
      ],
    ],
    [
      'everybody finally',
      [
        [reverted(NOPE), reverted(NOPE)],
        [takes, reverted(NOPE)],
      ],
    ],
    [
      'this recipient since a moment',
      [
        [reverted(NOPE), takes],
        [takes, takes],
      ],
    ],
    [
      'this recipient, each time otherwise',
      [
        [reverted(NOPE), reverted('0x')],
        [takes, takes],
      ],
    ],
    [
      'by an answer that is no truth value',
      [
        [{ result: '0x02' }, { result: '0x02' }],
        [takes, takes],
      ],
    ],
  ])('is waited for where it refuses %s', async (_, manners) => {
    expect((await judgeWith(manners)).kind).toBe('wait');
  });

  it.each<[string, Manners]>([
    [
      'by a failure of the node',
      [
        [{ error: { code: -32000, message: 'out of gas' } }, takes],
        [takes, takes],
      ],
    ],
    [
      'while the node forgets the finalized state',
      [
        [reverted(NOPE), { error: { code: -32000, message: 'missing trie node' } }],
        [takes, takes],
      ],
    ],
  ])('is judged by another node where there is one: %s', async (_, manners) => {
    await expect(judgeWith(manners)).rejects.toThrow(RpcFailure);
  });
});

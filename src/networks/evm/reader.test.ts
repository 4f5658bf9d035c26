import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  startScriptedRpc,
  type Script,
  type ScriptedRpc,
} from '../../../test/harness/scripted-rpc.ts';
import {
  SENDER,
  RECIPIENT,
  TOKEN,
  UNITS,
  asset,
  attemptOf,
  blockHash,
  hex,
  result,
  honest,
  known,
  transferLog,
  receipt,
  replacement,
  hash,
  statusOn,
  type World,
} from '../../../test/harness/scripted-evm.ts';
import type { AttemptToFollow, Sighting } from '../network.ts';

let first: ScriptedRpc;
let second: ScriptedRpc;
beforeAll(async () => {
  first = await startScriptedRpc({});
  second = await startScriptedRpc({});
});
afterEach(() => {
  second.script = {};
});
afterAll(async () => {
  await first.close();
  await second.close();
});

describe('an honest node', () => {
  it('shows a final transfer as paid, with its log', async () => {
    first.script = honest(hash);
    expect(await statusOn([first])).toEqual({
      kind: 'final',
      block: { number: 100n, hash: blockHash(100) },
      feeUnits: 500_000n,
      fates: [
        {
          kind: 'paid',
          payoutId: 'p1',
          proof: {
            transactionHash: hash,
            blockNumber: '100',
            blockHash: blockHash(100),
            logIndex: '5',
            token: TOKEN,
            from: SENDER,
            to: RECIPIENT,
            units: '20000',
          },
        },
      ],
    });
  });

  it.each<[string, Partial<World>, Sighting['kind']]>([
    ['not final yet', { finalized: 99 }, 'included'],
    ['final at its own height', { finalized: 100 }, 'final'],
    ['unknown to it', { includedAt: null, consumedAt: null }, 'unseen'],
    [
      'unknown, its nonce consumed but not finally',
      { includedAt: null, consumedAt: 111 },
      'unseen',
    ],
  ])('%s', async (_, world, kind) => {
    first.script = honest(hash, world);
    expect((await statusOn([first])).kind).toBe(kind);
  });

  it('shows a pending one as waiting', async () => {
    first.script = {
      ...honest(hash, { includedAt: null, consumedAt: null }),
      eth_getTransactionByHash: result(known(hash, null)),
    };
    expect(await statusOn([first])).toEqual({ kind: 'waiting' });
  });

  it('shows one that is in a block without a receipt as included', async () => {
    first.script = { ...honest(hash, { finalized: 90 }), eth_getTransactionReceipt: result(null) };
    expect((await statusOn([first])).kind).toBe('included');
  });

  it.each([100, 1, 109, 110, 37])(
    'proves death by a replacement in block %i',
    async (consumedAt) => {
      const other = await replacement();
      first.script = honest(hash, { includedAt: null, consumedAt, transactions: [other] });
      expect(await statusOn([first])).toEqual({
        kind: 'dead',
        reason: 'Another transaction of the sender took its nonce.',
        proof: {
          replacedBy: other['hash'],
          sender: SENDER,
          nonce: '7',
          blockNumber: String(consumedAt),
          blockHash: blockHash(consumedAt),
        },
        takenBy: other['hash'],
      });
    },
  );
});

describe('a receipt in a block that the chain has left', () => {
  it.each([99, 110])('is unseen, finalized at %i', async (finalized) => {
    const script = honest(hash, { finalized });
    first.script = {
      ...script,
      eth_getTransactionReceipt: result(
        receipt(hash, {
          blockHash: blockHash(100, 'b'),
          logs: [transferLog(hash, { blockHash: blockHash(100, 'b') })],
        }),
      ),
    };
    expect(await statusOn([first])).toEqual({ kind: 'unseen' });
  });

  it('is unseen where the chain is shorter now', async () => {
    const script = honest(hash, { finalized: 90 });
    first.script = {
      ...script,
      eth_getBlockByNumber: ([tag, whole]) =>
        tag === hex(100)
          ? { result: null }
          : (script['eth_getBlockByNumber']?.([tag, whole]) ?? 'hang'),
    };
    expect(await statusOn([first])).toEqual({ kind: 'unseen' });
  });
});

describe('several nodes', () => {
  const both = (): ScriptedRpc[] => [first, second];

  it('asks the next where one fails', async () => {
    first.script = { eth_chainId: () => ({ body: 'x', status: 500 }) };
    second.script = honest(hash);
    expect((await statusOn(both())).kind).toBe('final');
  });

  it('asks the next where one has not seen it', async () => {
    first.script = honest(hash, { includedAt: null, consumedAt: null });
    second.script = honest(hash);
    expect((await statusOn(both())).kind).toBe('final');
  });

  it('keeps what a lagging node says where the other fails', async () => {
    first.script = honest(hash, { includedAt: null, consumedAt: null });
    expect(await statusOn(both())).toEqual({ kind: 'unseen' });
  });

  it('does not hear a node of another chain', async () => {
    const dead = honest(hash, { includedAt: null, transactions: [await replacement()] });
    first.script = { ...dead, eth_chainId: result('0x89') };
    second.script = honest(hash, { includedAt: null, consumedAt: null });
    expect(await statusOn(both())).toEqual({ kind: 'unseen' });
  });

  it.each<[string, () => Script, Sighting['kind']]>([
    ['final', () => honest(hash), 'unknown'],
    ['included', () => honest(hash, { finalized: 99 }), 'unknown'],
    ['unseen', () => honest(hash, { includedAt: null, consumedAt: null }), 'dead'],
    ['nothing', () => ({}), 'dead'],
  ])('one says dead, another %s', async (_, script, kind) => {
    first.script = honest(hash, { includedAt: null, transactions: [await replacement()] });
    second.script = script();
    expect((await statusOn(both())).kind).toBe(kind);
  });

  it.each<[string, Record<string, unknown>, Sighting['kind']]>([
    ['the same', { status: '0x0', logs: [] }, 'final'],
    ['paid', {}, 'unknown'],
  ])('one says refused, another %s', async (_, changes, kind) => {
    const reverted = receipt(hash, { status: '0x0', logs: [] });
    first.script = { ...honest(hash), eth_getTransactionReceipt: result(reverted) };
    second.script = {
      ...honest(hash),
      eth_getTransactionReceipt: result(receipt(hash, changes)),
    };
    expect((await statusOn(both())).kind).toBe(kind);
  });
});

describe('a payment that one node calls final', () => {
  it.each<[string, () => Promise<Script> | Script, Sighting['kind']]>([
    ['the same', () => honest(hash), 'final'],
    ['unseen', () => honest(hash, { includedAt: null, consumedAt: null }), 'final'],
    ['nothing', () => ({}), 'final'],
    ['that it is not final yet', () => honest(hash, { finalized: 99 }), 'final'],
    [
      'that another took its nonce',
      async () => honest(hash, { includedAt: null, transactions: [await replacement()] }),
      'unknown',
    ],
    [
      'that it was refused',
      () => ({
        ...honest(hash),
        eth_getTransactionReceipt: result(receipt(hash, { status: '0x0', logs: [] })),
      }),
      'unknown',
    ],
  ])('one says paid, another %s', async (_, script, kind) => {
    first.script = honest(hash);
    second.script = await script();
    expect((await statusOn([first, second])).kind).toBe(kind);
  });
});

describe('a row that its bytes do not bear out is unknown, and no node is asked', () => {
  it.each<[string, Partial<AttemptToFollow>]>([
    ['hash', { transactionHash: `0x${'12'.repeat(32)}` }],
    ['sequence', { sequence: 8n }],
    ['fence', { fence: `${SENDER}:8` }],
    ['sender', { sender: RECIPIENT }],
    ['bytes', { rawTransaction: new Uint8Array(0) }],
    ['no order', { orders: [] }],
    ['amount', { orders: [{ payoutId: 'p1', asset, units: 1n, toAddress: RECIPIENT }] }],
    ['recipient', { orders: [{ payoutId: 'p1', asset, units: UNITS, toAddress: SENDER }] }],
    [
      'network',
      {
        orders: [
          {
            payoutId: 'p1',
            asset: { ...asset, network: 'BSC_MAINNET' },
            units: UNITS,
            toAddress: RECIPIENT,
          },
        ],
      },
    ],
  ])('%s', async (_, changes) => {
    first.script = honest(hash);
    const asked = first.asked.length;
    expect((await statusOn([first], { attempt: await attemptOf(changes) })).kind).toBe('unknown');
    expect(first.asked.length).toBe(asked);
  });
});

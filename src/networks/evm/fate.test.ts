import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startScriptedRpc, type ScriptedRpc } from '../../../test/harness/scripted-rpc.ts';
import {
  SENDER,
  RECIPIENT,
  TOKEN,
  blockHash,
  result,
  transferLog,
  receipt,
  hash,
  honest,
  statusOn,
} from '../../../test/harness/scripted-evm.ts';
import type { Sighting } from '../network.ts';
import { addressTopic, TRANSFER_TOPIC } from './token.ts';

let first: ScriptedRpc;
beforeAll(async () => {
  first = await startScriptedRpc({});
});
afterAll(async () => {
  await first.close();
});

describe('fates', () => {
  async function withReceipt(changes: Record<string, unknown>): Promise<Sighting> {
    first.script = { ...honest(hash), eth_getTransactionReceipt: result(receipt(hash, changes)) };
    return await statusOn([first]);
  }

  it.each<[string, () => Record<string, unknown>[]]>([
    ['less than ordered', () => [transferLog(hash, { data: `0x${'0'.repeat(60)}4e1f` })]],
    ['more than ordered', () => [transferLog(hash, { data: `0x${'0'.repeat(60)}4e21` })]],
    [
      'to another',
      () => [
        transferLog(hash, { topics: [TRANSFER_TOPIC, addressTopic(SENDER), addressTopic(TOKEN)] }),
      ],
    ],
    ['twice', () => [transferLog(hash), transferLog(hash, { logIndex: '0x6' })]],
    [
      'with a fee besides',
      () => [
        transferLog(hash),
        transferLog(hash, {
          logIndex: '0x6',
          topics: [TRANSFER_TOPIC, addressTopic(SENDER), addressTopic(TOKEN)],
          data: `0x${'0'.repeat(63)}1`,
        }),
      ],
    ],
    ['unreadably', () => [transferLog(hash, { data: '0x4e20' })]],
    ['without topics', () => [transferLog(hash, { topics: [TRANSFER_TOPIC] })]],
  ])('moved %s: unknown, neither paid nor refused', async (_, logs) => {
    expect((await withReceipt({ logs: logs() })).kind).toBe('unknown');
  });

  it('ignores events of other contracts and of other owners', async () => {
    const logs = [
      transferLog(hash, { address: RECIPIENT, logIndex: '0x4' }),
      transferLog(hash),
      transferLog(hash, {
        logIndex: '0x6',
        topics: [TRANSFER_TOPIC, addressTopic(RECIPIENT), addressTopic(TOKEN)],
      }),
    ];
    expect(await withReceipt({ logs })).toMatchObject({
      kind: 'final',
      fates: [{ kind: 'paid', proof: { logIndex: '5' } }],
    });
  });

  it('is refused where the token moved nothing', async () => {
    expect(await withReceipt({ logs: [] })).toMatchObject({
      kind: 'final',
      fates: [
        {
          kind: 'refused',
          reason: 'The USDT contract ran the transfer but moved nothing.',
          proof: { receiptStatus: 1, blockHash: blockHash(100) },
        },
      ],
    });
  });

  it('is unknown where the receipt has lost the event that the log index still has', async () => {
    first.script = {
      ...honest(hash),
      eth_getTransactionReceipt: result(receipt(hash, { logs: [] })),
      eth_getLogs: result([transferLog(hash)]),
    };
    expect((await statusOn([first])).kind).toBe('unknown');
  });

  it('is refused where it reverted, even if the node has forgotten why', async () => {
    first.script = {
      ...honest(hash),
      eth_getTransactionReceipt: result(receipt(hash, { logs: [], status: '0x0' })),
      eth_call: () => ({ error: { code: -32000, message: 'missing trie node' } }),
    };
    expect(await statusOn([first])).toMatchObject({
      kind: 'final',
      fates: [{ kind: 'refused', reason: 'The USDT contract reverted the transfer.' }],
    });
  });

  it('is unknown where a reverted transaction has events', async () => {
    expect((await withReceipt({ status: '0x0' })).kind).toBe('unknown');
  });
});

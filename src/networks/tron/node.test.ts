import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../base/json.ts';
import { openTronWorld, tronKey, UNIT, type TronWorld } from '../../../test/harness/tron-world.ts';
import { present } from '../../base/assert.ts';
import { ChainMismatch } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { hexAddress } from './hex-address.ts';
import { createTronNode, type ConstantCall, type TronNode } from './node.ts';
import { contractOf } from './token.ts';

const NOBODY = 'ab'.repeat(32);

let world: TronWorld;
let node: TronNode;
beforeAll(async () => {
  world = await openTronWorld();
});
beforeEach(() => {
  const [endpoint] = world.nodes;
  if (endpoint !== undefined) endpoint.lies = {};
  node = createTronNode(present(endpoint, 'there is a node'), null);
});

/** The same node, which answers one path with this. */
function lying(path: string, lie: (truth: unknown, body: Json) => unknown): TronNode {
  const endpoint = present(world.nodes[0], 'there is a node');
  endpoint.lies = { [path]: lie };
  return node;
}

describe('the chain that a node is of', () => {
  const endpoint = () => present(world.nodes[0], 'there is a node');

  it('is told by its first block, once', async () => {
    const genesis = present(world.chain.truth.block(0), 'there is a first block').blockId;
    const own = createTronNode(endpoint(), genesis);
    const before = endpoint().asked.length;
    await own.head('newest');
    await own.head('newest');
    const asked = endpoint().asked.slice(before);
    expect(asked).toEqual(['wallet/getblock', 'wallet/getblock', 'wallet/getblock']);
  });

  it('keeps every question from a node of another', async () => {
    const other = createTronNode(endpoint(), `${'0'.repeat(16)}${'11'.repeat(24)}`);
    await expect(other.checkChain()).rejects.toThrow(ChainMismatch);
    await expect(other.sendRaw('00')).rejects.toThrow(ChainMismatch);
    await expect(other.head('solid')).rejects.toThrow(ChainMismatch);
  });
});

describe('blocks', () => {
  it('are the newest and the solidified', async () => {
    const [head, solidified] = [world.chain.truth.head(), world.chain.truth.solidified()];
    expect(await node.head('newest')).toMatchObject({
      number: BigInt(head.number),
      hash: head.blockId,
      timeMs: BigInt(head.timestampMs),
    });
    expect(await node.head('solid')).toMatchObject({ hash: solidified.blockId });
  });

  it('are found by number, and null beyond the head', async () => {
    expect((await node.blockAt(1n))?.hash).toBe(world.chain.truth.block(1)?.blockId);
    expect(await node.blockAt(100_000n)).toBeNull();
  });

  it('are refused under another number', async () => {
    const truth = await world.chain.openNode('node 1').post('/wallet/getblock', { id_or_num: '2' });
    await expect(lying('wallet/getblock', () => truth).blockAt(1n)).rejects.toThrow(
      'another block',
    );
  });

  it('show whether they hold transactions', async () => {
    const [first, second] = [await node.blockAt(1n), await node.blockAt(2n)];
    expect([first?.isEmpty, second?.isEmpty]).toEqual([false, true]);
    expect(await node.infosOf(1n)).toHaveLength(4);
    expect(await node.infosOf(2n)).toEqual([]);
  });

  it.each([
    [
      'of another block',
      (infos: unknown[]) => infos.map((info) => ({ ...(info as object), blockNumber: 2 })),
      'of another block',
    ],
    ['twice', (infos: unknown[]) => [...infos, infos[0]], 'twice'],
    ['in no list', () => ({}), 'not a list'],
    ['malformed', (infos: unknown[]) => [...infos, {}], 'transaction id'],
  ])('refuse infos %s', async (_, change, words) => {
    const path = 'walletsolidity/gettransactioninfobyblocknum';
    const liar = lying(path, (truth) => change(truth as unknown[]));
    await expect(liar.infosOf(1n)).rejects.toThrow(words);
  });
});

describe('transactions', () => {
  it('are null where there is none', async () => {
    for (const view of ['newest', 'solid'] as const) {
      expect(await node.info(NOBODY, view)).toBeNull();
      expect(await node.transaction(NOBODY, view)).toBeNull();
    }
    expect(await node.isPending(NOBODY)).toBe(false);
  });

  it('are found', async () => {
    const txid = present(world.chain.truth.block(1)?.txids[0], 'block 1 holds some');
    expect(await node.info(txid, 'solid')).toMatchObject({
      txid,
      blockNumber: 1n,
      result: 'SUCCESS',
    });
    expect(await node.transaction(txid, 'solid')).toMatchObject({ result: 'SUCCESS' });
    const other = lying('wallet/gettransactioninfobyid', (truth) => ({
      ...(truth as object),
      id: NOBODY,
    }));
    await expect(other.info(txid, 'newest')).rejects.toThrow('another transaction');
  });
});

describe('accounts', () => {
  const treasury = () => hexAddress(world.treasury);

  it('have coins, or were never heard of', async () => {
    expect(await node.balance(treasury())).toBe(10_000_000_000n);
    expect(await node.balance(hexAddress(tronKey(77).address))).toBeNull();
    const other = lying('wallet/getaccount', () => ({
      address: hexAddress(tronKey(5).address),
      balance: 7,
    }));
    await expect(other.balance(treasury())).rejects.toThrow('another account');
    const broke = lying('wallet/getaccount', () => ({ address: treasury() }));
    expect(await broke.balance(treasury())).toBe(0n);
  });

  it('have what is left of their resources', async () => {
    expect(await node.resources(treasury())).toEqual({
      freeEnergy: 0n,
      stakedBytes: 0n,
      dailyBytes: 600n,
    });
    const path = 'wallet/getaccountresource';
    const used = {
      EnergyLimit: 100,
      EnergyUsed: 30,
      NetLimit: 50,
      NetUsed: 60,
      freeNetLimit: 600,
      freeNetUsed: 1,
    };
    expect(await lying(path, () => used).resources(treasury())).toEqual({
      freeEnergy: 70n,
      stakedBytes: 0n,
      dailyBytes: 599n,
    });
    await expect(lying(path, () => ({ EnergyLimit: '1' })).resources(treasury())).rejects.toThrow(
      'EnergyLimit',
    );
  });

  it('pay the prices of the chain', async () => {
    expect(await node.prices()).toEqual({
      sunPerEnergy: 100n,
      sunPerByte: 1_000n,
      mostFeeLimitSun: 15_000_000_000n,
    });
    const path = 'wallet/getchainparameters';
    const without = lying(path, () => ({ chainParameter: [{ key: 'getEnergyFee', value: 100 }] }));
    await expect(without.prices()).rejects.toThrow('no parameter getTransactionFee');
    await expect(lying(path, () => ({})).prices()).rejects.toThrow(RpcFailure);
  });
});

describe('calls', () => {
  const call = (changes: Partial<ConstantCall> = {}): ConstantCall => ({
    owner: hexAddress(world.treasury),
    contract: contractOf(world.usdt),
    method: 'decimals()',
    parameters: '',
    ...changes,
  });
  const path = 'wallet/triggerconstantcontract';

  it('return', async () => {
    expect(await node.call(call(), 'newest')).toMatchObject({
      kind: 'returned',
      data: '6'.padStart(64, '0'),
    });
    const units = await node.call(
      call({
        method: 'balanceOf(address)',
        parameters: hexAddress(world.treasury).slice(2).padStart(64, '0'),
      }),
      'solid',
    );
    expect(units).toMatchObject({ data: (1_000n * UNIT).toString(16).padStart(64, '0') });
  });

  it('revert', async () => {
    expect(await node.call(call({ method: 'noSuch()' }), 'newest')).toEqual({
      kind: 'reverted',
      data: '',
    });
  });

  it('meet no contract', async () => {
    const nobody = hexAddress(tronKey(77).address);
    expect(await node.call(call({ contract: nobody }), 'newest')).toEqual({ kind: 'no contract' });
  });

  const hex = (text: string): string => Buffer.from(text).toString('hex');
  it.each([
    [
      'are broken',
      {
        result: {
          code: 'OTHER_ERROR',
          message: hex('class org.tron.core.vm.program.Program$OutOfTimeException : CPU'),
        },
      },
      { kind: 'broken', reason: 'class org.tron.core.vm.program.Program$OutOfTimeException : CPU' },
    ],
    [
      'are broken with a result',
      {
        result: { result: true, message: hex('Invalid opcode') },
        constant_result: [''],
        energy_used: 1,
        transaction: { ret: [{ ret: 'FAILED' }] },
      },
      { kind: 'broken', reason: 'Invalid opcode' },
    ],
  ])('%s', async (_, answer, expected) => {
    expect(await lying(path, () => answer).call(call(), 'newest')).toEqual(expected);
  });

  const good = {
    result: { result: true },
    energy_used: 5,
    constant_result: ['00'],
    transaction: { ret: [{}] },
  };
  it.each([
    ['nothing', {}],
    [
      'another error',
      {
        result: {
          code: 'OTHER_ERROR',
          message: hex('class java.lang.NullPointerException : null'),
        },
      },
    ],
    [
      'a revert without a failure',
      { ...good, result: { result: true, message: hex('REVERT opcode executed') } },
    ],
    ['a failure without a message', { ...good, transaction: { ret: [{ ret: 'FAILED' }] } }],
    ['no outcome', { ...good, transaction: { ret: [] } }],
    ['an unknown outcome', { ...good, transaction: { ret: [{ ret: 'OK' }] } }],
    ['no transaction', { ...good, transaction: undefined }],
    ['no energy', { ...good, energy_used: undefined }],
    ['no list of results', { ...good, constant_result: '00' }],
    ['a result that is no hex', { ...good, constant_result: ['0x00'] }],
  ])('are a failure of the node with %s', async (_, answer) => {
    await expect(lying(path, () => answer).call(call(), 'newest')).rejects.toThrow(RpcFailure);
  });
});

describe('a broadcast', () => {
  const path = 'wallet/broadcasthex';
  it('is accepted by an id', async () => {
    expect(
      await lying(path, () => ({ result: true, txid: NOBODY, code: 'SUCCESS' })).sendRaw('00'),
    ).toBe(NOBODY);
  });

  it.each([
    [
      'a refusal',
      { result: false, code: 'SERVER_BUSY', message: 'Server busy.', txid: NOBODY },
      'refused: SERVER_BUSY: Server busy.',
    ],
    [
      'a refusal without words',
      { code: 'DUP_TRANSACTION_ERROR', txid: NOBODY },
      'refused: DUP_TRANSACTION_ERROR',
    ],
    ['nothing', {}, 'refused'],
    ['acceptance without an id', { result: true }, 'transaction id'],
    ['acceptance in words', { result: 'true', txid: NOBODY }, 'refused'],
  ])('is not, by %s', async (_, answer, words) => {
    await expect(lying(path, () => answer).sendRaw('00')).rejects.toThrow(words);
  });
});

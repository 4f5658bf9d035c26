import { encodeFunctionData, parseAbi, toHex, type Hex } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recipient } from '../../../test/harness/batch-payer.ts';
import { startFollowedWorld, type FollowedWorld } from '../../../test/harness/followed-world.ts';
import {
  callEachData,
  deployCaller,
  deployHostileToken,
  type HostileToken,
  type Manner,
} from '../../../test/harness/hostile-token.ts';
import { createLyingNode, type Lie } from '../../../test/harness/lying-node.ts';
import { post, testKey, type Batch } from '../../../test/harness/treasury-contract.ts';
import type { ItemFate, Sighting } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { BATCH_EXECUTED_TOPIC, ITEM_FAILED_TOPIC } from './treasury-abi.ts';
import { addressTopic, TRANSFER_TOPIC } from './token.ts';

// What became of each item of a batch that was carried out.

const stranger = testKey(0x33);
const erc20 = parseAbi([
  'function transfer(address to, uint256 value)',
  'function transferFrom(address from, address to, uint256 value)',
]);

let world: FollowedWorld;
let hostile: HostileToken;
let goBack: () => Promise<void>;
beforeAll(async () => {
  world = await startFollowedWorld();
  hostile = await deployHostileToken(world.payer);
  await world.chain.fund(stranger.address, { units: 0n });
  await world.finalize();
});
afterAll(async () => await world.chain.stop());
beforeEach(async () => {
  goBack = await world.keep();
});
afterEach(async () => {
  await goBack();
});

async function fatesOf(batch: Batch): Promise<readonly ItemFate[]> {
  const sighting = await world.status(await world.carryOut(batch));
  expect(sighting.kind).toBe('final');
  return sighting.kind === 'final' ? sighting.fates : [];
}

async function kindsOf(batch: Batch): Promise<string[]> {
  return (await fatesOf(batch)).map(({ kind }) => kind);
}

const DOUBT = { kind: 'unknown', needsPerson: true };

describe('a token with manners of its own', () => {
  const ofHostile = (units = [10n, 10n, 10n]): Batch =>
    world.batchOf(units, { token: hostile.address });

  it.each<[Manner, ItemFate['kind'], string]>([
    ['Reverts', 'refused', 'The USDT contract reverted the transfer: error 0x'],
    ['SaysFalse', 'refused', 'The USDT contract ran the transfer but moved nothing.'],
    ['Pays', 'paid', ''],
    ['PaysAndSaysTrue', 'paid', ''],
    ['SaysTrueAndMore', 'paid', ''],
  ])('%s to one of three: that one is %s, the others are paid', async (manner, kind, words) => {
    await hostile.setManner(recipient(1), manner);
    const fates = await fatesOf(ofHostile());
    expect(fates.map((fate) => fate.kind)).toEqual(['paid', kind, 'paid']);
    expect(fates.map(({ payoutId }) => payoutId)).toEqual(['p0', 'p1', 'p2']);
    const fate = fates[1] as ItemFate;
    if (fate.kind !== 'paid') {
      expect(fate.reason).toContain(words);
      expect(fate.proof).toMatchObject({ item: 1, reverted: manner === 'Reverts', units: '10' });
    }
  });

  it.each<Manner>(['PaysAndSaysFalse', 'SaysThree', 'SaysTooLittle', 'KeepsAFee'])(
    '%s: nobody but a person can tell what that was',
    async (manner) => {
      await hostile.setManner(recipient(1), manner);
      expect(
        await world.status(await world.carryOut(ofHostile([1_000n, 1_000n, 1_000n]))),
      ).toMatchObject(DOUBT);
    },
  );

  it('tells two equal items apart, of which one fails', async () => {
    // It pays what it has: once.
    await hostile.setManner(recipient(0), 'Pays');
    const items = [0, 0].map((index) => ({ to: recipient(index), units: 600_000n }));
    const fates = await fatesOf(world.batchOf([], { token: hostile.address, items }));
    expect(fates.map(({ kind }) => kind)).toEqual(['paid', 'undone']);
    expect(fates.map(({ payoutId }) => payoutId)).toEqual(['p0', 'p1']);
  });

  it.each([
    [0, ['undone', 'undone', 'undone']],
    [1, null],
    [2, null],
    [3, null],
  ] as const)('TestFalseToken in mode %i', async (mode, kinds) => {
    const token = await world.chain.deploy('TestFalseToken');
    const data = encodeFunctionData({
      abi: parseAbi(['function setMode(uint8 mode)', 'function mint(address to, uint256 amount)']),
      functionName: 'setMode',
      args: [mode],
    });
    await post(world.chain, stranger, { to: token.address as Hex, data });
    const mint = encodeFunctionData({
      abi: parseAbi(['function mint(address to, uint256 amount)']),
      functionName: 'mint',
      args: [world.payer.treasury, mode === 0 ? 1n : 1_000n],
    });
    await post(world.chain, stranger, { to: token.address as Hex, data: mint });
    await world.chain.mine();
    const batch = world.batchOf([10n, 11n, 12n], { token: token.address as Hex });
    if (kinds === null) {
      expect(await world.status(await world.carryOut(batch))).toMatchObject(DOUBT);
    } else {
      expect(await kindsOf(batch)).toEqual(kinds);
    }
  });
});

it('asks nothing about the token where every item was paid', async () => {
  const attempt = await world.carryOut(world.batchOf([1n, 2n]));
  const node = createLyingNode(world.chain.rpcUrl);
  expect((await world.status(attempt, [node])).kind).toBe('final');
  expect(node.asked).not.toContain('eth_call');
});

describe('what the treasury could not do is undone, not refused', () => {
  it('USDT that is paused', async () => {
    await world.chain.pauseToken('USDT', true);
    for (const fate of await fatesOf(world.batchOf([1n, 2n]))) {
      expect(fate).toMatchObject({
        kind: 'undone',
        reason: 'USDT was paused by its issuer when the transfer ran.',
      });
    }
  });

  it('USDT that was paused in between only', async () => {
    await world.chain.pauseToken('USDT', true);
    const batch = world.batchOf([1n]);
    const hash = await world.submit(batch);
    await world.chain.mine();
    await world.chain.pauseToken('USDT', false);
    await world.finalize();
    const attempt = await world.attemptOf(batch, { transactionHashes: [hash] });
    expect(await world.status(attempt)).toMatchObject({ fates: [{ kind: 'undone' }] });
  });

  it('a blacklisted treasury', async () => {
    await world.chain.setBlacklisted('USDT', world.payer.treasury, true);
    expect(await fatesOf(world.batchOf([1n]))).toMatchObject([
      { kind: 'undone', reason: 'The paying address is blacklisted by the issuer of USDT.' },
    ]);
  });

  it.each(['USDT', 'USDC'] as const)(
    'too little %s, though later items still fit',
    async (name) => {
      const token = world.chain.tokens[name].address as Hex;
      const held = await world.chain.balanceOf(name, world.payer.treasury);
      const fates = await fatesOf(world.batchOf([held - 5n, 10n, 5n], { token }));
      expect(fates.map(({ kind }) => kind)).toEqual(['paid', 'undone', 'paid']);
      expect(fates[1]).toMatchObject({
        reason: 'The treasury held too little USDT when the transfer ran.',
      });
    },
  );

  it('too little at the time, though more came in the same block', async () => {
    const held = await world.chain.balanceOf('USDT', world.payer.treasury);
    const { submitter, treasury } = world.payer;
    const token = world.chain.tokens.USDT.address as Hex;
    await world.chain.fund(submitter.address);
    const first = world.batchOf([held]);
    const second = world.batchOf([7n]);
    const hashes = [await world.submit(first), await world.submit(second)];
    const args = [treasury, 100n] as const;
    const data = encodeFunctionData({ abi: erc20, functionName: 'transfer', args });
    await post(world.chain, submitter, { to: token, data });
    await world.chain.mine();
    await world.finalize();
    expect(await world.chain.balanceOf('USDT', treasury)).toBe(100n);
    const attempt = await world.attemptOf(second, { transactionHashes: hashes });
    expect(await world.status(attempt)).toMatchObject({ fates: [{ kind: 'undone' }] });
  });

  it('too little gas for an item', async () => {
    const fates = await fatesOf(world.batchOf([1n], { gasPerItem: 5_000n }));
    expect(fates).toMatchObject([{ kind: 'undone' }]);
  });

  it('what a node cannot explain any more', async () => {
    await world.chain.setBlacklisted('USDC', recipient(0), true);
    const token = world.chain.tokens.USDC.address as Hex;
    const attempt = await world.carryOut(world.batchOf([1n], { token }));
    const node = createLyingNode(world.chain.rpcUrl);
    expect(await world.status(attempt, [node])).toMatchObject({ fates: [{ kind: 'refused' }] });
    node.lies = {
      eth_call: () => {
        throw new RpcFailure('missing trie node');
      },
    };
    expect(await world.status(attempt, [node])).toMatchObject({ fates: [{ kind: 'undone' }] });
  });
});

describe('what the recipient is the cause of is refused', () => {
  it('a blacklisted recipient, alone among others', async () => {
    await world.chain.setBlacklisted('USDC', recipient(1), true);
    const token = world.chain.tokens.USDC.address as Hex;
    const fates = await fatesOf(world.batchOf([1n, 2n, 3n], { token }));
    expect(fates.map(({ kind }) => kind)).toEqual(['paid', 'refused', 'paid']);
    expect(fates[1]).toMatchObject({
      reason: 'The recipient address is blacklisted by the issuer of USDT.',
      proof: { item: 1, reverted: true, to: recipient(1), units: '2' },
    });
  });
});

describe('what others do in the same transaction', () => {
  it('changes nothing: transfers of nothing out of the treasury, or of something of their own', async () => {
    const batch = world.batchOf([5n, 6n]);
    const caller = await deployCaller(world.payer);
    const { token } = batch;
    const nothing = encodeFunctionData({
      abi: erc20,
      functionName: 'transferFrom',
      args: [world.payer.treasury, recipient(9), 0n],
    });
    const own = encodeFunctionData({ abi: erc20, functionName: 'transfer', args: [token, 5n] });
    await world.chain.fund(caller.address);
    const poison = callEachData(token, [nothing, own]);
    const execute = callEachData(world.payer.treasury, [await world.payer.dataOf(batch)]);
    const data = callEachData(caller.address, [poison, execute, poison]);
    const hash = await post(world.chain, stranger, { to: caller.address, data });
    await world.chain.mine();
    await world.finalize();
    const truth = (await world.chain.rpc('eth_getTransactionReceipt', hash)) as { logs: unknown[] };
    expect(truth.logs.length).toBe(2 + 3 + 2);
    const attempt = await world.attemptOf(batch, { transactionHashes: [hash] });
    expect(await world.status(attempt)).toMatchObject({
      kind: 'final',
      fates: [{ kind: 'paid' }, { kind: 'paid' }],
    });
  });
});

describe('a receipt that was tampered with is not judged', () => {
  interface Log {
    readonly address: string;
    readonly topics: readonly string[];
    readonly data: string;
    readonly logIndex: string;
  }
  type Change = (logs: readonly Log[]) => readonly Log[];

  /** The same tampering in the receipt and in the log index, so that only the sense of it is left. */
  function tamper(change: Change): Record<string, Lie> {
    return {
      eth_getTransactionReceipt: (truth) =>
        truth === null
          ? null
          : { ...(truth as object), logs: change((truth as { logs: Log[] }).logs) },
      eth_getLogs: (truth) => change(truth as Log[]),
    };
  }

  const isTransferTo = (log: Log, index: number): boolean =>
    log.topics[0] === TRANSFER_TOPIC && log.topics[2] === addressTopic(recipient(index));
  const transfer: Change = (logs) => logs.filter((log) => log.topics[0] === TRANSFER_TOPIC);

  /** Of three items the middle one fails. */
  async function statusWith(lies: Record<string, Lie>): Promise<Sighting> {
    await world.chain.setBlacklisted('USDC', recipient(1), true);
    const token = world.chain.tokens.USDC.address as Hex;
    const attempt = await world.carryOut(world.batchOf([10n, 11n, 12n], { token }));
    const node = createLyingNode(world.chain.rpcUrl);
    node.lies = lies;
    return await world.status(attempt, [node]);
  }

  it.each<[string, Change]>([
    ['lost a transfer', (logs) => logs.filter((log) => !isTransferTo(log, 2))],
    ['lost a failure', (logs) => logs.filter((log) => log.topics[0] !== ITEM_FAILED_TOPIC)],
    [
      'gained a transfer',
      (logs) =>
        logs.flatMap((log, index) => (isTransferTo(log, 0) ? [log, twin(log, index)] : log)),
    ],
    ['another recipient', (logs) => logs.map((log) => (isTransferTo(log, 2) ? to(log, 7) : log))],
    [
      'another amount',
      (logs) => logs.map((log) => (isTransferTo(log, 2) ? { ...log, data: word(13) } : log)),
    ],
    ['no transfers at all', (logs) => logs.filter((log) => !transfer(logs).includes(log))],
    [
      'another count of failures',
      (logs) =>
        logs.map((log) =>
          log.topics[0] === BATCH_EXECUTED_TOPIC
            ? { ...log, data: `${log.data.slice(0, 66)}${'0'.repeat(63)}2` }
            : log,
        ),
    ],
    [
      'a failure of another item',
      (logs) =>
        logs.map((log) =>
          log.topics[0] === ITEM_FAILED_TOPIC
            ? { ...log, data: `0x${'0'.repeat(63)}2${log.data.slice(66)}` }
            : log,
        ),
    ],
    [
      'a malformed transfer',
      (logs) => logs.map((log) => (isTransferTo(log, 2) ? { ...log, data: '0x0c' } : log)),
    ],
    [
      'a malformed failure',
      (logs) =>
        logs.map((log) => (log.topics[0] === ITEM_FAILED_TOPIC ? { ...log, data: '0x' } : log)),
    ],
    ['events in another order', (logs) => logs.toReversed()],
  ])('%s', async (_, change) => {
    expect((await statusWith({})).kind).toBe('final');
    expect((await statusWith(tamper(change))).kind).toBe('unknown');
  });

  it.each<[string, Change]>([
    ['a transfer', (logs) => logs.filter((log) => !isTransferTo(log, 0))],
    ['all transfers', (logs) => logs.filter((log) => log.topics[0] !== TRANSFER_TOPIC)],
    ['a failure', (logs) => logs.filter((log) => log.topics[0] !== ITEM_FAILED_TOPIC)],
  ])(
    'that lost %s which the log index still has: no person is needed for it',
    async (_, change) => {
      const { eth_getTransactionReceipt: lie } = tamper(change);
      const sighting = await statusWith({ eth_getTransactionReceipt: lie as Lie });
      expect(sighting).toMatchObject({
        kind: 'unknown',
        reason: 'node 1 of 1: a receipt and the log index hold different events',
      });
      expect(sighting).not.toHaveProperty('needsPerson');
    },
  );

  function twin(log: Log, index: number): Log {
    return { ...log, logIndex: toHex(index + 100) };
  }

  function to(log: Log, index: number): Log {
    return { ...log, topics: log.topics.with(2, addressTopic(recipient(index))) };
  }

  function word(value: number): string {
    return toHex(value, { size: 32 });
  }
});

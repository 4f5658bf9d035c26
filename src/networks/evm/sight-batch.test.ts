import { encodeAbiParameters, toHex, type Hex } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFollowedWorld, type FollowedWorld } from '../../../test/harness/followed-world.ts';
import { createLyingNode, silence, type Lie } from '../../../test/harness/lying-node.ts';
import { testKey, type Batch } from '../../../test/harness/treasury-contract.ts';
import { silentLog } from '../../base/log.ts';
import type { AttemptToFollow, Sighting } from '../network.ts';
import { connectNodes, type EvmPool } from './nodes.ts';
import { createReaderOver } from './reader.ts';
import { TRANSFER_TOPIC } from './token.ts';
import { BATCH_EXECUTED_TOPIC, ITEM_FAILED_TOPIC } from './treasury-abi.ts';

// Several nodes, of which some lie, lag or fail.

type Lies = Readonly<Record<string, Lie>>;
const stranger = testKey(0x33);
const nothing: Lie = () => null;
const unspent: Lie = () => `0x${'0'.repeat(64)}`;

let world: FollowedWorld;
let goBack: () => Promise<void>;
let batch: Batch;
let attempt: AttemptToFollow;
beforeAll(async () => {
  world = await startFollowedWorld();
  await world.chain.fund(stranger.address, { units: 0n });
});
afterAll(async () => await world.chain.stop());
beforeEach(async () => {
  goBack = await world.keep();
});
afterEach(async () => {
  await goBack();
});

/** Nodes by their lies, and what was logged of them. */
function poolOf(nodes: readonly Lies[]): { pool: EvmPool; alarms: string[] } {
  const alarms: string[] = [];
  const endpoints = nodes.map((lies, index) => {
    const node = createLyingNode(world.chain.rpcUrl, `node ${index + 1}`);
    node.lies = lies;
    return node;
  });
  const error = (fields: object, message: string): void => {
    if ('alarm' in fields) alarms.push(message);
  };
  const log = { ...silentLog, error };
  return { pool: connectNodes({ chainId: world.chain.chainId, endpoints, log }), alarms };
}

async function statusOn(pool: EvmPool): Promise<Sighting> {
  const { network, chainId } = world.chain;
  return await createReaderOver(pool, { network, chainId }).status(attempt);
}

interface Log {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

/** As if the batch’s first item had failed instead of being paid. */
const failed = (log: Log): Log => {
  if (log.topics[0] === BATCH_EXECUTED_TOPIC) {
    return { ...log, data: `${log.data.slice(0, 66)}${'0'.repeat(63)}1` };
  }
  if (log.topics[0] !== TRANSFER_TOPIC || BigInt(log.data) !== 20_000n) return log;
  const types = [{ type: 'uint256' }, { type: 'bool' }, { type: 'bytes' }] as const;
  return {
    ...log,
    address: world.payer.treasury.toLowerCase(),
    topics: [ITEM_FAILED_TOPIC, toHex(batch.batchId, { size: 32 })],
    data: encodeAbiParameters(types, [0n, true, '0x']),
  };
};
const paysLess = (log: Log): Log =>
  log.topics[0] === TRANSFER_TOPIC ? { ...log, data: toHex(1n, { size: 32 }) } : log;

const changed = (change: (log: Log) => Log): Lies => ({
  eth_getTransactionReceipt: (truth) =>
    truth === null
      ? null
      : { ...(truth as object), logs: (truth as { logs: Log[] }).logs.map(change) },
  // An index gives what the filter asks for.
  eth_getLogs: async (_, [filter]) => {
    const { address, topics, ...where } = filter as unknown as Log & Record<string, never>;
    const [block] = Object.values(where);
    const logs = (await world.chain.rpc('eth_getLogs', {
      blockHash: block as unknown as string,
    })) as Log[];
    return logs
      .map(change)
      .filter(
        (log) =>
          log.address === address &&
          topics.every(
            (topic, index) => (topic as unknown) === null || log.topics[index] === topic,
          ),
      );
  },
});

const LIES: Readonly<Record<string, Lies>> = {
  truth: {},
  silence: { eth_chainId: silence },
  'another chain': { eth_chainId: () => '0x38' },
  /** Knows of no transaction and no event. */
  blindness: {
    eth_getTransactionReceipt: nothing,
    eth_getTransactionByHash: nothing,
    eth_getLogs: () => [],
    eth_getStorageAt: unspent,
  },
  /** What is final is seven blocks behind: before the batch, or its deadline. */
  lateness: {
    eth_getBlockByNumber: async (truth, [tag]) => {
      if (tag !== 'finalized') return truth;
      const number = BigInt((truth as { number: string }).number) - 7n;
      return await world.chain.rpc('eth_getBlockByNumber', toHex(number), false);
    },
  },
  /** The batch is in another block of the same height. */
  'another branch': {
    eth_getBlockByNumber: (truth) => branched(truth, 'hash'),
    eth_getTransactionReceipt: (truth) => {
      if (truth === null) return null;
      const { logs } = truth as { logs: object[] };
      const own = logs.map((log) => branched(log, 'blockHash'));
      return { ...(branched(truth, 'blockHash') as object), logs: own };
    },
    eth_getLogs: async (_, [filter]) => {
      const { blockHash } = filter as { blockHash: string };
      const truth = { ...(filter as object), blockHash: flipped(blockHash) };
      const logs = (await world.chain.rpc('eth_getLogs', truth)) as object[];
      return logs.map((log) => branched(log, 'blockHash'));
    },
  },
  'that the item failed': changed(failed),
  'that less was paid': changed(paysLess),
};

function flipped(hash: string): string {
  return `${hash.slice(0, -1)}${(15 - Number.parseInt(hash.slice(-1), 16)).toString(16)}`;
}

function branched(value: unknown, field: string): unknown {
  if (value === null) return null;
  return { ...(value as object), [field]: flipped((value as Record<string, string>)[field] ?? '') };
}

describe('a batch that is final', () => {
  beforeEach(async () => {
    batch = world.batchOf([20_000n, 30_000n], { deadline: (await world.latestTime()) + 300n });
    attempt = await world.carryOut(batch);
  });

  it.each([
    // [what the nodes say, what that makes, who is in quarantine]
    [['truth'], 'final', []],
    [['truth', 'truth'], 'final', []],
    [['truth', 'silence'], 'unknown', []],
    [['truth', 'another chain'], 'unknown', []],
    [['truth', 'blindness'], 'unseen', []],
    [['blindness', 'truth'], 'unseen', []],
    [['truth', 'lateness'], 'included', []],
    [['truth', 'another branch'], 'person', []],
    [['truth', 'that the item failed'], 'person', []],
    [['truth', 'that less was paid'], 'person', []],
    [['that less was paid', 'silence'], 'unknown', []],
    [['that less was paid'], 'person', []],
    [['that less was paid', 'that less was paid'], 'person', []],
    [['truth', 'truth', 'silence'], 'final', []],
    [['silence', 'truth', 'truth'], 'final', []],
    [['truth', 'truth', 'blindness'], 'final', []],
    [['truth', 'lateness', 'truth'], 'final', []],
    [['truth', 'lateness', 'lateness'], 'included', []],
    [['truth', 'silence', 'silence'], 'unknown', []],
    [['that the item failed', 'truth', 'truth'], 'final', ['node 1']],
    [['truth', 'truth', 'that less was paid'], 'final', ['node 3']],
    [['truth', 'another branch', 'truth'], 'final', ['node 2']],
    [['truth', 'that the item failed', 'that less was paid'], 'person', []],
  ] as const)('%s: %s', async (names, kind, suspects) => {
    const { pool, alarms } = poolOf(names.map((name) => LIES[name] ?? {}));
    const sighting = await statusOn(pool);
    if (kind === 'person') expect(sighting).toMatchObject({ kind: 'unknown', needsPerson: true });
    else expect(sighting.kind).toBe(kind);
    if (kind === 'unknown') expect(sighting).not.toHaveProperty('needsPerson');
    if (kind === 'final')
      expect(sighting).toMatchObject({ fates: [{ kind: 'paid' }, { kind: 'paid' }] });
    const quarantined = pool.all.filter((node) => !pool.counts(node)).map(({ label }) => label);
    expect(quarantined).toEqual(suspects);
    expect(alarms.filter((words) => suspects.some((label) => words.includes(label))).length).toBe(
      suspects.length,
    );
  });

  it('names the two nodes that contradict each other', async () => {
    const { pool } = poolOf([{}, LIES['that the item failed'] ?? {}]);
    const sighting = await statusOn(pool);
    const reason = sighting.kind === 'unknown' ? sighting.reason : '';
    expect(reason).toMatch(
      /^PERSON NEEDED: final at block \d+ by node 1, final at block \d+ by node 2$/,
    );
  });

  it('is dead on no word of one node, after its deadline', async () => {
    await world.passTime(batch.deadline);
    expect(await statusOn(poolOf([LIES['blindness'] ?? {}]).pool)).toMatchObject({ kind: 'dead' });
    const two = await statusOn(poolOf([{}, LIES['blindness'] ?? {}]).pool);
    expect(two).toMatchObject({ kind: 'unknown', needsPerson: true });
    const { pool } = poolOf([LIES['blindness'] ?? {}, {}, {}]);
    expect((await statusOn(pool)).kind).toBe('final');
    expect(pool.all.map((node) => pool.counts(node))).toEqual([false, true, true]);
    // Its word counts for nothing from now on, even where another node is silent.
    expect((await statusOn(pool)).kind).toBe('final');
  });

  it('is never final by the word of a node in quarantine', async () => {
    const { pool } = poolOf([{}, {}]);
    const [first] = pool.all;
    if (first === undefined) throw new Error('there are two nodes');
    pool.quarantine(first, 'a test');
    expect((await statusOn(pool)).kind).toBe('unknown');
  });
});

describe('a batch that nobody carried out, after its deadline', () => {
  beforeEach(async () => {
    batch = world.batchOf([20_000n], { deadline: (await world.latestTime()) + 300n });
    attempt = await world.attemptOf(batch);
    await world.passTime(batch.deadline);
  });

  it.each([
    [['truth'], 'dead', []],
    [['truth', 'truth'], 'dead', []],
    [['truth', 'silence'], 'unknown', []],
    [['truth', 'lateness'], 'unseen', []],
    // Both say that it is dead, of two chains that have parted.
    [['truth', 'another branch'], 'unknown', []],
    [['truth', 'another branch', 'truth'], 'dead', []],
    [['lateness', 'truth', 'truth'], 'dead', []],
  ] as const)('%s: %s', async (names, kind, suspects) => {
    const { pool } = poolOf(names.map((name) => LIES[name] ?? {}));
    expect((await statusOn(pool)).kind).toBe(kind);
    const quarantined = pool.all.filter((node) => !pool.counts(node)).map(({ label }) => label);
    expect(quarantined).toEqual(suspects);
  });

  it('is dead at the block that the slower of two nodes has', async () => {
    const final = async (): Promise<{ number: Hex; hash: Hex }> =>
      (await world.chain.rpc('eth_getBlockByNumber', 'finalized', false)) as {
        number: Hex;
        hash: Hex;
      };
    const slow = await final();
    await world.finalize();
    const behind: Lies = {
      eth_getBlockByNumber: async (truth, [tag]) =>
        tag === 'finalized'
          ? await world.chain.rpc('eth_getBlockByNumber', slow.number, false)
          : truth,
    };
    expect((await final()).number).not.toBe(slow.number);
    for (const nodes of [
      [behind, {}],
      [{}, behind],
    ]) {
      expect(await statusOn(poolOf(nodes).pool)).toMatchObject({
        kind: 'dead',
        proof: { blockNumber: BigInt(slow.number).toString(), blockHash: slow.hash },
      });
    }
  });
});

describe('failures that nodes explain differently', () => {
  it('are the recipient’s only where all who agree say so', async () => {
    const token = world.chain.tokens.USDC.address as Hex;
    batch = world.batchOf([1n], { token });
    const [item] = batch.items;
    await world.chain.setBlacklisted('USDC', item?.to ?? '', true);
    attempt = await world.carryOut(batch);
    const forgetful = { eth_call: silence };
    const kindOf = async (nodes: readonly Lies[]): Promise<string | undefined> => {
      const sighting = await statusOn(poolOf(nodes).pool);
      return sighting.kind === 'final' ? sighting.fates[0]?.kind : sighting.kind;
    };
    expect(await kindOf([{}, {}])).toBe('refused');
    expect(await kindOf([{}, forgetful])).toBe('undone');
    expect(await kindOf([forgetful, {}])).toBe('undone');
  });
});

describe('before anything is final', () => {
  it('the best that one node says is believed, unless it is in quarantine', async () => {
    batch = world.batchOf([20_000n]);
    const hash = await world.submit(batch);
    attempt = await world.attemptOf(batch, { transactionHashes: [hash] });
    const blind = LIES['blindness'] ?? {};
    expect((await statusOn(poolOf([blind, {}]).pool)).kind).toBe('waiting');
    expect((await statusOn(poolOf([{ eth_chainId: silence }, {}]).pool)).kind).toBe('waiting');
    const { pool } = poolOf([{}, blind]);
    for (const node of pool.all.slice(0, 1)) pool.quarantine(node, 'a test');
    expect((await statusOn(pool)).kind).toBe('unseen');
    await world.chain.mine();
    expect((await statusOn(poolOf([blind, {}]).pool)).kind).toBe('included');
    expect((await statusOn(poolOf([blind, blind]).pool)).kind).toBe('unseen');
  });
});

it('a stranger’s transaction is final by two nodes, and not by one', async () => {
  batch = world.batchOf([20_000n]);
  attempt = await world.attemptOf(batch);
  await world.submit(batch, stranger);
  await world.chain.mine();
  await world.finalize();
  expect((await statusOn(poolOf([{}, {}]).pool)).kind).toBe('final');
  expect((await statusOn(poolOf([{}, LIES['blindness'] ?? {}]).pool)).kind).toBe('unseen');
});

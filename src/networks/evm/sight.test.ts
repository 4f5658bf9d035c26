import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recipient } from '../../../test/harness/batch-payer.ts';
import { startFollowedWorld, type FollowedWorld } from '../../../test/harness/followed-world.ts';
import {
  createLyingNode,
  silence,
  withFields,
  type Lie,
} from '../../../test/harness/lying-node.ts';
import { testKey, type Batch } from '../../../test/harness/treasury-contract.ts';
import type { AttemptToFollow } from '../network.ts';
import { RpcErrorAnswer } from '../nodes/json-rpc.ts';

// What one node says that lies, fails, or has parted from itself: it ends no attempt.

type Lies = Readonly<Record<string, Lie>>;
const OTHER_HASH = `0x${'12'.repeat(32)}`;
const stranger = testKey(0x33);

let world: FollowedWorld;
let goBack: () => Promise<void>;
beforeAll(async () => {
  world = await startFollowedWorld();
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

async function kindWith(attempt: AttemptToFollow, lies: Lies): Promise<string> {
  const node = createLyingNode(world.chain.rpcUrl);
  node.lies = lies;
  const sighting = await world.status(attempt, [node]);
  if (sighting.kind === 'unknown') {
    expect(sighting.reason).not.toBe('');
    expect(sighting.reason).not.toContain('http');
  }
  return sighting.kind;
}

/** Answers otherwise the second time it is asked, and after. */
function later(lie: Lie): Lie {
  let asked = 0;
  return (truth, params) => {
    asked += 1;
    return asked === 1 ? truth : lie(truth, params);
  };
}

const nothing: Lie = () => null;
const word = (value: bigint) => (): string => `0x${value.toString(16).padStart(64, '0')}`;

interface Answer {
  readonly logs: readonly Record<string, unknown>[];
}
const withLogFields =
  (changes: Record<string, unknown>): Lie =>
  (truth) => {
    const receipt = truth as Answer;
    return { ...receipt, logs: receipt.logs.map((log) => ({ ...log, ...changes })) };
  };

/** A lie about the finalized block only. */
const finalized =
  (lie: Lie): Lie =>
  (truth, params) =>
    params[0] === 'finalized' ? lie(truth, params) : truth;
/** A lie about every block by number. */
const byNumber =
  (lie: Lie): Lie =>
  (truth, params) =>
    params[0] === 'finalized' ? truth : lie(truth, params);

describe('of a final batch of ours', () => {
  let attempt: AttemptToFollow;
  beforeEach(async () => {
    attempt = await world.carryOut(world.batchOf([20_000n, 30_000n]));
  });

  it('is final where it says the truth', async () => {
    expect(await kindWith(attempt, {})).toBe('final');
  });

  it.each<[string, Lies]>([
    ['silence', { eth_getTransactionReceipt: silence }],
    [
      'a rate limit',
      {
        eth_getTransactionReceipt: () => {
          const data = undefined;
          throw new RpcErrorAnswer('node', 'x', { code: -32_005, message: 'slow down', data });
        },
      },
    ],
    ['another chain', { eth_chainId: () => '0x38' }],
    [
      'a receipt of another transaction',
      { eth_getTransactionReceipt: withFields({ transactionHash: OTHER_HASH }) },
    ],
    [
      'a log of another transaction',
      { eth_getTransactionReceipt: withLogFields({ transactionHash: OTHER_HASH }) },
    ],
    [
      'a log of another block',
      { eth_getTransactionReceipt: withLogFields({ blockNumber: '0x1' }) },
    ],
    ['a removed log', { eth_getTransactionReceipt: withLogFields({ removed: true }) }],
    [
      'a receipt without block',
      { eth_getTransactionReceipt: withFields({ blockHash: null, blockNumber: null }) },
    ],
    ['a receipt with half a block', { eth_getTransactionReceipt: withFields({ blockHash: null }) }],
    ['a receipt without status', { eth_getTransactionReceipt: withFields({ status: undefined }) }],
    ['a status of 2', { eth_getTransactionReceipt: withFields({ status: '0x2' }) }],
    ['a number for a quantity', { eth_getTransactionReceipt: withFields({ gasUsed: 50_000 }) }],
    ['a list for a receipt', { eth_getTransactionReceipt: () => [] }],
    ['false for a receipt', { eth_getTransactionReceipt: () => false }],
    ['no finalized block', { eth_getBlockByNumber: finalized(nothing) }],
    ['finality unsupported', { eth_getBlockByNumber: finalized(silence) }],
    [
      'a finalized block off its own chain',
      { eth_getBlockByNumber: finalized(withFields({ hash: OTHER_HASH })) },
    ],
    [
      'a finalized block without time',
      { eth_getBlockByNumber: finalized(withFields({ timestamp: undefined })) },
    ],
    [
      'a block of another number',
      { eth_getBlockByNumber: byNumber(withFields({ number: '0x1' })) },
    ],
    [
      'a block that does not hold the transaction',
      { eth_getBlockByNumber: byNumber(withFields({ transactions: [] })) },
    ],
    [
      'a receipt that changes',
      { eth_getTransactionReceipt: later(withFields({ gasUsed: '0x1' })) },
    ],
    ['a receipt that vanishes', { eth_getTransactionReceipt: later(nothing) }],
    ['an unspent id', { eth_getStorageAt: word(0n) }],
    ['a cut word of storage', { eth_getStorageAt: () => '0x' }],
    ['no storage', { eth_getStorageAt: silence }],
    ['no log index', { eth_getLogs: silence }],
    ['an empty log index', { eth_getLogs: () => [] }],
    // Without the receipt it looks for the event, and finds one that the receipt denies.
    ['no receipt', { eth_getTransactionReceipt: nothing }],
    ['a receipt without events', { eth_getTransactionReceipt: withFields({ logs: [] }) }],
    [
      'logs that were not asked for',
      {
        eth_getLogs: (truth) =>
          (truth as object[]).map((log) => ({ ...log, address: recipient(5) })),
      },
    ],
  ])('unknown: %s', async (_, lies) => {
    expect(await kindWith(attempt, lies)).toBe('unknown');
  });

  it.each<[string, Lies]>([
    ['the receipt', { eth_getTransactionReceipt: withFields({ blockHash: OTHER_HASH, logs: [] }) }],
    [
      'its logs too',
      {
        eth_getTransactionReceipt: (truth, params) =>
          withFields({ blockHash: OTHER_HASH })(
            withLogFields({ blockHash: OTHER_HASH })(truth, params),
            params,
          ),
      },
    ],
  ])('a block that the chain has left: %s prove nothing', async (_, lies) => {
    // The id is spent all the same, but nothing that the node shows says by what.
    expect(await kindWith(attempt, lies)).toBe('unknown');
    const unspent = { ...lies, eth_getStorageAt: word(0n) };
    expect(await kindWith(attempt, unspent)).toBe('unseen');
  });
});

describe('of a batch that a stranger carried out', () => {
  let attempt: AttemptToFollow;
  beforeEach(async () => {
    const batch = world.batchOf([20_000n]);
    attempt = await world.attemptOf(batch);
    await world.submit(batch, stranger);
    await world.chain.mine();
    await world.finalize();
  });

  it.each<[string, Lies, string]>([
    ['the truth', {}, 'final'],
    ['an unspent id', { eth_getStorageAt: word(0n) }, 'unseen'],
    ['all ids spent, and no event', { eth_getLogs: () => [] }, 'unknown'],
    ['no receipt of it', { eth_getTransactionReceipt: nothing }, 'unknown'],
    [
      'a receipt without the event',
      { eth_getTransactionReceipt: withFields({ logs: [] }) },
      'unknown',
    ],
    [
      'a finalized block that changes meanwhile',
      { eth_getBlockByNumber: later(withFields({ hash: OTHER_HASH })) },
      'unknown',
    ],
    [
      'a block without it',
      { eth_getBlockByNumber: byNumber(withFields({ transactions: [] })) },
      'unknown',
    ],
  ])('%s', async (_, lies, kind) => {
    expect(await kindWith(attempt, lies)).toBe(kind);
  });
});

describe('of a batch that nobody carried out', () => {
  const expiring = async (): Promise<Batch> =>
    world.batchOf([20_000n], { deadline: (await world.latestTime()) + 100n });

  it.each<[string, Lies, string]>([
    ['the truth', {}, 'dead'],
    ['no storage', { eth_getStorageAt: silence }, 'unknown'],
    ['a cut word of storage', { eth_getStorageAt: () => '0x0' }, 'unknown'],
    ['a spent id, and no event', { eth_getStorageAt: word(2n ** 256n - 1n) }, 'unknown'],
    [
      'a finalized block from before',
      { eth_getBlockByNumber: finalized(withFields({ timestamp: '0x1' })) },
      'unseen',
    ],
    [
      'another finalized block after the question',
      { eth_getBlockByNumber: laterByNumber() },
      'unknown',
    ],
    ['no finalized block', { eth_getBlockByNumber: finalized(nothing) }, 'unknown'],
  ])('past its deadline: %s', async (_, lies, kind) => {
    const batch = await expiring();
    const attempt = await world.attemptOf(batch);
    await world.passTime(batch.deadline);
    expect(await kindWith(attempt, lies)).toBe(kind);
  });

  /** The block at the finalized height is another one when it is looked at again. */
  function laterByNumber(): Lie {
    return byNumber(later(withFields({ hash: OTHER_HASH })));
  }

  it.each<[string, Lies, string]>([
    ['the truth', {}, 'unseen'],
    [
      'a transaction of another hash',
      { eth_getTransactionByHash: () => ({ hash: OTHER_HASH }) },
      'unknown',
    ],
    [
      'a transaction with half a block',
      {
        eth_getTransactionByHash: (_, [hash]) => {
          return { hash, from: recipient(0), nonce: '0x0', blockNumber: '0x1', blockHash: null };
        },
      },
      'unknown',
    ],
    [
      'a transaction in a block that has no receipt yet',
      {
        eth_getTransactionByHash: (_, [hash]) => {
          return {
            hash,
            from: recipient(0),
            nonce: '0x0',
            blockNumber: '0x1',
            blockHash: OTHER_HASH,
          };
        },
      },
      'waiting',
    ],
  ])('before its deadline: %s', async (_, lies, kind) => {
    const batch = await expiring();
    const transactionHashes = [`0x${'34'.repeat(32)}`];
    expect(await kindWith(await world.attemptOf(batch, { transactionHashes }), lies)).toBe(kind);
  });
});

import { hexToBytes, keccak256, type Hex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recipient } from '../../../test/harness/batch-payer.ts';
import { startFollowedWorld, type FollowedWorld } from '../../../test/harness/followed-world.ts';
import {
  createLyingNode,
  silence,
  withFields,
  type Lie,
} from '../../../test/harness/lying-node.ts';
import { send, testKey } from '../../../test/harness/treasury-contract.ts';
import { present } from '../../base/assert.ts';
import type { SignedTransaction, TransactionSighting } from '../network.ts';
import { connectNodes } from './nodes.ts';
import { trackTransaction } from './track.ts';

type Lies = Readonly<Record<string, Lie>>;
const OTHER_HASH = `0x${'12'.repeat(32)}`;
const nothing: Lie = () => null;

let world: FollowedWorld;
let lastKey = 0x40;
beforeAll(async () => {
  world = await startFollowedWorld();
});
afterAll(async () => await world.chain.stop());

/** A gas account that nobody has used. */
async function freshLane(): Promise<PrivateKeyAccount> {
  lastKey += 1;
  const account = testKey(lastKey);
  await world.chain.fund(account.address, { units: 0n });
  await world.finalize();
  return account;
}

async function sign(
  account: PrivateKeyAccount,
  nonce: number,
  changes: { tip?: bigint; data?: Hex; to?: Hex } = {},
): Promise<SignedTransaction> {
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId: world.chain.chainId,
    nonce,
    to: changes.to ?? recipient(0),
    value: 0n,
    gas: 100_000n,
    maxFeePerGas: 20_000_000_000n,
    maxPriorityFeePerGas: changes.tip ?? 1_000_000_000n,
    data: changes.data ?? '0x',
  });
  return {
    sender: account.address,
    sequence: BigInt(nonce),
    transactionHash: keccak256(raw),
    rawTransaction: hexToBytes(raw),
  };
}

async function broadcast({ rawTransaction }: SignedTransaction): Promise<void> {
  await world.chain.rpc(
    'eth_sendRawTransaction',
    `0x${Buffer.from(rawTransaction).toString('hex')}`,
  );
}

async function landed(transaction: SignedTransaction): Promise<SignedTransaction> {
  await broadcast(transaction);
  await world.chain.mine();
  await world.finalize();
  return transaction;
}

async function track(
  transaction: SignedTransaction,
  nodes: readonly Lies[] = [{}],
): Promise<TransactionSighting> {
  const endpoints = nodes.map((lies, index) => {
    const node = createLyingNode(world.chain.rpcUrl, `node ${index + 1}`);
    node.lies = lies;
    return node;
  });
  const { chainId } = world.chain;
  return await trackTransaction(connectNodes({ chainId, endpoints }), transaction);
}

describe('a transaction of a lane', () => {
  it('is unseen, waiting, included and final, in this order', async () => {
    const transaction = await sign(await freshLane(), 0);
    expect(await track(transaction)).toEqual({ kind: 'unseen' });
    await broadcast(transaction);
    expect(await track(transaction)).toEqual({ kind: 'waiting' });
    await world.chain.mine();
    const included = await track(transaction);
    expect(included.kind).toBe('included');
    await world.finalize();
    const { block } = included as Extract<TransactionSighting, { kind: 'included' }>;
    const final = await track(transaction);
    expect(final).toMatchObject({ kind: 'final', block, succeeded: true });
    const receipt = (await world.chain.rpc(
      'eth_getTransactionReceipt',
      transaction.transactionHash,
    )) as { gasUsed: string; effectiveGasPrice: string };
    const feeUnits = BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
    expect(final).toMatchObject({ feeUnits });
    expect(feeUnits > 0n).toBe(true);
  });

  it('that reverted is final too, and has not succeeded', async () => {
    const to = world.chain.tokens.USDT.address as Hex;
    const transaction = await landed(await sign(await freshLane(), 0, { to, data: '0x12345678' }));
    expect(await track(transaction)).toMatchObject({ kind: 'final', succeeded: false });
  });

  it.each([0, 3, 20])(
    'is replaced by another of its nonce, which is named %i blocks later',
    async (blocks) => {
      const account = await freshLane();
      const lost = await sign(account, 0);
      const other = await landed(await sign(account, 0, { tip: 2_000_000_000n }));
      if (blocks > 0) await world.chain.mine(blocks);
      expect(await track(lost)).toEqual({ kind: 'replaced', takenBy: other.transactionHash });
      expect(await track(other)).toMatchObject({ kind: 'final' });
    },
  );

  it('is not replaced before that is final', async () => {
    const account = await freshLane();
    const lost = await sign(account, 0);
    await broadcast(await sign(account, 0, { tip: 2_000_000_000n }));
    await world.chain.mine();
    expect(await track(lost)).toEqual({ kind: 'unseen' });
  });

  it('is replaced by nothing that can be named, where a delegation took its nonce', async () => {
    const account = await freshLane();
    const lost = await sign(account, 0);
    const delegate = { key: account, to: world.payer.implementation };
    await send(world.chain, world.payer.submitter, { to: recipient(0), delegate });
    await world.finalize();
    expect(await track(lost)).toEqual({ kind: 'replaced', takenBy: null });
  });

  it('that its bytes do not bear out is unknown, and no node is asked', async () => {
    const transaction = await landed(await sign(await freshLane(), 0));
    for (const changes of [
      { sequence: 1n },
      { sender: recipient(1) },
      { transactionHash: OTHER_HASH },
      { rawTransaction: transaction.rawTransaction.subarray(1) },
    ]) {
      const node = createLyingNode(world.chain.rpcUrl);
      const { chainId } = world.chain;
      const pool = connectNodes({ chainId, endpoints: [node] });
      const sighting = await trackTransaction(pool, { ...transaction, ...changes });
      expect(sighting.kind).toBe('unknown');
      expect(node.asked).toEqual([]);
    }
  });
});

describe('a node that lies', () => {
  let final: SignedTransaction;
  let lost: SignedTransaction;
  beforeAll(async () => {
    const account = await freshLane();
    lost = await sign(account, 0);
    final = await landed(await sign(account, 0, { tip: 2_000_000_000n }));
  });

  const receiptWith = (changes: Record<string, unknown>): Lies => ({
    eth_getTransactionReceipt: withFields(changes),
  });

  it.each<[string, Lies]>([
    ['silence', { eth_getTransactionReceipt: silence }],
    ['another sender', receiptWith({ from: recipient(3) })],
    ['another transaction', receiptWith({ transactionHash: OTHER_HASH })],
    ['half a block', receiptWith({ blockHash: null })],
    ['a status of 2', receiptWith({ status: '0x2' })],
    ['a final transaction without receipt', { eth_getTransactionReceipt: nothing }],
    [
      'a nonce that it took itself',
      { eth_getTransactionReceipt: nothing, eth_getTransactionByHash: nothing },
    ],
    [
      'a block that does not hold it',
      {
        eth_getBlockByNumber: (truth, [tag]) =>
          tag === 'finalized' ? truth : withFields({ transactions: [] })(truth, []),
      },
    ],
  ])('makes a final transaction unknown: %s', async (_, lies) => {
    expect((await track(final, [lies])).kind).toBe('unknown');
  });

  it.each<[string, readonly Lies[], TransactionSighting['kind']]>([
    ['the same', [{}, {}], 'final'],
    ['silence', [{}, { eth_chainId: silence }], 'unknown'],
    ['that it failed', [{}, receiptWith({ status: '0x0' })], 'unknown'],
    ['another fee', [{}, receiptWith({ gasUsed: '0x1' })], 'unknown'],
    [
      'that another took its nonce',
      [{}, { eth_getTransactionReceipt: nothing, eth_getTransactionByHash: nothing }],
      'unknown',
    ],
    ['that it failed, a third the truth', [{}, receiptWith({ status: '0x0' }), {}], 'final'],
  ])('beside one that tells the truth of a final one: %s', async (_, nodes, kind) => {
    expect((await track(final, nodes)).kind).toBe(kind);
  });

  it.each<[string, readonly Lies[], TransactionSighting['kind']]>([
    ['the same', [{}, {}], 'replaced'],
    ['silence', [{}, { eth_chainId: silence }], 'unknown'],
    ['a count from before', [{}, { eth_getTransactionCount: () => '0x0' }], 'unseen'],
    [
      'a count from before, a third the truth',
      [{}, { eth_getTransactionCount: () => '0x0' }, {}],
      'replaced',
    ],
  ])('beside one that tells the truth of a replaced one: %s', async (_, nodes, kind) => {
    expect((await track(lost, nodes)).kind).toBe(kind);
  });

  it.each<[string, (transaction: Record<string, unknown>) => Record<string, unknown>]>([
    ['is signed by nobody', (it) => ({ ...it, r: OTHER_HASH })],
    ['has no signature', (it) => ({ ...it, r: undefined })],
    ['is of another chain', (it) => ({ ...it, chainId: '0x1' })],
    ['pays another amount than was signed', (it) => ({ ...it, value: '0x1' })],
  ])('names no transaction that %s', async (_, change) => {
    const lies: Lies = {
      eth_getBlockByNumber: (truth, [, whole]) => {
        if (whole !== true) return truth;
        const { transactions } = truth as { transactions: Record<string, unknown>[] };
        return { ...(truth as object), transactions: transactions.map(change) };
      },
    };
    expect(await track(lost, [lies])).toEqual({ kind: 'replaced', takenBy: null });
  });

  it('cannot name it where it has forgotten the counts of old blocks', async () => {
    let newest: unknown = null;
    const lies: Lies = {
      eth_getTransactionCount: (truth, [, block]) => {
        newest ??= block;
        return block === newest ? truth : silence(truth, []);
      },
    };
    expect(await track(lost, [lies])).toEqual({ kind: 'replaced', takenBy: null });
    expect(present(newest, 'it was asked')).toMatch(/^0x/);
  });
});

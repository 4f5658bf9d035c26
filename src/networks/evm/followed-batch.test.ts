import { hexToBytes } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recipient } from '../../../test/harness/batch-payer.ts';
import { startFollowedWorld, type FollowedWorld } from '../../../test/harness/followed-world.ts';
import { createLyingNode } from '../../../test/harness/lying-node.ts';
import {
  executeData,
  signBatch,
  testKey,
  type Batch,
} from '../../../test/harness/treasury-contract.ts';
import type { AttemptToFollow, TransferOrder } from '../network.ts';
import { readFollowedBatch } from './followed-batch.ts';

let world: FollowedWorld;
let batch: Batch;
let attempt: AttemptToFollow;
beforeAll(async () => {
  world = await startFollowedWorld();
  batch = world.batchOf([20_000n, 30_000n]);
  attempt = await world.attemptOf(batch);
});
afterAll(async () => await world.chain.stop());

const HASH = `0x${'aB'.repeat(32)}`;

it('is read from its authority, in lower case', async () => {
  const { chain, payer } = world;
  const row = { ...attempt, sinceBlock: 7n, transactionHashes: [HASH] };
  const { digest, ...read } = await readFollowedBatch(row, chain);
  expect(digest).toBe(attempt.authorityHash);
  expect(read).toEqual({
    place: { chainId: chain.chainId, treasury: payer.treasury.toLowerCase() },
    batch: { ...batch, token: batch.token.toLowerCase() },
    orders: attempt.orders,
    sinceBlock: 7n,
    transactionHashes: [HASH.toLowerCase()],
  });
});

describe('a row that its authority does not bear out is unknown, and no node is asked', () => {
  const change = (index: number, changes: Partial<TransferOrder>): Partial<AttemptToFollow> => ({
    orders: attempt.orders.with(index, { ...(attempt.orders[index] as TransferOrder), ...changes }),
  });
  const signedBy = async (byte: number, it: Batch, treasury = world.payer.treasury) => {
    const place = { chainId: world.chain.chainId, treasury };
    return hexToBytes(executeData(it, await signBatch(testKey(byte), it, place)));
  };

  it.each<[string, () => Partial<AttemptToFollow> | Promise<Partial<AttemptToFollow>>]>([
    ['fence', () => ({ fence: attempt.fence.replace(/\d+$/, '99') })],
    ['fence of another treasury', () => ({ fence: `${recipient(0)}:batch:${batch.batchId}` })],
    ['payer', () => ({ payer: recipient(0) })],
    ['payer that is no address', () => ({ payer: 'treasury' })],
    ['digest', () => ({ authorityHash: HASH })],
    ['no deadline', () => ({ validUntil: null })],
    ['deadline', () => ({ validUntil: new Date((attempt.validUntil as Date).getTime() + 1_000) })],
    [
      'deadline by a millisecond',
      () => ({ validUntil: new Date((attempt.validUntil as Date).getTime() + 1) }),
    ],
    ['first block', () => ({ sinceBlock: -1n })],
    ['transaction that is no hash', () => ({ transactionHashes: ['0x12'] })],
    ['no authority', () => ({ authority: new Uint8Array(0) })],
    ['authority cut', () => ({ authority: attempt.authority.subarray(0, -1) })],
    ['no order', () => ({ orders: [] })],
    ['an order less', () => ({ orders: attempt.orders.slice(1) })],
    ['an order twice', () => ({ orders: [...attempt.orders, ...attempt.orders.slice(1)] })],
    ['orders in another order', () => ({ orders: attempt.orders.toReversed() })],
    ['a payout twice', () => change(1, { payoutId: 'p0' })],
    ['amount', () => change(1, { units: 30_001n })],
    ['recipient', () => change(1, { toAddress: recipient(7) })],
    ['token', () => change(1, { asset: world.assetAt(world.chain.tokens.USDC.address) })],
    [
      'network',
      () => change(0, { asset: { ...world.assetAt(batch.token), network: 'BSC_MAINNET' } }),
    ],
    ['signed by another key', async () => ({ authority: await signedBy(0x12, batch) })],
    [
      'signed for another treasury',
      async () => ({ authority: await signedBy(0x11, batch, recipient(0)) }),
    ],
    [
      'another batch',
      async () => ({ authority: await signedBy(0x11, { ...batch, gasPerItem: 1n }) }),
    ],
  ])('%s', async (_, changes) => {
    const node = createLyingNode(world.chain.rpcUrl);
    expect((await world.status(attempt, [node])).kind).toBe('unseen');
    const asked = node.asked.length;
    const sighting = await world.status({ ...attempt, ...(await changes()) }, [node]);
    expect(sighting.kind).toBe('unknown');
    expect(node.asked.length).toBe(asked);
  });

  it('for another chain', async () => {
    const elsewhere = { network: world.chain.network, chainId: 1 };
    await expect(readFollowedBatch(attempt, elsewhere)).rejects.toThrow('not signed by');
  });
});

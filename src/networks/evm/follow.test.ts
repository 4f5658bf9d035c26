import type { Hex } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recipient } from '../../../test/harness/batch-payer.ts';
import { startFollowedWorld, type FollowedWorld } from '../../../test/harness/followed-world.ts';
import { callEachData, deployCaller } from '../../../test/harness/hostile-token.ts';
import {
  cancelData,
  digestOf,
  post,
  send,
  signCancellation,
  testKey,
} from '../../../test/harness/treasury-contract.ts';
import type { AttemptToFollow } from '../network.ts';
import { spentSlotOf } from './spent-slot.ts';

// What an honest node shows of a batch, from its signature to its end.

const stranger = testKey(0x33);
const ZERO: Hex = `0x${'0'.repeat(40)}`;

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

async function blockOf(hash: Hex): Promise<{ number: bigint; hash: string }> {
  const receipt = (await world.chain.rpc('eth_getTransactionReceipt', hash)) as {
    blockNumber: string;
    blockHash: string;
  };
  return { number: BigInt(receipt.blockNumber), hash: receipt.blockHash };
}

describe('a batch on its way', () => {
  it('is unseen, waiting, included and final, in this order', async () => {
    const batch = world.batchOf([20_000n, 20_000n]);
    const attempt = await world.attemptOf(batch);
    expect(await world.status(attempt)).toEqual({ kind: 'unseen' });

    const hash = await world.submit(batch);
    expect(await world.status(attempt)).toEqual({ kind: 'unseen' });
    const known = { ...attempt, transactionHashes: [`0x${'12'.repeat(32)}`, hash] };
    expect(await world.status(known)).toEqual({ kind: 'waiting' });

    await world.chain.mine();
    const block = await blockOf(hash);
    expect(await world.status(known)).toEqual({ kind: 'included', block });

    await world.finalize();
    expect(await world.status(known)).toMatchObject({
      kind: 'final',
      transactionHash: hash,
      block,
    });
  });

  it('that the chain drops is unseen again', async () => {
    const batch = world.batchOf([20_000n]);
    const hash = await world.submit(batch);
    await world.chain.mine();
    const attempt = await world.attemptOf(batch, { transactionHashes: [hash] });
    expect((await world.status(attempt)).kind).toBe('included');
    await world.chain.reorg(1);
    expect(await world.status(attempt)).toEqual({ kind: 'unseen' });
  });

  it('is final in the block of the branch that stayed', async () => {
    const batch = world.batchOf([20_000n]);
    const hash = await world.submit(batch);
    const raw = (await world.chain.rpc('eth_getRawTransactionByHash', hash)) as string;
    await world.chain.mine();
    const lost = await blockOf(hash);
    await world.chain.reorg(1, [{ raw, atBlock: 0 }]);
    await world.finalize();
    const sighting = await world.status(
      await world.attemptOf(batch, { transactionHashes: [hash] }),
    );
    expect(sighting).toMatchObject({ kind: 'final', block: await blockOf(hash) });
    expect(sighting).not.toMatchObject({ block: lost });
  });
});

describe('a batch that was carried out', () => {
  it('shows each item with the event that paid it, two equal ones too', async () => {
    const items = [0, 0, 1].map((index) => ({ to: recipient(index), units: 20_000n }));
    const batch = world.batchOf([], { items });
    const attempt = await world.carryOut(batch);
    const sighting = await world.status(attempt);
    const [transactionHash] = attempt.transactionHashes as [Hex];
    const block = await blockOf(transactionHash);
    const receipt = (await world.chain.rpc('eth_getTransactionReceipt', transactionHash)) as {
      gasUsed: string;
      effectiveGasPrice: string;
    };
    expect(sighting).toEqual({
      kind: 'final',
      transactionHash,
      block,
      feeUnits: BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice),
      fates: items.map(({ to }, item) => ({
        kind: 'paid',
        payoutId: `p${item}`,
        proof: {
          transactionHash,
          blockNumber: block.number.toString(),
          blockHash: block.hash,
          batchId: batch.batchId.toString(),
          digest: digestOf(batch, world.payer),
          item,
          token: batch.token.toLowerCase(),
          treasury: world.payer.treasury.toLowerCase(),
          to,
          units: '20000',
          logIndex: item.toString(),
        },
      })),
    });
  });

  it('by a stranger, in a transaction that nobody here knows, is final all the same', async () => {
    const batch = world.batchOf([20_000n, 30_000n]);
    const attempt = await world.attemptOf(batch);
    const hash = await world.submit(batch, stranger);
    await world.chain.mine();
    // A node tells of unknown transactions only when they are final.
    expect(await world.status(attempt)).toEqual({ kind: 'unseen' });
    await world.finalize();
    expect(await world.status(attempt)).toMatchObject({
      kind: 'final',
      transactionHash: hash,
      fates: [{ kind: 'paid' }, { kind: 'paid' }],
    });
  });

  it('by a stranger, while a transaction of ours came too late, is final by the stranger’s', async () => {
    const batch = world.batchOf([20_000n]);
    const theirs = await world.submit(batch, stranger);
    await world.chain.mine();
    const ours = await world.submit(batch);
    await world.chain.mine();
    await world.finalize();
    const attempt = await world.attemptOf(batch, { transactionHashes: [ours] });
    expect(await world.status(attempt)).toMatchObject({ kind: 'final', transactionHash: theirs });
  });

  it('beside others in one transaction is judged by its own events', async () => {
    const caller = await deployCaller(world.payer);
    const batches = [
      [1n, 2n],
      [2n, 1n],
      [1n, 2n],
    ].map((units) => world.batchOf(units));
    const data = await Promise.all(batches.map(async (batch) => await world.payer.dataOf(batch)));
    const to = caller.address;
    const hash = await post(world.chain, stranger, {
      to,
      data: callEachData(world.payer.treasury, data),
    });
    await world.chain.mine();
    await world.finalize();
    const indexes = await Promise.all(
      batches.map(async (batch) => {
        const attempt = await world.attemptOf(batch, { transactionHashes: [hash] });
        const sighting = await world.status(attempt);
        expect(sighting.kind).toBe('final');
        return sighting.kind === 'final'
          ? sighting.fates.map((fate) => (fate.proof as { logIndex: string }).logIndex)
          : [];
      }),
    );
    expect(indexes).toEqual([
      ['0', '1'],
      ['3', '4'],
      ['6', '7'],
    ]);
  });
});

describe('a transaction that succeeded without the treasury’s code', () => {
  async function undelegated(): Promise<AttemptToFollow> {
    const { submitter, key } = world.payer;
    await send(world.chain, submitter, { to: recipient(0), delegate: { key, to: ZERO } });
    const deadline = (await world.latestTime()) + 100n;
    const batch = world.batchOf([20_000n], { deadline });
    const attempt = await world.carryOut(batch);
    const [hash] = attempt.transactionHashes;
    const receipt = await world.chain.rpc('eth_getTransactionReceipt', hash as string);
    expect(receipt).toMatchObject({ status: '0x1', logs: [] });
    return attempt;
  }

  it('says nothing of the batch, which may still run', async () => {
    expect(await world.status(await undelegated())).toEqual({ kind: 'unseen' });
  });

  it('leaves it to die at its deadline', async () => {
    const attempt = await undelegated();
    await world.passTime(BigInt((attempt.validUntil as Date).getTime()) / 1_000n);
    expect(await world.status(attempt)).toMatchObject({ kind: 'dead', takenBy: null });
  });
});

describe('the death of a batch', () => {
  it('is proved by its unspent bit in a final block after the deadline, not at it', async () => {
    const deadline = (await world.latestTime()) + 1_000n;
    const batch = world.batchOf([20_000n], { deadline });
    const attempt = await world.attemptOf(batch);
    await world.passTime(deadline - 100n);
    expect(await world.status(attempt)).toEqual({ kind: 'unseen' });
    // After it, but final nowhere.
    await world.chain.rpc('evm_setNextBlockTimestamp', Number(deadline) + 1);
    await world.chain.mine();
    expect(await world.status(attempt)).toEqual({ kind: 'unseen' });
    await world.finalize();
    const sighting = await world.status(attempt);
    const finalized = (await world.chain.rpc('eth_getBlockByNumber', 'finalized', false)) as {
      number: string;
      hash: string;
      timestamp: string;
    };
    const { slot, bit } = spentSlotOf(batch.batchId);
    expect(sighting).toEqual({
      kind: 'dead',
      reason: 'Its deadline has passed in a final block, and it was not carried out until then.',
      proof: {
        blockNumber: BigInt(finalized.number).toString(),
        blockHash: finalized.hash,
        blockTime: BigInt(finalized.timestamp).toString(),
        deadline: deadline.toString(),
        treasury: world.payer.treasury.toLowerCase(),
        slot,
        bit: bit.toString(),
        spent: false,
      },
      takenBy: null,
    });
  });

  it('does not come to one that was carried out before its deadline', async () => {
    const deadline = (await world.latestTime()) + 1_000n;
    const attempt = await world.carryOut(world.batchOf([20_000n], { deadline }));
    await world.passTime(deadline);
    expect((await world.status(attempt)).kind).toBe('final');
    expect((await world.status({ ...attempt, transactionHashes: [] })).kind).toBe('final');
  });

  it('is another batch with its id, which is named', async () => {
    const batch = world.batchOf([20_000n]);
    // Its item fails, which is an event with the id too.
    const other = { ...batch, gasPerItem: 5_000n };
    const attempt = await world.attemptOf(batch);
    const hash = await world.submit(other, stranger);
    await world.chain.mine();
    expect(await world.status(attempt)).toEqual({ kind: 'unseen' });
    await world.finalize();
    const block = await blockOf(hash);
    expect(await world.status(attempt)).toEqual({
      kind: 'dead',
      reason: 'Another batch has spent its id.',
      proof: {
        transactionHash: hash,
        blockNumber: block.number.toString(),
        blockHash: block.hash,
        logIndex: '1',
        treasury: world.payer.treasury.toLowerCase(),
        batchId: batch.batchId.toString(),
        event: 'BatchExecuted',
        digest: digestOf(other, world.payer),
      },
      takenBy: hash,
    });
  });

  it('is a cancellation of its id, which is named', async () => {
    const batch = world.batchOf([20_000n]);
    const { batchId } = batch;
    const signature = await signCancellation(world.payer.key, batchId, world.payer);
    const data = cancelData(batchId, signature);
    const hash = await post(world.chain, stranger, { to: world.payer.treasury, data });
    await world.chain.mine();
    await world.finalize();
    expect(await world.status(await world.attemptOf(batch))).toMatchObject({
      kind: 'dead',
      reason: 'Its id was spent on nothing by a cancellation.',
      proof: { event: 'BatchCancelled', digest: null, transactionHash: hash },
      takenBy: hash,
    });
  });

  it('is told of no other id of the same word', async () => {
    const batch = world.batchOf([20_000n]);
    await world.carryOut(world.batchOf([20_000n]));
    expect(await world.status(await world.attemptOf(batch))).toEqual({ kind: 'unseen' });
  });
});

// Last: the local node has forgotten the states before so many blocks.
describe('a batch that a stranger carried out long after it was signed', () => {
  it('is found by its event', async () => {
    const batch = world.batchOf([20_000n]);
    const attempt = await world.attemptOf(batch);
    await world.chain.mine(2_100);
    await world.submit(batch, stranger);
    await world.chain.mine();
    await world.finalize();
    expect((await world.status(attempt)).kind).toBe('final');
  });
});

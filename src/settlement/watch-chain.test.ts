import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  blockAt,
  createBooksWorld,
  hashOfBlock,
  type BooksWorld,
} from '../../test/harness/books-world.ts';
import type { NetworkDriver } from '../networks/network.ts';
import { findWatchedBlocks, type WatchedBlocks } from './internal/watched-blocks.ts';
import { findNetworkState } from './network-state.ts';
import { watchChain } from './watch-chain.ts';

const DEEP = 20n;

let world: BooksWorld;
beforeEach(async () => {
  world = await createBooksWorld();
});
afterEach(async () => {
  await world.close();
});

async function watch(changes: Partial<NetworkDriver> = {}): Promise<void> {
  await watchChain(world.settlement(changes), DEEP);
}

async function watched(): Promise<WatchedBlocks | undefined> {
  return await findWatchedBlocks(world.db.database, world.network);
}

async function stoppedFor(): Promise<string | null | undefined> {
  return (await findNetworkState(world.db.database, world.network))?.stoppedFor;
}

/** An open attempt that was last seen in a block. */
async function include(block: bigint): Promise<string> {
  const { attemptId } = await world.attempt({ items: [{ units: 1n, to: world.payer }] });
  await world.db.database.query(
    'UPDATE settlement_attempts SET block_number = $2, block_hash = $3 WHERE attempt_id = $1',
    [attemptId, block, hashOfBlock(block)],
  );
  return attemptId;
}

describe('the final block', () => {
  test('is noted, forwards only', async () => {
    await watch();
    expect(await watched()).toMatchObject({ final: blockAt(90n) });
    world.chain.final = 95n;
    await watch();
    world.chain.final = 93n;
    await watch();
    expect(await watched()).toEqual({ final: blockAt(95n), buried: null, denied: null });
    expect(world.alarms()).toEqual([]);
  });

  test.each(['no', 'unknown'] as const)(
    'is not noted while the nodes say %s to it',
    async (answer) => {
      world.chain.answers.set(hashOfBlock(90n), answer);
      await watch();
      expect(await watched()).toMatchObject({ final: null });
      expect(await stoppedFor()).toBeNull();
    },
  );

  test('that is denied later stops the network once, and both blocks are named', async () => {
    await watch();
    world.chain.final = 95n;
    world.chain.answers.set(hashOfBlock(90n), 'no');
    await watch();
    await watch();
    const reason = await stoppedFor();
    expect(reason).toContain(`block 90 (${hashOfBlock(90n)}), which was final`);
    expect(reason).toContain(`95, ${hashOfBlock(95n)}`);
    expect(world.alarms()).toEqual([`signing has stopped: ${reason}`]);
    expect(await watched()).toMatchObject({ final: blockAt(90n), denied: blockAt(90n) });
  });

  test('about which nobody is sure changes nothing', async () => {
    await watch();
    world.chain.final = 95n;
    world.chain.answers.set(hashOfBlock(90n), 'unknown');
    await watch();
    expect(await watched()).toMatchObject({ final: blockAt(90n), denied: null });
    expect(await stoppedFor()).toBeNull();
  });

  test('that comes back is denied no longer; a person still has to look', async () => {
    await watch();
    world.chain.answers.set(hashOfBlock(90n), 'no');
    await watch();
    world.chain.answers.clear();
    world.chain.final = 95n;
    await watch();
    expect(await watched()).toMatchObject({ final: blockAt(95n), denied: null });
    expect(await stoppedFor()).not.toBeNull();
  });

  test('is not looked at where the network was never opened', async () => {
    await world.db.database.query('DELETE FROM settlement_networks');
    await watch({ head: async () => await Promise.reject(new Error('asked')) });
  });
});

describe('a reorganisation', () => {
  beforeEach(() => {
    world.chain.final = 50n;
  });

  test('deeper than the policy stops the network, before anything was final', async () => {
    await include(80n);
    await watch();
    expect(await watched()).toMatchObject({ buried: blockAt(80n) });
    world.chain.answers.set(hashOfBlock(80n), 'no');
    await watch();
    expect(await stoppedFor()).toBe(
      `block 80 (${hashOfBlock(80n)}), which was 20 blocks deep or more, is no longer on the chain`,
    );
  });

  test('of a transaction of ours counts like one of an attempt', async () => {
    await world.db.database.query(
      `INSERT INTO settlement_transactions
         (network, transaction_hash, sender, sequence, purpose, raw_transaction, state,
          broadcast_count, block_number, block_hash, created_at, updated_at)
       VALUES ($1, '0x1', $2, 0, 'FILL', '\\x00', 'OPEN', 1, 79, $3, $4, $4)`,
      [world.network, world.payer, hashOfBlock(79n), world.clock.now()],
    );
    await watch();
    expect(await watched()).toMatchObject({ buried: blockAt(79n) });
  });

  test('of a shallower block is nothing, however long ago it was seen', async () => {
    await include(81n);
    await watch();
    expect(await watched()).toMatchObject({ buried: null });
    world.chain.latest = 200n;
    world.chain.answers.set(hashOfBlock(81n), 'no');
    await watch();
    expect(await watched()).toMatchObject({ buried: null, denied: null });
    expect(await stoppedFor()).toBeNull();
  });

  test('is watched for at the newest deep block, which vouches for those before it', async () => {
    for (const block of [60n, 75n, 70n]) await include(block);
    await watch();
    expect(await watched()).toMatchObject({ buried: blockAt(75n) });
    await include(72n);
    await watch();
    expect(await watched()).toMatchObject({ buried: blockAt(75n) });
  });

  test('is the final block’s matter where that is newer', async () => {
    await include(80n);
    await watch();
    world.chain.final = 85n;
    await watch();
    world.chain.answers.set(hashOfBlock(80n), 'no');
    await watch();
    expect(await stoppedFor()).toBeNull();
  });
});

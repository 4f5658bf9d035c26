import { describe, expect, it } from 'vitest';
import { createSolanaWorld, type SolanaWorld } from '../../../test/harness/solana-world.ts';
import { present } from '../../base/assert.ts';
import {
  SigningPostponed,
  type Chore,
  type NewTransaction,
  type TransactionSighting,
} from '../network.ts';
import { encodeChoreMessage, readChoreMessage } from './chore-message.ts';
import { parseTransaction } from './message.ts';

const upkeep = async (world: SolanaWorld) => await world.driver.upkeep({ taken: [] });

async function signChore(world: SolanaWorld, chore: Chore): Promise<NewTransaction> {
  return await world.driver.signChore(chore, { sender: world.treasury, sequence: 1n });
}

async function firstChore(world: SolanaWorld): Promise<Chore> {
  return present((await upkeep(world)).chores[0], 'there is a chore');
}

const coins = (lamports: bigint) => ({
  lamports,
  data: new Uint8Array(),
  owner: '11111111111111111111111111111111',
  executable: false,
});

describe('the treasury’s token accounts', () => {
  it('are opened one by one, and are chores no more when they are there', async () => {
    const world = createSolanaWorld({ bare: true });
    const before = await upkeep(world);
    expect(before.alarms).toEqual([]);
    expect(before.chores.map(({ purpose, details }) => [purpose, details['mint']])).toEqual([
      ['OPEN_ACCOUNT', world.usdt.contract],
      ['OPEN_ACCOUNT', world.usdc.contract],
    ]);
    for (const chore of before.chores) {
      const signed = await signChore(world, chore);
      expect(await world.driver.track(signed)).toEqual({ kind: 'unseen' });
      await world.driver.broadcast(signed.rawTransaction);
      world.produce();
      expect((await world.driver.track(signed)).kind).toBe('waiting');
      world.produce(3);
      expect((await world.driver.track(signed)).kind).toBe('included');
      world.finalize();
      const done = await world.driver.track(signed);
      expect(done).toMatchObject({ kind: 'final', succeeded: true });
      const rent = 2_039_280n;
      expect(done.kind === 'final' && done.feeUnits > rent + 5_000n).toBe(true);
    }
    expect(await upkeep(world)).toEqual({ chores: [], alarms: [] });
    expect((await world.inspect(world.order())).waiting[0]?.reason).toMatch(/short of USDT/);
  });

  it('may have been opened by somebody else, who paid for it', async () => {
    const world = createSolanaWorld({ bare: true });
    const chore = await firstChore(world);
    world.chain.control.openTokenAccount(world.chain.tokens.USDT.address, world.treasury);
    world.produce(3);
    const signed = await signChore(world, chore);
    await world.driver.broadcast(signed.rawTransaction);
    world.finalize();
    const done = await world.driver.track(signed);
    expect(done).toMatchObject({ kind: 'final', succeeded: true });
    expect(done.kind === 'final' && done.feeUnits < 100_000n).toBe(true);
  });

  it('are opened in a place that has got coins beforehand', async () => {
    const world = createSolanaWorld({ bare: true });
    world.chain.control.fund(world.tokenAccount(world.treasury), 1_000_000n);
    world.produce(3);
    expect((await upkeep(world)).chores).toHaveLength(2);
  });

  it('that are frozen, or not its own, are for a person', async () => {
    const world = createSolanaWorld();
    const account = world.tokenAccount(world.treasury);
    world.chain.control.freeze(account);
    world.produce(3);
    expect((await upkeep(world)).alarms).toEqual([
      "the treasury's USDT account on SOL_MAINNET is frozen by the issuer",
    ]);
    const held = present(world.chain.account(account), 'it is there');
    const data = Uint8Array.from(held.data);
    data[40] = (data[40] ?? 0) ^ 1;
    world.chain.control.setAccount(account, { ...held, data });
    world.produce(3);
    expect((await upkeep(world)).alarms).toEqual([
      "the treasury's USDT account on SOL_MAINNET is not its own",
    ]);
  });
});

describe('the treasury’s coins', () => {
  it('are alarmed about while they are few', async () => {
    const world = createSolanaWorld();
    world.chain.control.setAccount(world.treasury, coins(150_000_000n));
    world.produce(3);
    const { alarms } = await upkeep(world);
    expect(alarms).toEqual([
      expect.stringMatching(/low on coins: 0\.15 SOL, enough for about 73 payouts/) as string,
    ]);
  });

  it('that do not open an account give no chore', async () => {
    const world = createSolanaWorld({ bare: true });
    world.chain.control.setAccount(world.treasury, coins(2_000_000n));
    world.produce(3);
    const { chores, alarms } = await upkeep(world);
    expect(chores).toEqual([]);
    expect(alarms).toHaveLength(3);
    expect(alarms[1]).toMatch(/cannot pay for its USDT account/);
  });

  it('are not known where no node answers', async () => {
    const world = createSolanaWorld();
    world.nodes[0]?.failNext('getMultipleAccounts', 'timeout');
    await expect(upkeep(world)).rejects.toThrow('no answer');
  });
});

describe('a chore', () => {
  it('that has expired is gone for good, and the next one does it', async () => {
    const world = createSolanaWorld({ bare: true });
    const signed = await signChore(world, await firstChore(world));
    const { validUntilBlock } = readChoreMessage(
      parseTransaction(signed.rawTransaction).messageBytes,
    );
    while (BigInt(world.chain.head('finalized').height) <= validUntilBlock) {
      expect((await world.driver.track(signed)).kind).toBe('unseen');
      world.produce(7);
    }
    expect(await world.driver.track(signed)).toEqual({ kind: 'replaced', takenBy: null });
    const again = await signChore(world, await firstChore(world));
    expect(again.transactionHash).not.toBe(signed.transactionHash);
  });

  it('is not taken for expired or final by fewer than a quorum', async () => {
    const world = createSolanaWorld({ bare: true, nodes: 3 });
    const signed = await signChore(world, await firstChore(world));
    world.expire();
    for (const node of world.nodes.slice(1)) node.set({ history: 'refuses' });
    expect((await world.driver.track(signed)).kind).toBe('unknown');
    for (const node of world.nodes) node.heal();
    expect((await world.driver.track(signed)).kind).toBe('replaced');
  });

  it.each(['timeout', 'error', 'malformed'] as const)(
    'is unknown where a node says: %s',
    async (kind) => {
      const world = createSolanaWorld({ bare: true });
      const signed = await signChore(world, await firstChore(world));
      world.nodes[0]?.failNext('getSignatureStatuses', kind);
      const said: TransactionSighting = await world.driver.track(signed);
      expect(said.kind).toBe('unknown');
    },
  );

  it('is followed by its own bytes alone', async () => {
    const world = createSolanaWorld({ bare: true });
    const signed = await signChore(world, await firstChore(world));
    const order = createSolanaWorld();
    const attempt = await order.sign(order.order());
    for (const changed of [
      { ...signed, transactionHash: attempt.fence },
      { ...signed, sender: signed.transactionHash },
      { ...signed, rawTransaction: signed.rawTransaction.with(80, 1) },
      { ...signed, rawTransaction: attempt.transaction.rawTransaction },
    ]) {
      expect((await world.driver.track(changed)).kind).toBe('unknown');
    }
  });

  it('reads back, and with any byte changed does not', async () => {
    const world = createSolanaWorld({ bare: true });
    const signed = await signChore(world, await firstChore(world));
    const { messageBytes } = parseTransaction(signed.rawTransaction);
    const message = readChoreMessage(messageBytes);
    expect(encodeChoreMessage(message)).toEqual(messageBytes);
    expect(message).toMatchObject({ treasury: world.treasury, mint: world.usdt.contract });
    for (let at = 0; at < messageBytes.length; at += 1) {
      const changed = messageBytes.with(at, (messageBytes[at] ?? 0) ^ 1);
      let read: unknown = null;
      try {
        read = readChoreMessage(changed);
      } catch {
        continue;
      }
      expect(read).not.toEqual(message);
    }
  });

  it('is signed only if it is one of the driver’s, and would succeed', async () => {
    const world = createSolanaWorld({ bare: true });
    const chore = await firstChore(world);
    const lane = { sender: world.treasury, sequence: 1n };
    await expect(world.driver.signChore({ ...chore, purpose: 'TOP_UP' }, lane)).rejects.toThrow(
      'only chore',
    );
    await expect(world.driver.signChore(chore, { ...lane, sender: 'x' })).rejects.toThrow(
      'own chores',
    );
    await expect(world.driver.signChore({ ...chore, details: {} }, lane)).rejects.toThrow('mint');
    world.chain.control.setAccount(world.treasury, coins(1_000_000n));
    world.produce(3);
    await expect(world.driver.signChore(chore, lane)).rejects.toThrow(SigningPostponed);
  });
});

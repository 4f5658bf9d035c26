import { keccak256, toHex, type Hex } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TREASURY_MNEMONIC } from '../../test/harness/evm-treasury.ts';
import {
  createSettlementRoad,
  losingCommits,
  PACE,
  type SettlementChanges,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import type { Row } from '../database/database.ts';
import type { NetworkDriver } from '../networks/network.ts';
import { keepUp as doUpkeep } from './keep-up.ts';
import { listLanes, stopLane } from './lanes.ts';
import { findNetworkState, resumeNetwork, stopNetwork } from './network-state.ts';

// A treasury that has coins and tokens, and nothing else: each test has a chain of its own.

let road: SettlementRoad;
let driver: NetworkDriver;
beforeEach(async () => {
  road = await createSettlementRoad({ isBare: true });
  driver = road.treasury.driver;
});
afterEach(async () => {
  try {
    expect(road.violations).toEqual([]);
  } finally {
    await road.close();
  }
});

async function keepUp(changes: SettlementChanges = {}): Promise<void> {
  await doUpkeep(road.settlement(changes));
}

/** What was ever signed for chores, in its order. */
async function chores(): Promise<Row[]> {
  return await road.db.database.query(
    `SELECT purpose, state, succeeded, broadcast_count, sequence FROM settlement_transactions
     WHERE purpose NOT IN ('CARRY', 'FILL') ORDER BY sequence, created_at`,
  );
}

async function purposes(): Promise<unknown[]> {
  return (await chores()).map(({ purpose }) => purpose);
}

/** What was sent is final, and known to be. */
async function settle(): Promise<void> {
  await road.finalize();
  await road.tend();
}

async function setUp(): Promise<void> {
  for (let rounds = 0; rounds < 10; rounds += 1) {
    await keepUp();
    await settle();
    if ((await driver.upkeep({ taken: [] })).chores.length === 0) return;
  }
  throw new Error('the treasury is never set up');
}

async function nextSequence(): Promise<bigint | undefined> {
  const lanes = await listLanes(road.db.database);
  return lanes.find(({ role }) => role === 'TREASURY')?.nextSequence;
}

async function stoppedFor(): Promise<string | null | undefined> {
  return (await findNetworkState(road.db.database, driver.network))?.stoppedFor;
}

function alarms(): string[] {
  return road.log.filter(({ fields }) => fields['alarm'] === true).map(({ message }) => message);
}

const ALL = ['DEPLOY', 'DELEGATE', 'TOP_UP', 'TOP_UP'];

describe('a new treasury', () => {
  it('is set up by one transaction at a time, each recorded before it is sent, and pays', async () => {
    const payout = await road.order(1n);
    await road.submit();
    expect((await road.orderRow(payout))['waiting_for']).toMatch(/not set up/);
    for (const [index, purpose] of ALL.entries()) {
      await keepUp();
      const signed = await chores();
      expect(signed).toHaveLength(index + 1);
      expect(signed.at(-1)).toMatchObject({ purpose, state: 'OPEN', broadcast_count: 1 });
      // While it may still land, nothing else is signed on this lane.
      await keepUp();
      await road.chain.mine(1);
      await keepUp();
      expect(await chores()).toHaveLength(index + 1);
      await settle();
      expect((await chores()).at(-1)).toMatchObject({ state: 'FINAL', succeeded: true });
    }
    await keepUp();
    expect(await purposes()).toEqual(ALL);
    expect(await nextSequence()).toBe((await driver.sequences(driver.treasury)).final);
    expect(alarms()).toEqual([]);
    await road.drain();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(await road.faults()).toEqual([]);
  });

  it('is set up once by several workers', async () => {
    for (let rounds = 0; rounds < 6; rounds += 1) {
      await Promise.all([keepUp(), keepUp(), keepUp()]);
      await settle();
    }
    expect(await purposes()).toEqual(ALL);
  });

  it('is set up past a transaction that waits too long, and one that is dropped', async () => {
    await keepUp();
    road.clock.advance(PACE.replaceAfterMs);
    await road.tend();
    expect(await purposes()).toEqual(['DEPLOY', 'DEPLOY']);
    await road.chain.rpc('anvil_dropAllTransactions');
    road.clock.advance(PACE.rebroadcastAfterMs);
    await road.tend();
    await settle();
    expect(await chores()).toMatchObject([{ state: 'REPLACED' }, { state: 'FINAL' }]);
    await setUp();
    expect(await purposes()).toEqual(['DEPLOY', ...ALL]);
  });
});

describe('a worker that ends while it sets the treasury up', () => {
  const end = async (): Promise<never> => await Promise.reject(new Error('it ends here'));

  it('before it signs, before it records or before it sends: each chore is done once', async () => {
    for (let rounds = 0; rounds < ALL.length; rounds += 1) {
      const before = await chores();
      await expect(keepUp({ driver: { signChore: end } })).rejects.toThrow('it ends here');
      const { database } = road.db;
      await expect(keepUp({ database: { ...database, transaction: end } })).rejects.toThrow();
      expect(await chores()).toEqual(before);
      await expect(keepUp({ driver: { broadcast: end } })).rejects.toThrow('it ends here');
      expect((await chores()).at(-1)).toMatchObject({ state: 'OPEN', broadcast_count: 0 });
      await keepUp();
      expect(await chores()).toHaveLength(before.length + 1);
      // It is sent by whoever tends the lane.
      await road.tend();
      expect((await chores()).at(-1)).toMatchObject({ broadcast_count: 1 });
      await settle();
    }
    expect(await purposes()).toEqual(ALL);
    expect((await driver.upkeep({ taken: [] })).chores).toEqual([]);
  });

  it.each(['committed', 'rolled back'] as const)(
    'at a commit whose outcome is unknown and was %s: each chore is done once',
    async (outcome) => {
      for (let rounds = 0; rounds < ALL.length; rounds += 1) {
        const sentBefore = road.sent.length;
        await keepUp({ database: losingCommits(road.db.database, outcome) });
        expect(road.sent).toHaveLength(sentBefore);
        await keepUp();
        await road.tend();
        await settle();
      }
      expect(await purposes()).toEqual(ALL);
      expect((await driver.upkeep({ taken: [] })).chores).toEqual([]);
    },
  );

  it('after its lease has passed on signs nothing beside its heir', async () => {
    const signChore: NetworkDriver['signChore'] = async (chore, lane) => {
      const signed = await driver.signChore(chore, lane);
      road.clock.advance(PACE.leaseMs);
      await keepUp();
      return signed;
    };
    await keepUp({ driver: { signChore } });
    expect(await purposes()).toEqual(['DEPLOY']);
    expect(road.sent).toHaveLength(1);
  });
});

describe("a sequence of the treasury's account", () => {
  it('that was used elsewhere stops the network with an alarm, once', async () => {
    await setUp();
    const taken = await road.payByHand();
    await road.chain.rpc('anvil_setBalance', driver.gasAccounts[0] ?? '', '0x1');
    await road.chain.mine(1);
    await keepUp();
    // Not before it is final.
    expect(await stoppedFor()).toBeNull();
    await road.finalize();
    const before = await chores();
    await keepUp();
    await keepUp();
    expect(await stoppedFor()).toMatch(/its key was used elsewhere/);
    expect(alarms()).toEqual([expect.stringMatching(/the treasury .* its key was used elsewhere/)]);
    expect(await chores()).toEqual(before);
    expect(taken).toMatch(/^0x/);
    const payout = await road.order(1n);
    await road.submit();
    expect(await road.attempts(payout)).toEqual([]);
    await road.drain();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(await road.faults()).toEqual([]);
  });

  it('that was used elsewhere stops the network where there is no chore to do', async () => {
    await setUp();
    await road.payByHand();
    await road.finalize();
    await keepUp();
    expect(await stoppedFor()).toMatch(/the treasury .* its key was used elsewhere/);
    // One sentence, until a person has looked.
    await keepUp();
    expect(alarms()).toHaveLength(1);
    await road.adopt();
    await keepUp();
    expect(await stoppedFor()).toBeNull();
  });

  it('that was used in the place of a chore stops the lane and the network', async () => {
    const forgetful = {
      broadcast: async () => await Promise.resolve({ kind: 'accepted' } as const),
    };
    await keepUp({ driver: forgetful });
    const taken = await road.payByHand();
    await settle();
    expect(await stoppedFor()).toContain(taken);
    expect(alarms()).toEqual([expect.stringContaining(taken)]);
    expect(await chores()).toMatchObject([{ purpose: 'DEPLOY', state: 'REPLACED' }]);
    await keepUp();
    expect(await chores()).toHaveLength(1);
    await road.adopt();
    await setUp();
    expect(await purposes()).toEqual(['DEPLOY', ...ALL]);
  });

  it('that a delegation did not take is given back, and the delegation is done again', async () => {
    await keepUp();
    await settle();
    const idle = async (sequence: bigint): Promise<Hex> =>
      await mnemonicToAccount(TREASURY_MNEMONIC).signTransaction({
        type: 'eip1559',
        chainId: road.chain.chainId,
        nonce: Number(sequence),
        to: driver.treasury as Hex,
        gas: 21_000n,
        maxFeePerGas: 10n ** 12n,
        maxPriorityFeePerGas: 10n ** 11n,
      });
    // The chain passes over an authorization that is not in order, and runs the transaction.
    const signChore: NetworkDriver['signChore'] = async (chore, lane) => {
      expect(chore.purpose).toBe('DELEGATE');
      const raw = await idle(lane.sequence);
      const rawTransaction = Buffer.from(raw.slice(2), 'hex');
      return { ...lane, rawTransaction, transactionHash: keccak256(raw), spends: [] };
    };
    await keepUp({ driver: { signChore } });
    await settle();
    const { final } = await driver.sequences(driver.treasury);
    expect(await nextSequence()).toBe(final + 1n);
    await setUp();
    expect(await purposes()).toEqual(['DEPLOY', 'DELEGATE', 'DELEGATE', 'TOP_UP', 'TOP_UP']);
    expect((await chores()).map(({ sequence }) => sequence)).toEqual([0n, 1n, 2n, 4n, 5n]);
    expect(alarms()).toEqual([]);
  });

  it('is never set back below one that was used, whatever the nodes count', async () => {
    await keepUp();
    await settle();
    const behind: NetworkDriver['sequences'] = async () =>
      await Promise.resolve({ latest: 0n, final: 0n });
    await keepUp({ driver: { sequences: behind } });
    expect(await nextSequence()).toBe(1n);
    expect(await purposes()).toEqual(['DEPLOY']);
  });
});

describe('a gas account that somebody else empties', () => {
  async function emptied(): Promise<string> {
    await setUp();
    const [account = ''] = driver.gasAccounts;
    await road.chain.rpc('anvil_setBalance', account, '0x1');
    return account;
  }

  it('is not filled again: its lane stops, and the other accounts are filled', async () => {
    const account = await emptied();
    await road.chain.rpc('anvil_setBalance', driver.gasAccounts[1] ?? '', '0x1');
    await road.chain.rpc('anvil_setNonce', account, '0x1');
    await road.chain.mine(1);
    await keepUp();
    const [lane] = (await listLanes(road.db.database)).filter(({ sender }) => sender === account);
    expect(lane?.stoppedFor).toMatch(/gas account .* its key was used elsewhere/);
    expect(await purposes()).toEqual([...ALL, 'TOP_UP']);
    await settle();
    await keepUp();
    expect(await purposes()).toEqual([...ALL, 'TOP_UP']);
    expect(alarms()).toEqual([lane?.stoppedFor]);
  });

  it('is filled again once a person has looked', async () => {
    const account = await emptied();
    const { network } = driver;
    const at = road.clock.now();
    await stopLane(road.db.database, { network, sender: account, reason: 'a stranger', at });
    await keepUp();
    expect(await purposes()).toEqual(ALL);
    await road.adopt();
    await keepUp();
    expect(await purposes()).toEqual([...ALL, 'TOP_UP']);
  });
});

describe('a network whose signing has stopped', () => {
  it('has no chores done until it is resumed', async () => {
    const { network } = driver;
    const at = road.clock.now();
    await stopNetwork(road.db.database, { network, reason: 'a stranger', at });
    await keepUp();
    expect(await chores()).toEqual([]);
    expect(road.sent).toEqual([]);
    await resumeNetwork(road.db.database, { network, stoppedFor: 'a stranger', at });
    await keepUp();
    expect(await purposes()).toEqual(['DEPLOY']);
  });
});

describe('what a person should know', () => {
  it('comes before anything stops: coins run low while payouts go on', async () => {
    await setUp();
    await road.chain.rpc('anvil_setBalance', driver.treasury, toHex(10n ** 15n));
    await keepUp();
    expect(alarms()).toEqual([expect.stringMatching(/the treasury account .* is low on coins/)]);
    const payout = await road.order(1n);
    await road.submit();
    await road.finalize();
    await road.follow();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
  });
});

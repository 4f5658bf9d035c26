import { createWalletClient, http, keccak256, toHex, type Hex } from 'viem';
import { mnemonicToAccount, type HDAccount } from 'viem/accounts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { STRANGER, TREASURY_MNEMONIC } from '../../test/harness/evm-treasury.ts';
import {
  createSettlementRoad,
  losingCommits,
  PACE,
  type SettlementChanges,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import { send, testKey } from '../../test/harness/treasury-contract.ts';
import { present } from '../base/assert.ts';
import type { NetworkDriver, NewTransaction } from '../networks/network.ts';
import type { Payout } from '../payouts/payout.ts';
import type { AttemptView } from './find-attempts.ts';
import { listLanes } from './lanes.ts';

// Attempts whose carriers came to nothing. Each test has a chain of its own, whose time is the clock's.

let road: SettlementRoad;
let driver: NetworkDriver;
beforeEach(async () => {
  road = await createSettlementRoad();
  driver = road.treasury.driver;
});
afterEach(async () => {
  try {
    await road.drain();
    expect(await road.faults()).toEqual([]);
  } finally {
    await road.close();
  }
});

/** The key of a gas account, in other hands than Knit's. */
function gasKey(index: number): HDAccount {
  return mnemonicToAccount(TREASURY_MNEMONIC, { path: `m/44'/60'/1'/0/${index}` });
}

const FEES = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 11n };

/** The same call with so little gas that the chain undoes all of it. */
async function starved(
  transaction: NewTransaction,
  authority: Uint8Array,
): Promise<NewTransaction> {
  const index = driver.gasAccounts.indexOf(transaction.sender);
  const raw = await gasKey(index).signTransaction({
    type: 'eip1559',
    chainId: road.chain.chainId,
    nonce: Number(transaction.sequence),
    to: driver.treasury as Hex,
    data: toHex(authority),
    gas: 100_000n,
    ...FEES,
  });
  return {
    ...transaction,
    rawTransaction: Buffer.from(raw.slice(2), 'hex'),
    transactionHash: keccak256(raw),
  };
}

/** Signs, and carries again, with too little gas. */
const starving: Pick<NetworkDriver, 'sign' | 'carry'> = {
  sign: async (order) => {
    const signed = await driver.sign(order);
    return { ...signed, transaction: await starved(signed.transaction, signed.authority) };
  },
  carry: async (attempt, lane) =>
    await starved(await driver.carry(attempt, lane), attempt.authority),
};

const forgetful: Pick<NetworkDriver, 'broadcast'> = {
  broadcast: async () => await Promise.resolve({ kind: 'accepted' }),
};

async function attemptOf(payout: Payout): Promise<AttemptView> {
  const [attempt, ...others] = await road.attempts(payout);
  expect(others).toEqual([]);
  return present(attempt, 'something was signed');
}

async function carriersOf(payout: Payout): Promise<AttemptView['transactions']> {
  return (await attemptOf(payout)).transactions;
}

/** What is in a block is final, and each lane is tended once the time for it has come. */
async function finishAndTend(changes: SettlementChanges = {}): Promise<void> {
  await road.finalize();
  road.clock.advance(PACE.checkEveryMs);
  await road.tend(road.settlement(changes));
}

async function authorities(): Promise<string[]> {
  const rows = await road.db.database.query<{ authority: Buffer }>(
    'SELECT authority FROM settlement_attempts',
  );
  return rows.map(({ authority }) => authority.toString('hex'));
}

describe('an attempt whose carrier the chain has undone', () => {
  it('is carried again by another transaction with the same authority, and paid once', async () => {
    const payouts = [await road.order(1n), await road.order(2n)];
    const [payout] = payouts as [Payout];
    await road.submit(road.settlement({ driver: starving }));
    const signed = await authorities();
    await finishAndTend();
    const [undone, carrier, ...more] = await carriersOf(payout);
    expect([undone, ...more]).toMatchObject([{ state: 'FINAL' }]);
    expect(carrier).toMatchObject({ state: 'OPEN', broadcastCount: 1 });
    expect(await authorities()).toEqual(signed);
    for (const it of payouts) {
      const hash = carrier?.transactionHash;
      expect(await road.orderRow(it)).toMatchObject({ transaction_hash: hash, version: 2 });
    }
    await road.finalize();
    await road.follow();
    for (const it of payouts) {
      expect(await road.read(it)).toMatchObject({
        status: 'COMPLETED',
        transactionHash: carrier?.transactionHash,
      });
    }
  });

  it('is carried five times at most, and then waits for its deadline', async () => {
    const payout = await road.order(1n);
    await road.submit(road.settlement({ driver: starving }));
    for (let rounds = 0; rounds < 8; rounds += 1) await finishAndTend({ driver: starving });
    const carriers = await carriersOf(payout);
    expect(carriers.map(({ state }) => state)).toEqual(Array(5).fill('FINAL'));
    await road.follow();
    expect(await attemptOf(payout)).toMatchObject({ state: 'OPEN' });
    expect(await road.holdState(payout)).toBe('HELD');
    await road.passTime(1_000);
    await road.chain.mine(2);
    await road.follow();
    expect(await attemptOf(payout)).toMatchObject({ state: 'DEAD', fate: 'DEAD' });
  });

  it('is not kept waiting by others that cannot be carried any more', async () => {
    const worn = [];
    for (let made = 0; made < 8; made += 1) {
      worn.push(await road.order(1n));
      await road.submit(road.settlement({ driver: starving, maxBatchOrders: 1 }));
    }
    await road.finalize();
    await road.tend(road.settlement({ driver: { carry: async () => await never() } }));
    // As if each had been carried five times.
    await road.db.database.query(
      `INSERT INTO settlement_transactions
         (network, transaction_hash, sender, sequence, purpose, attempt_id, raw_transaction, state,
          broadcast_count, block_number, block_hash, succeeded, fee_units, created_at, updated_at)
       SELECT network, left(transaction_hash, 62) || 'eee' || n, sender, 1000 * n + sequence, purpose, attempt_id,
         raw_transaction, state, 1, block_number, block_hash, succeeded, fee_units, created_at,
         updated_at
       FROM settlement_transactions, generate_series(1, 4) AS n WHERE purpose = 'CARRY'`,
    );
    const payout = await road.order(1n);
    await road.submit(road.settlement({ driver: starving }));
    await finishAndTend();
    expect(await carriersOf(payout)).toMatchObject([{ state: 'FINAL' }, { state: 'OPEN' }]);
    for (const it of worn) expect(await carriersOf(it)).toHaveLength(5);
    await road.passTime(1_000);
  });

  it('is not carried near or past its deadline', async () => {
    const payout = await road.order(1n);
    await road.submit(road.settlement({ driver: starving }));
    const { validUntil } = await attemptOf(payout);
    await road.finalize();
    const leftMs = present(validUntil, 'it expires').getTime() - road.clock.now().getTime();
    road.clock.advance(leftMs - PACE.replaceAfterMs);
    await road.tend();
    expect(await carriersOf(payout)).toHaveLength(1);
    // A clock that is wrong carries nothing late either: the driver looks at the chain's time.
    road.clock.advance(-leftMs + PACE.replaceAfterMs + PACE.checkEveryMs);
    await road.passTime(1_000);
    await road.tend();
    expect(await carriersOf(payout)).toHaveLength(1);
    await road.chain.mine(2);
  });

  it('is not carried while nobody is sure of it', async () => {
    const payout = await road.order(1n);
    await road.submit(road.settlement({ driver: starving }));
    const status: NetworkDriver['status'] = async () =>
      await Promise.resolve({ kind: 'unknown', reason: 'silence' });
    for (let rounds = 0; rounds < 3; rounds += 1) await finishAndTend({ driver: { status } });
    expect(await carriersOf(payout)).toMatchObject([{ state: 'FINAL' }]);
  });

  it('is carried by one of two workers', async () => {
    const payout = await road.order(1n);
    await road.submit(road.settlement({ driver: starving }));
    await road.finalize();
    road.clock.advance(PACE.checkEveryMs);
    const other = road.settlement();
    const carry: NetworkDriver['carry'] = async (attempt, lane) => {
      const signed = await driver.carry(attempt, lane);
      // On the other lane, while this one is held.
      await road.tend(other);
      return signed;
    };
    await road.tend(road.settlement({ driver: { carry } }));
    expect(await carriersOf(payout)).toHaveLength(2);
  });

  it('and that has ended meanwhile is not carried', async () => {
    const payout = await road.order(1n);
    await road.submit(road.settlement({ driver: starving }));
    await road.finalize();
    road.clock.advance(PACE.checkEveryMs);
    const carry: NetworkDriver['carry'] = async (attempt, lane) => {
      const signed = await driver.carry(attempt, lane);
      await submitAsStranger(payout);
      await road.finalize();
      await road.follow();
      return signed;
    };
    await road.tend(road.settlement({ driver: { carry } }));
    expect(await carriersOf(payout)).toHaveLength(1);
  });

  it.each(['committed', 'rolled back'] as const)(
    'whose new carrier is of an unknown commit that was %s is paid once',
    async (outcome) => {
      const payout = await road.order(1n);
      await road.submit(road.settlement({ driver: starving }));
      await road.finalize();
      await road.tend(road.settlement());
      expect(await carriersOf(payout)).toMatchObject([{ state: 'FINAL' }]);
      road.clock.advance(PACE.checkEveryMs);
      const sentBefore = road.sent.length;
      const database = losingCommits(road.db.database, outcome);
      await road.tend(road.settlement({ database }));
      expect(road.sent).toHaveLength(sentBefore);
      await road.tend();
      expect(await carriersOf(payout)).toHaveLength(2);
    },
  );
});

describe("a stranger's transaction in a gas account's place", () => {
  it('stops that lane with an alarm; others go on, and what it should have carried is paid once', async () => {
    const [first = '', second = ''] = driver.gasAccounts;
    const payout = await road.order(1n);
    await road.submit(road.settlement({ driver: { ...forgetful, gasAccounts: [first] } }));
    const account = gasKey(0);
    expect(account.address).toBe(first);
    const wallet = createWalletClient({ account, transport: http(road.chain.rpcUrl) });
    const stranger = await wallet.sendTransaction({
      chain: null,
      to: STRANGER,
      gas: 21_000n,
      ...FEES,
    });
    await road.chain.mine(1);
    const logged = road.log.length;
    await road.tend();
    // Not before it is final.
    expect(await carriersOf(payout)).toMatchObject([{ state: 'OPEN' }]);
    await road.chain.mine(2);
    road.clock.advance(PACE.checkEveryMs);
    await road.tend();
    const alarms = road.log.slice(logged).filter(({ fields }) => fields['alarm'] === true);
    expect(alarms.map(({ message }) => message)).toEqual([expect.stringContaining(stranger)]);
    const lanes = await listLanes(road.db.database);
    expect(lanes.filter(({ stoppedFor }) => stoppedFor !== null)).toMatchObject([
      { sender: first, stoppedFor: expect.stringContaining(stranger) as string },
    ]);
    expect(await carriersOf(payout)).toMatchObject([
      { state: 'REPLACED', sender: first },
      { state: 'OPEN', sender: second },
    ]);
    const other = await road.order(2n);
    await road.submit();
    expect(await carriersOf(other)).toMatchObject([{ sender: second }]);
    await road.finalize();
    await road.follow();
    for (const it of [payout, other]) {
      expect(await road.read(it)).toMatchObject({ status: 'COMPLETED' });
    }
  });
});

/** Anyone may bring what the treasury has signed. */
async function submitAsStranger(payout: Payout): Promise<void> {
  const { fence } = await attemptOf(payout);
  const [row] = await road.db.database.query<{ authority: Buffer }>(
    'SELECT authority FROM settlement_attempts WHERE fence = $1',
    [fence],
  );
  const key = testKey(7);
  await road.chain.rpc('anvil_setBalance', key.address, toHex(10n ** 20n));
  const data = toHex(present(row, 'it is recorded').authority);
  const receipt = await send(road.chain, key, { to: driver.treasury as Hex, data });
  expect(receipt.succeeded).toBe(true);
}

describe('a batch that a stranger submits first', () => {
  it('is final all the same; our carrier comes too late and ends as that', async () => {
    const payout = await road.order(1n);
    await road.submit(road.settlement({ driver: forgetful }));
    await submitAsStranger(payout);
    await road.chain.rpc('eth_sendRawTransaction', `0x${road.sent.at(-1)}`);
    await road.finalize();
    await road.follow();
    await road.tend();
    const attempt = await attemptOf(payout);
    expect(attempt).toMatchObject({ state: 'LANDED', fate: 'PAID' });
    const [carrier, ...more] = attempt.transactions;
    expect(more).toEqual([]);
    expect(carrier?.state).toBe('FINAL');
    expect(attempt.transactionHash).not.toBe(carrier?.transactionHash);
    const [row] = await road.db.database.query(
      'SELECT succeeded FROM settlement_transactions WHERE transaction_hash = $1',
      [carrier?.transactionHash],
    );
    expect(row).toEqual({ succeeded: false });
    expect(await road.read(payout)).toMatchObject({
      status: 'COMPLETED',
      transactionHash: attempt.transactionHash,
    });
  });
});

async function never(): Promise<never> {
  return await Promise.reject(new Error('nothing is carried now'));
}

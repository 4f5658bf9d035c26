import { parseTransaction } from 'viem';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  losingCommits,
  PACE,
  type LogLine,
  type SettlementChanges,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import { assert, present } from '../base/assert.ts';
import type { NetworkDriver } from '../networks/network.ts';
import type { Payout } from '../payouts/payout.ts';
import { acceptOrders } from './accept-orders.ts';
import type { TransactionView } from './find-attempts.ts';
import { listLanes, stopLane } from './lanes.ts';
import { settlePayouts } from './settle-payout.ts';
import type { Settlement } from './settlement.ts';
import { submitPayouts } from './submit-payouts.ts';

// How lanes are kept moving, on a real database and a real chain whose blocks the test makes.

let road: SettlementRoad;
let driver: NetworkDriver;
let gasAccount: string;
beforeAll(async () => {
  road = await createSettlementRoad();
  driver = road.treasury.driver;
  gasAccount = present(driver.gasAccounts[0], 'there is a gas account');
});
afterAll(async () => {
  await road.close();
});
afterEach(async () => {
  await road.drain();
  expect(await road.faults()).toEqual([]);
});

/** A worker with one lane, on which each payout has a transaction of its own. */
function oneLane(changes: SettlementChanges = {}): Settlement {
  return road.settlement({
    maxBatchOrders: 1,
    ...changes,
    driver: { gasAccounts: [gasAccount], ...changes.driver },
  });
}

/** So many payouts, each signed and sent, on one lane. */
async function inLane(count: number, worker = oneLane()): Promise<Payout[]> {
  const payouts: Payout[] = [];
  for (let made = 0; made < count; made += 1) payouts.push(await road.order(1n));
  await acceptOrders(worker);
  for (let made = 0; made < count; made += 1) expect(await submitPayouts(worker)).toBe(1);
  await settlePayouts(worker);
  return payouts;
}

/** Those that carry the payout's only attempt, oldest first. */
async function carriersOf(payout: Payout | undefined): Promise<readonly TransactionView[]> {
  const [attempt, ...others] = await road.attempts(present(payout, 'there is such a payout'));
  expect(others).toEqual([]);
  return present(attempt, 'something was signed').transactions;
}

async function bytesOf(hash: string | undefined): Promise<string> {
  const rows = await road.db.database.query<{ raw_transaction: Buffer }>(
    'SELECT raw_transaction FROM settlement_transactions WHERE transaction_hash = $1',
    [hash],
  );
  return present(rows[0], 'it is recorded').raw_transaction.toString('hex');
}

function read(raw: string | undefined) {
  const { nonce, to, data, gas, maxFeePerGas, maxPriorityFeePerGas } = parseTransaction(
    `0x${raw ?? ''}`,
  );
  const fees = { maxFee: maxFeePerGas ?? 0n, tip: maxPriorityFeePerGas ?? 0n };
  return { call: { nonce, to, data, gas }, fees };
}

/** What a tender sends when the time has come, in order. */
async function sentBy(tending: () => Promise<void>): Promise<string[]> {
  const before = road.sent.length;
  await tending();
  return road.sent.slice(before);
}

async function alarmsOf(work: () => Promise<void>): Promise<LogLine[]> {
  const before = road.log.length;
  await work();
  return road.log.slice(before).filter(({ fields }) => fields['alarm'] === true);
}

describe('transactions in no block', () => {
  it('are sent again as they are, in the order of their sequences, and not before the time', async () => {
    const worker = oneLane();
    const payouts = await inLane(3, worker);
    await road.chain.rpc('anvil_dropAllTransactions');
    const bytes = road.sent.slice(-3);
    road.clock.advance(PACE.rebroadcastAfterMs - 1);
    expect(await sentBy(async () => await road.tend(worker))).toEqual([]);
    road.clock.advance(1);
    expect(await sentBy(async () => await road.tend(worker))).toEqual(bytes);
    expect(bytes.map((raw) => read(raw).call.nonce)).toEqual(
      bytes.map((_, index) => Number(read(bytes[0]).call.nonce) + index),
    );
    expect(await sentBy(async () => await road.tend(worker))).toEqual([]);
    for (const payout of payouts) {
      expect(await carriersOf(payout)).toMatchObject([{ state: 'OPEN', broadcastCount: 2 }]);
    }
  });

  it('are sent again at once where a reorganisation drops them, in their order', async () => {
    const worker = oneLane();
    const payouts = await inLane(2, worker);
    const bytes = road.sent.slice(-2);
    await road.chain.mine(1);
    expect(await sentBy(async () => await road.tend(worker))).toEqual([]);
    for (const payout of payouts) {
      expect((await carriersOf(payout))[0]?.blockHash).toMatch(/^0x/);
    }
    await road.chain.reorg(1);
    expect(await sentBy(async () => await road.tend(worker))).toEqual(bytes);
    for (const payout of payouts) {
      expect(await carriersOf(payout)).toMatchObject([{ state: 'OPEN', blockHash: null }]);
    }
  });
});

describe('a transaction that took its sequence', () => {
  it('is in a block, then final with what it cost', async () => {
    const worker = oneLane();
    const [payout] = await inLane(1, worker);
    await road.chain.mine(1);
    await road.tend(worker);
    const [included] = await carriersOf(payout);
    expect(included).toMatchObject({ state: 'OPEN' });
    await road.chain.mine(2);
    await road.tend(worker);
    expect(await carriersOf(payout)).toMatchObject([
      { state: 'FINAL', blockHash: included?.blockHash },
    ]);
    const receipt = (await road.chain.rpc(
      'eth_getTransactionReceipt',
      present(included, 'it is recorded').transactionHash,
    )) as { gasUsed: string; effectiveGasPrice: string };
    const [row] = await road.db.database.query(
      'SELECT succeeded, fee_units FROM settlement_transactions WHERE transaction_hash = $1',
      [included?.transactionHash],
    );
    expect(row).toEqual({
      succeeded: true,
      fee_units: BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice),
    });
  });

  it('and cannot be tended is told with an alarm, and those behind it are ended', async () => {
    const payouts = await inLane(2);
    await road.finalize();
    const [first] = await carriersOf(payouts[0]);
    const worker = oneLane({
      driver: {
        track: async (transaction) => {
          assert(transaction.transactionHash !== first?.transactionHash, 'poison');
          return await driver.track(transaction);
        },
      },
    });
    const alarms = await alarmsOf(async () => await road.tend(worker));
    expect(alarms.map(({ fields }) => fields['transactionHash'])).toEqual([first?.transactionHash]);
    expect(await carriersOf(payouts[0])).toMatchObject([{ state: 'OPEN' }]);
    expect(await carriersOf(payouts[1])).toMatchObject([{ state: 'FINAL' }]);
  });
});

describe('a sequence of which one version is not known for certain', () => {
  it('is left as it is, and nobody is blamed', async () => {
    const [payout] = await inLane(1);
    road.clock.advance(PACE.replaceAfterMs);
    await road.tend(oneLane());
    const [, newest] = await carriersOf(payout);
    await road.finalize();
    const unsure = oneLane({
      driver: {
        track: async (transaction) =>
          transaction.transactionHash === newest?.transactionHash
            ? { kind: 'unknown', reason: 'silence' }
            : await driver.track(transaction),
      },
    });
    expect(await alarmsOf(async () => await road.tend(unsure))).toEqual([]);
    expect(await carriersOf(payout)).toMatchObject([{ state: 'OPEN' }, { state: 'OPEN' }]);
    await road.tend(oneLane());
    expect(await carriersOf(payout)).toMatchObject([{ state: 'REPLACED' }, { state: 'FINAL' }]);
  });
});

describe('the first of a lane that waits too long', () => {
  it('is signed again at a higher fee; those behind it are only sent again', async () => {
    const worker = oneLane();
    const [head, behind] = await inLane(2, worker);
    const [first = '', second = ''] = road.sent.slice(-2);
    road.clock.advance(PACE.replaceAfterMs);
    const sent = await sentBy(async () => await road.tend(worker));
    const [old, newest, ...more] = await carriersOf(head);
    const replacement = await bytesOf(newest?.transactionHash);
    expect(more).toEqual([]);
    expect(sent).toEqual([first, replacement, second]);
    expect(await carriersOf(behind)).toMatchObject([{ state: 'OPEN', broadcastCount: 2 }]);
    const [before, after] = [read(first), read(replacement)];
    expect(after.call).toEqual(before.call);
    expect(after.fees.maxFee * 8n).toBeGreaterThanOrEqual(before.fees.maxFee * 9n);
    expect(after.fees.tip * 8n).toBeGreaterThanOrEqual(before.fees.tip * 9n);
    expect(await bytesOf(old?.transactionHash)).toBe(first);
    // The payout hears of it.
    expect(await road.orderRow(head as Payout)).toMatchObject({
      state: 'IN_FLIGHT',
      transaction_hash: newest?.transactionHash,
      version: 2,
    });
    await settlePayouts(worker);
    expect(await road.read(head as Payout)).toMatchObject({
      status: 'PROCESSING',
      transactionHash: newest?.transactionHash,
    });
    // Not again before its own time, which is twice as long.
    road.clock.advance(2 * PACE.replaceAfterMs - 1);
    await road.tend(worker);
    expect(await carriersOf(head)).toHaveLength(2);
    road.clock.advance(1);
    await road.tend(worker);
    const third = (await carriersOf(head))[2];
    expect(read(await bytesOf(third?.transactionHash)).fees.tip * 8n).toBeGreaterThanOrEqual(
      after.fees.tip * 9n,
    );
  });

  it.each(['the first', 'the second'] as const)('pays once where %s lands', async (which) => {
    const worker = oneLane();
    const [payout] = await inLane(1, worker);
    road.clock.advance(PACE.replaceAfterMs);
    await road.tend(worker);
    const carriers = await carriersOf(payout);
    expect(carriers).toHaveLength(2);
    const landed = carriers[which === 'the first' ? 0 : 1];
    await road.chain.rpc('anvil_dropAllTransactions');
    await road.chain.rpc('eth_sendRawTransaction', `0x${await bytesOf(landed?.transactionHash)}`);
    await road.finalize();
    await road.follow(worker);
    await road.tend(worker);
    expect(await road.read(payout as Payout)).toMatchObject({
      status: 'COMPLETED',
      transactionHash: landed?.transactionHash,
    });
    const states = (await carriersOf(payout)).map(({ state }) => state);
    expect(states).toEqual(which === 'the first' ? ['FINAL', 'REPLACED'] : ['REPLACED', 'FINAL']);
  });

  it('at the ceiling raises an alarm and waits; nothing more is signed', async () => {
    const [payout] = await inLane(1);
    const { maxFee } = read(road.sent.at(-1)).fees;
    const feePolicy = { tipFloorWei: 1n, tipCeilingWei: maxFee, maxFeeCeilingWei: maxFee };
    const poor = road.treasury.driverWith({ feePolicy });
    const frugal = oneLane({
      driver: { replace: async (...asked) => await poor.replace(...asked) },
    });
    road.clock.advance(PACE.replaceAfterMs);
    const alarms = await alarmsOf(async () => {
      expect(await sentBy(async () => await road.tend(frugal))).toEqual([road.sent.at(-1)]);
    });
    expect(alarms.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^a lane waits: .*ceiling/),
    ]);
    expect(await carriersOf(payout)).toHaveLength(1);
    expect((await listLanes(road.db.database)).every((lane) => lane.holderId === null)).toBe(true);
  });

  it('is sent later where it was recorded and the node did not answer', async () => {
    const [payout] = await inLane(1);
    road.clock.advance(PACE.replaceAfterMs);
    let sendings = 0;
    // The old bytes are sent again first.
    const broadcast: NetworkDriver['broadcast'] = async (raw) => {
      sendings += 1;
      assert(sendings === 1, 'the process ends here');
      return await driver.broadcast(raw);
    };
    await road.tend(oneLane({ driver: { broadcast } }));
    const [old, newest] = await carriersOf(payout);
    expect(newest).toMatchObject({ broadcastCount: 0 });
    // The older version too: the account may not be able to pay the newer one any more.
    expect(await sentBy(async () => await road.tend(oneLane()))).toEqual([
      await bytesOf(old?.transactionHash),
      await bytesOf(newest?.transactionHash),
    ]);
  });

  it.each(['committed', 'rolled back'] as const)(
    'whose record is unknown and was %s pays once, and is not sent before it is recorded',
    async (outcome) => {
      const [payout] = await inLane(1);
      const first = road.sent.at(-1);
      road.clock.advance(PACE.replaceAfterMs);
      const unsure = oneLane({ database: losingCommits(road.db.database, outcome) });
      expect(await sentBy(async () => await road.tend(unsure))).toEqual([first]);
      expect(await carriersOf(payout)).toHaveLength(outcome === 'committed' ? 2 : 1);
      await road.tend(oneLane());
      const carriers = await carriersOf(payout);
      expect(carriers).toHaveLength(2);
      expect(road.sent.at(-1)).toBe(await bytesOf(carriers[1]?.transactionHash));
    },
  );
});

describe('two workers who tend one lane', () => {
  it('at once replace its first transaction once', async () => {
    const [payout] = await inLane(1);
    road.clock.advance(PACE.replaceAfterMs);
    await Promise.all([1, 2, 3].map(async () => await road.tend(oneLane())));
    expect(await carriersOf(payout)).toHaveLength(2);
  });

  it('one of which has lost the lane: its replacement is thrown away', async () => {
    const [payout] = await inLane(1);
    road.clock.advance(PACE.replaceAfterMs);
    const replace: NetworkDriver['replace'] = async (transaction, by) => {
      const signed = await driver.replace(transaction, by, { taken: [] });
      road.clock.advance(PACE.leaseMs);
      await road.tend(oneLane());
      return signed;
    };
    const sent = await sentBy(async () => await road.tend(oneLane({ driver: { replace } })));
    const carriers = await carriersOf(payout);
    expect(carriers).toHaveLength(2);
    expect(sent.at(-1)).toBe(await bytesOf(carriers[1]?.transactionHash));
  });

  it('one of which stops it: what the other has signed meanwhile is thrown away', async () => {
    const [payout] = await inLane(1);
    road.clock.advance(PACE.replaceAfterMs);
    const lane = { network: driver.network, sender: gasAccount };
    const replace: NetworkDriver['replace'] = async (transaction, by) => {
      const signed = await driver.replace(transaction, by, { taken: [] });
      const stop = { ...lane, reason: 'a stranger', at: road.clock.now() };
      await stopLane(road.db.database, stop);
      return signed;
    };
    await road.tend(oneLane({ driver: { replace } }));
    expect(await carriersOf(payout)).toHaveLength(1);
  });

  /** Has listed what is open, and comes to act on it only after `meanwhile`. */
  function lateBy(meanwhile: () => Promise<void>): Settlement {
    const tipFloorWei = 10n ** 11n;
    const dearer = road.treasury.driverWith({
      feePolicy: { tipFloorWei, tipCeilingWei: tipFloorWei, maxFeeCeilingWei: 10n ** 13n },
    });
    const sequences: NetworkDriver['sequences'] = async (sender) => {
      const counts = await driver.sequences(sender);
      if (sender === gasAccount) await meanwhile();
      return counts;
    };
    // Other fees, so that it does not come to the very bytes of the other.
    const replace: NetworkDriver['replace'] = async (transaction, by) =>
      await dearer.replace(transaction, by, { taken: [] });
    return oneLane({ driver: { sequences, replace } });
  }

  it('one of which is late: what the other has replaced is not replaced beside it', async () => {
    const [payout] = await inLane(1);
    road.clock.advance(PACE.replaceAfterMs);
    await road.tend(lateBy(async () => await road.tend(oneLane())));
    expect(await carriersOf(payout)).toHaveLength(2);
  });

  it('one of which is late: what the other has ended is not replaced, and is no stranger', async () => {
    const [payout] = await inLane(1);
    road.clock.advance(PACE.replaceAfterMs);
    const late = lateBy(async () => {
      await road.finalize();
      await road.tend(oneLane());
    });
    const alarms = await alarmsOf(async () => {
      await road.tend(late);
      await road.tend(oneLane());
    });
    expect(alarms).toEqual([]);
    expect(await carriersOf(payout)).toMatchObject([{ state: 'FINAL' }]);
    expect((await listLanes(road.db.database)).every((lane) => lane.stoppedFor === null)).toBe(
      true,
    );
  });
});

describe('the place of a transaction whose attempt has ended', () => {
  it('is filled with nothing, and the payouts behind it go on', async () => {
    const short = road.treasury.driverWith({ lifetimeSeconds: 20n });
    const forgetful = oneLane({
      driver: {
        sign: async (order) => await short.sign(order),
        broadcast: async () => await Promise.resolve({ kind: 'accepted' }),
      },
    });
    const [dying] = (await inLane(2, forgetful)) as [Payout, Payout];
    const worker = oneLane();
    const [behind] = await inLane(1, worker);
    await road.passTime(30);
    await road.chain.mine(2);
    await road.follow(worker);
    expect((await road.attempts(dying))[0]).toMatchObject({ state: 'DEAD' });
    road.clock.advance(PACE.rebroadcastAfterMs);
    // Only the first place can be filled: the next one waits for it.
    await road.tend(worker);
    expect(await fills()).toMatchObject([{ state: 'OPEN' }]);
    await road.chain.mine(1);
    await road.tend(worker);
    expect(await fills()).toHaveLength(2);
    const { call, fees } = read(await bytesOf(String((await fills())[0]?.['transaction_hash'])));
    expect(call).toMatchObject({ to: gasAccount.toLowerCase(), data: undefined, gas: 21_000n });
    expect(fees.tip).toBeGreaterThan(0n);
    await road.finalize();
    await road.follow(worker);
    await road.tend(worker);
    expect(await fills()).toMatchObject([{ state: 'FINAL' }, { state: 'FINAL' }]);
    expect(await carriersOf(behind)).toMatchObject([{ state: 'FINAL' }]);
    expect(await road.read(behind as Payout)).toMatchObject({ status: 'COMPLETED' });
    expect((await road.attempts(dying))[0]?.transactions).toMatchObject([{ state: 'REPLACED' }]);
  });

  async function fills() {
    return await road.db.database.query(
      `SELECT transaction_hash, state FROM settlement_transactions
       WHERE purpose = 'FILL' ORDER BY sequence`,
    );
  }
});

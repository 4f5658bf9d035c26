import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createSettlementRoad,
  losingCommits,
  PACE,
  type SettlementRoad,
} from '../../test/harness/settlement-road.ts';
import type { NetworkDriver, Sighting } from '../networks/network.ts';
import type { Payout } from '../payouts/payout.ts';
import { confirmPayouts } from './confirm-payouts.ts';
import { findNetworkState } from './network-state.ts';
import { settlePayouts } from './settle-payout.ts';

let road: SettlementRoad;
let driver: NetworkDriver;
beforeAll(async () => {
  road = await createSettlementRoad();
  driver = road.treasury.driver;
});
afterAll(async () => {
  await road.close();
});
afterEach(async () => {
  await road.drain();
  expect(await road.faults()).toEqual([]);
});

/** A driver that says it sent, and does not: the node took the bytes and forgot them. */
const forgetful: Partial<NetworkDriver> = {
  broadcast: async () => await Promise.resolve({ kind: 'accepted' }),
};

async function expectOpen(payout: Payout): Promise<void> {
  expect(await road.read(payout)).toMatchObject({ status: 'PROCESSING', info: null });
  expect(await road.orderRow(payout)).toMatchObject({ state: 'IN_FLIGHT' });
  expect((await road.attempts(payout)).at(-1)).toMatchObject({ state: 'OPEN', fate: 'OPEN' });
  expect(await road.holdState(payout)).toBe('HELD');
}

async function statusesOf(payout: Payout): Promise<string[]> {
  const rows = await road.db.database.query<{ status: string }>(
    'SELECT status FROM payout_changes WHERE payout_id = $1 ORDER BY number',
    [payout.payoutId],
  );
  return rows.map(({ status }) => status);
}

describe('a transfer that the token refuses on chain', () => {
  /** Sends nothing at first; what was signed lands only after `meanwhile`. */
  async function landAfter(payouts: Payout[], meanwhile: () => Promise<void>): Promise<void> {
    await road.submit();
    await road.follow();
    for (const payout of payouts) await expectOpen(payout);
    await road.chain.rpc('anvil_dropAllTransactions');
    await meanwhile();
    await road.chain.rpc('eth_sendRawTransaction', `0x${road.sent.at(-1)}`);
    await road.chain.mine(1);
    await road.follow();
    for (const payout of payouts) await expectOpen(payout);
    await road.chain.mine(2);
    await road.follow();
  }

  it('is FAILED with a proof and a plain reason once it is final; the others of its batch are paid', async () => {
    const payouts = [
      await road.order(5n, 'USDC'),
      await road.order(6n, 'USDC'),
      await road.order(7n, 'USDC'),
    ];
    const [first, payout, last] = payouts as [Payout, Payout, Payout];
    await landAfter(payouts, async () => {
      await road.chain.setBlacklisted('USDC', payout.toAddress, true);
    });
    const info = 'The recipient address is blacklisted by the issuer of USDC.';
    const [attempt, ...others] = await road.attempts(payout);
    expect(others).toEqual([]);
    expect(attempt).toMatchObject({ state: 'LANDED', fate: 'REFUSED', reason: info });
    expect(attempt?.proof).toMatchObject({ transactionHash: attempt?.transactionHash });
    expect(await road.orderRow(payout)).toMatchObject({ state: 'REFUSED' });
    expect(await road.read(payout)).toMatchObject({
      status: 'FAILED',
      info,
      transactionHash: attempt?.transactionHash,
    });
    expect(await road.holdState(payout)).toBe('RELEASED');
    expect(await statusesOf(payout)).toEqual(['PENDING', 'PROCESSING', 'FAILED']);
    for (const paid of [first, last]) {
      expect(await road.read(paid)).toMatchObject({ status: 'COMPLETED' });
      expect(await road.holdState(paid)).toBe('POSTED');
    }
  });

  it('goes back to the queue where it is no doing of the recipient, and is paid later', async () => {
    const payouts = [await road.order(5n, 'USDC'), await road.order(6n, 'USDC')];
    await landAfter(payouts, async () => await road.chain.pauseToken('USDC', true));
    for (const payout of payouts) {
      expect((await road.attempts(payout))[0]).toMatchObject({ state: 'LANDED', fate: 'DEAD' });
      expect(await road.orderRow(payout)).toMatchObject({ state: 'QUEUED', fence: null });
      expect(await road.read(payout)).toMatchObject({ status: 'PROCESSING', info: null });
      expect(await road.holdState(payout)).toBe('HELD');
    }
    await road.chain.pauseToken('USDC', false);
  });
});

describe('an attempt whose time is over', () => {
  it('is dead with proof, and its payouts are signed anew under another fence', async () => {
    const payout = await road.order(1n);
    const worker = road.settlement({
      driver: { ...forgetful, ...shortLived() },
    });
    await road.submit(worker);
    await road.follow(worker);
    await expectOpen(payout);
    await road.passTime(30);
    await road.follow(worker);
    // Its time is over, and that is not final yet.
    await expectOpen(payout);
    await road.chain.mine(2);
    await road.follow(worker);
    const [dead] = await road.attempts(payout);
    expect(dead).toMatchObject({ state: 'DEAD', fate: 'DEAD' });
    expect(dead?.proof).toMatchObject({ deadline: expect.anything() as unknown });
    expect(await road.orderRow(payout)).toMatchObject({ state: 'QUEUED', fence: null });
    expect(await road.read(payout)).toMatchObject({ status: 'PROCESSING' });
    expect(await road.holdState(payout)).toBe('HELD');
    await road.submit();
    const again = await road.attempts(payout);
    expect(again).toHaveLength(2);
    expect(again[1]).toMatchObject({ state: 'OPEN' });
    expect(again[1]?.fence).not.toBe(dead?.fence);
    await road.follow();
    expect(await road.read(payout)).toMatchObject({ transactionHash: again[1]?.transactionHash });
    expect(await statusesOf(payout)).toEqual(['PENDING', 'PROCESSING', 'PROCESSING']);
    // The bytes of the dead one come late: the chain refuses what they carry.
    await road.chain.rpc('eth_sendRawTransaction', `0x${road.sent.at(-2)}`);
  });

  function shortLived(): Pick<NetworkDriver, 'sign'> {
    const short = road.treasury.driverWith({ lifetimeSeconds: 20n });
    return { sign: async (order) => await short.sign(order) };
  }
});

describe('a fence that was spent by something else', () => {
  it('kills the attempt, raises an alarm and stops the network until a person has looked', async () => {
    const payout = await road.order(1n);
    const later = await road.order(2n);
    await road.submit(road.settlement({ driver: forgetful, maxBatchOrders: 1 }));
    const [attempt] = await road.attempts(payout);
    const takenBy = `0x${'5'.repeat(64)}`;
    const status: NetworkDriver['status'] = async () =>
      await Promise.resolve({ kind: 'dead', reason: 'spent', proof: { takenBy }, takenBy });
    const alarmsBefore = road.log.filter(({ fields }) => fields['alarm'] === true).length;
    await road.follow(road.settlement({ driver: { status } }));
    expect((await road.attempts(payout))[0]).toMatchObject({ state: 'DEAD', fate: 'DEAD' });
    const alarms = road.log.filter(({ fields }) => fields['alarm'] === true).slice(alarmsBefore);
    expect(alarms.map(({ message }) => message)).toEqual([expect.stringContaining(takenBy)]);
    const state = await findNetworkState(road.db.database, driver.network);
    expect(state?.stoppedFor).toContain(takenBy);
    road.clock.advance(PACE.leaseMs);
    await road.submit();
    expect(await road.attempts(payout)).toHaveLength(1);
    expect(await road.attempts(later)).toEqual([]);
    await road.adopt();
    await road.submit();
    const again = await road.attempts(payout);
    expect(again).toHaveLength(2);
    expect(again[1]?.fence).not.toBe(attempt?.fence);
  });
});

describe('a block that the chain leaves', () => {
  it('is forgotten, and the same bytes are sent again and land once', async () => {
    const payout = await road.order(3n);
    await road.submit();
    await road.chain.mine(1);
    await road.follow();
    await road.tend();
    const [included] = await road.attempts(payout);
    expect(included?.blockHash).toMatch(/^0x/);
    expect(included?.transactions[0]?.blockHash).toBe(included?.blockHash);
    const sentBefore = road.sent.length;
    await road.chain.reorg(1);
    await road.follow();
    await road.tend();
    await expectOpen(payout);
    const [gone] = await road.attempts(payout);
    expect(gone).toMatchObject({ blockHash: null, blockNumber: null });
    expect(gone?.transactions).toMatchObject([{ blockHash: null, state: 'OPEN' }]);
    expect(road.sent.slice(sentBefore)).toEqual([road.sent[sentBefore - 1]]);
    await road.finalize();
    await road.follow();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(await statusesOf(payout)).toEqual(['PENDING', 'PROCESSING', 'COMPLETED']);
  });
});

describe('a chain that does not answer', () => {
  const answers: readonly (readonly [string, NetworkDriver['status']])[] = [
    ['throws', async () => await Promise.reject(new Error('no answer'))],
    ['says unknown', async () => await Promise.resolve({ kind: 'unknown', reason: 'silence' })],
    ['says unseen', async () => await Promise.resolve({ kind: 'unseen' })],
    ['says waiting', async () => await Promise.resolve({ kind: 'waiting' })],
  ];
  it.each(answers)('and %s for ever ends nothing', async (_, status) => {
    const payout = await road.order(3n);
    await road.submit();
    await road.finalize();
    const worker = road.settlement({ driver: { status } });
    for (let days = 0; days < 30; days += 1) {
      road.clock.advance(24 * 3_600_000);
      await road.submit(worker);
      await road.follow(worker);
    }
    await expectOpen(payout);
    expect(await road.attempts(payout)).toHaveLength(1);
  });

  it('unknown forgets no block', async () => {
    const payout = await road.order(3n);
    await road.submit();
    await road.chain.mine(1);
    await road.follow();
    const { blockHash } = (await road.attempts(payout))[0] ?? {};
    expect(blockHash).toMatch(/^0x/);
    const status: NetworkDriver['status'] = async () =>
      await Promise.resolve({ kind: 'unknown', reason: 'silence' });
    await road.follow(road.settlement({ driver: { status } }));
    expect((await road.attempts(payout))[0]?.blockHash).toBe(blockHash);
  });

  it('and no node is there: nothing changes, and it heals', async () => {
    const payout = await road.order(3n);
    await road.submit();
    await road.finalize();
    const unreachable = road.treasury.driverWith({ rpcUrls: ['http://127.0.0.1:9'] });
    await road.follow(road.settlement({ driver: unreachable }));
    await expectOpen(payout);
  });
});

describe('an answer that is not of this attempt', () => {
  const block = { number: 1n, hash: '0x01' };
  const paid = (payoutId: string): Extract<Sighting, { kind: 'final' }>['fates'][number] => ({
    kind: 'paid',
    payoutId,
    proof: {},
  });
  const stranger = '01890000-0000-7000-8000-000000000000';
  const lies: readonly (readonly [string, (payoutId: string) => ReturnType<typeof paid>[]])[] = [
    ['no fate', () => []],
    ['the fate of another', () => [paid(stranger)]],
    ['two fates of one', (payoutId) => [paid(payoutId), paid(payoutId)]],
  ];
  it.each(lies)('with %s ends nothing', async (_, fatesOf) => {
    const payout = await road.order(3n);
    await road.submit();
    const status: NetworkDriver['status'] = async () =>
      await Promise.resolve({
        kind: 'final',
        transactionHash: `0x${'7'.repeat(64)}`,
        block,
        feeUnits: 1n,
        fates: fatesOf(payout.payoutId),
      });
    await road.follow(road.settlement({ driver: { status } }));
    await expectOpen(payout);
  });
});

describe('two who follow one attempt', () => {
  it('at once settle it once', async () => {
    const payout = await road.order(3n);
    await road.submit();
    await road.finalize();
    road.clock.advance(PACE.checkEveryMs);
    const logged = road.log.length;
    const seen: (() => void)[] = [];
    // Each waits, having seen that it is final, until the other has seen it too.
    const reach = async (checkpoint: string): Promise<void> => {
      if (checkpoint !== 'seen-final') return;
      await new Promise<void>((resolve) => {
        seen.push(resolve);
        if (seen.length === 2) for (const go of seen) go();
      });
    };
    const first = confirmPayouts(road.settlement({ reach }));
    await expect.poll(() => seen.length).toBe(1);
    road.clock.advance(PACE.leaseMs);
    await Promise.all([first, confirmPayouts(road.settlement({ reach }))]);
    expect(seen).toHaveLength(2);
    expect(await road.orderRow(payout)).toMatchObject({ state: 'PAID', version: 2 });
    expect(road.log.slice(logged).filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('share what is due: an attempt is looked at once in a round', async () => {
    await road.order(3n);
    await road.submit();
    road.clock.advance(PACE.checkEveryMs);
    let looks = 0;
    const status: NetworkDriver['status'] = async (attempt) => {
      looks += 1;
      return await driver.status(attempt);
    };
    const workers = [
      road.settlement({ driver: { status } }),
      road.settlement({ driver: { status } }),
    ];
    await Promise.all(workers.map(async (worker) => await confirmPayouts(worker)));
    expect(looks).toBe(1);
  });
});

describe('a commit whose outcome is unknown', () => {
  it.each(['committed', 'rolled back'] as const)(
    'at the end of an attempt, %s',
    async (outcome) => {
      const payout = await road.order(5n);
      await road.submit();
      await road.finalize();
      road.clock.advance(PACE.checkEveryMs);
      await confirmPayouts(road.settlement({ database: losingCommits(road.db.database, outcome) }));
      const state = outcome === 'committed' ? 'PAID' : 'IN_FLIGHT';
      expect(await road.orderRow(payout)).toMatchObject({ state });
      road.clock.advance(PACE.leaseMs);
      await confirmPayouts(road.settlement());
      await settlePayouts(road.settlement());
      expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    },
  );
});

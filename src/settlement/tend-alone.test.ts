import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAloneRoad, type AloneRoad } from '../../test/harness/alone-road.ts';
import { createSolanaWorld, wallet, type SolanaWorld } from '../../test/harness/solana-world.ts';
import { PACE } from '../../test/harness/settlement-road.ts';
import { present } from '../base/assert.ts';
import { keepUp } from './keep-up.ts';

// On Solana: transactions that expire, chores that open accounts, and fees that single payouts have caused.

let world: SolanaWorld;
let road: AloneRoad;
async function start(options: { readonly bare?: boolean } = {}): Promise<void> {
  world = createSolanaWorld(options);
  const { driver, usdt, clock } = world;
  road = await createAloneRoad({ driver, asset: usdt, clock, pass: clock.advance });
}
afterEach(async () => {
  await road.close();
});

/** Makes the next block without what waits: it is forgotten by all. */
function drop(): void {
  world.chain.drop();
}

async function end(): Promise<void> {
  world.finalize();
  await road.follow();
}

/** By the chain: what a wallet's token account holds. */
function unitsOf(owner: string): bigint {
  return world.chain.unitsOf(present(world.usdt.contract, 'it has a mint'), owner);
}

describe('a transaction that nobody took', () => {
  beforeEach(async () => {
    await start();
  });

  it('is sent again as it is, and signed again only once it is dead', async () => {
    const to = wallet('someone');
    const payout = await road.order(1_000_000n, to);
    await road.submit();
    const [{ last } = { last: 0n }] = await road.db.database.query<{ last: bigint }>(
      'SELECT valid_until_block AS last FROM settlement_attempts',
    );
    drop();
    // None that is final is beyond its last block; the newest have long been.
    while (BigInt(world.chain.head('finalized').height) <= last) {
      await road.follow();
      await road.submit();
      expect(await road.attempts(payout)).toMatchObject([{ state: 'OPEN' }]);
      world.produce(10);
    }
    await road.follow();
    expect(await road.attempts(payout)).toMatchObject([{ state: 'DEAD', fate: 'DEAD' }]);
    expect((await road.transactions()).map(({ state }) => state)).toEqual(['REPLACED']);
    await road.submit();
    const attempts = await road.attempts(payout);
    expect(attempts).toMatchObject([{ state: 'DEAD' }, { state: 'OPEN' }]);
    expect(new Set(attempts.map(({ fence }) => fence)).size).toBe(2);
    await end();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(unitsOf(to)).toBe(1_000_000n);
    expect(await road.problems()).toEqual([]);
  });

  it('is the same bytes each time it is sent', async () => {
    const to = wallet('someone');
    const payout = await road.order(1_000_000n, to);
    await road.submit();
    drop();
    world.clock.advance(PACE.rebroadcastAfterMs);
    await road.tend();
    expect(road.sent).toHaveLength(2);
    expect(road.sent[1]).toBe(road.sent[0]);
    await end();
    expect(await road.read(payout)).toMatchObject({ status: 'COMPLETED' });
    expect(unitsOf(to)).toBe(1_000_000n);
  });

  it('that lands in its last block is no reason for another', async () => {
    const to = wallet('someone');
    const payout = await road.order(1_000_000n, to);
    await road.submit();
    const [waiting] = world.chain.pool();
    world.chain.holdBack(present(waiting, 'it waits').signature, 'last');
    world.produce(100);
    await road.follow();
    await road.submit();
    world.produce(60);
    await road.follow();
    await road.submit();
    await end();
    expect(await road.attempts(payout)).toMatchObject([{ state: 'LANDED', fate: 'PAID' }]);
    expect(unitsOf(to)).toBe(1_000_000n);
    expect(await road.problems()).toEqual([]);
  });
});

describe('the fee of a transaction', () => {
  const RENT = 2_039_280n;

  beforeEach(async () => {
    await start();
  });

  it('is shared, but for the account that a payout has opened', async () => {
    const known = wallet('known');
    world.chain.control.openTokenAccount(present(world.usdt.contract, 'a mint'), known);
    world.finalize();
    const before = world.chain.lamportsOf(world.treasury);
    const payouts = [
      await road.order(1_000_000n, known),
      await road.order(1_000_000n, wallet('new')),
      await road.order(1_000_000n, wallet('newer')),
    ];
    await road.submit();
    await end();
    const fees: bigint[] = [];
    for (const payout of payouts) {
      const [attempt] = await road.attempts(payout);
      fees.push(BigInt(present(attempt?.feeUnits, 'it is final')));
    }
    expect(await road.transactions()).toHaveLength(1);
    const [share = 0n, first = 0n, second = 0n] = fees;
    expect(share).toBeGreaterThan(0n);
    expect(share).toBeLessThan(RENT / 10n);
    // Shares differ by the lamport that cannot be split.
    for (const fee of [first, second]) expect(fee - RENT - share).toBeLessThanOrEqual(1n);
    for (const fee of [first, second]) expect(fee - RENT - share).toBeGreaterThanOrEqual(-1n);
    const spent = before - world.chain.lamportsOf(world.treasury);
    expect(share + first + second).toBe(spent);
  });
});

describe('a chore', () => {
  beforeEach(async () => {
    await start({ bare: true });
  });

  it('is one at a time, however many workers see the need', async () => {
    await Promise.all([1, 2, 3].map(async () => await keepUp(road.settlement())));
    expect(await road.transactions()).toMatchObject([{ purpose: 'OPEN_ACCOUNT', state: 'OPEN' }]);
    await keepUp(road.settlement());
    expect(await road.transactions()).toHaveLength(1);
    world.finalize();
    await road.tend();
    expect(await road.transactions()).toMatchObject([{ state: 'FINAL' }]);
    await keepUp(road.settlement());
    world.finalize();
    await road.tend();
    expect(await road.transactions()).toMatchObject([
      { purpose: 'OPEN_ACCOUNT', state: 'FINAL' },
      { purpose: 'OPEN_ACCOUNT', state: 'FINAL' },
    ]);
    expect(await keepUp(road.settlement())).toBe(0);
    for (const asset of [world.usdt, world.usdc]) {
      expect(world.chain.account(world.tokenAccount(world.treasury, asset))).not.toBeNull();
    }
  });

  it('that expired is done again, and not before it is dead', async () => {
    await keepUp(road.settlement());
    drop();
    // Too late for every block to come, and not proven by one that is final.
    world.produce(125);
    await road.tend(road.settlement({ driver: { broadcast: lost } }));
    await keepUp(road.settlement());
    expect(await road.transactions()).toMatchObject([{ state: 'OPEN' }]);
    world.finalize();
    await road.tend();
    expect(await road.transactions()).toMatchObject([{ state: 'REPLACED' }]);
    await keepUp(road.settlement());
    expect(await road.transactions()).toMatchObject([{ state: 'REPLACED' }, { state: 'OPEN' }]);
    expect(await road.problems()).toEqual([]);
  });

  it('that was recorded by a worker which died is sent by the next one', async () => {
    const dying = road.settlement({ driver: { broadcast: lost } });
    await expect(keepUp(dying)).rejects.toThrow('the process ends here');
    expect(await road.transactions()).toMatchObject([{ state: 'OPEN' }]);
    expect(world.chain.pool()).toEqual([]);
    world.clock.advance(PACE.rebroadcastAfterMs);
    await road.tend();
    world.finalize();
    await road.tend();
    expect(await road.transactions()).toMatchObject([{ state: 'FINAL' }]);
  });
});

/** As if the process had ended before it could send. */
async function lost(): Promise<never> {
  return await Promise.reject(new Error('the process ends here'));
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { taprootSigner } from '../../../test/harness/bitcoin-keys.ts';
import { BTC, recipient, startBitcoinWorld } from '../../../test/harness/bitcoin-world.ts';
import { SigningPostponed, type Movement } from '../network.ts';
import type { SpentOutput, TreasuryTransaction } from './block-activity.ts';
import { changeOf, movementsOf } from './movements.ts';
import { scriptOfAddress } from './script.ts';
import { signPayment } from './sign-inputs.ts';
import { readTransaction, signedBytes, type Output } from './transaction.ts';
import { treasuryKeyOf } from './treasury-key.ts';

const KEY = treasuryKeyOf(taprootSigner('treasury'));

function net(movements: readonly Movement[]): bigint {
  return movements.reduce(
    (sum, { direction, units }) => (direction === 'in' ? sum + units : sum - units),
    0n,
  );
}

describe('movements', () => {
  it('shows deposits, payouts and the fee, each with what explains it', async () => {
    const { driver, fund, order, sign, mine, chain, script } = await startBitcoinWorld({
      nodeCount: 2,
    });
    fund(50_000_000n);
    const orders = [order(1, 1_000_000n), order(2, 2_000_000n)];
    const attempt = await sign(orders);
    await driver.broadcast(attempt.transaction.rawTransaction);
    mine(6);
    const { transactionHash } = attempt.transaction;
    const { fence, authorityHash } = attempt;
    const final = (await driver.head()).final.number;
    const movements = await driver.movements(BTC, { from: 0n, to: final });
    const block = { number: 108n, hash: chain.truth.placeOf(transactionHash)?.blockHash };
    const own = { transactionHash, block, carried: { fence, authorityHash }, direction: 'out' };
    expect(movements).toEqual([
      expect.objectContaining({
        kind: 'transfer',
        direction: 'in',
        units: 50_000_000n,
        carried: null,
      }),
      { ...own, kind: 'transfer', units: 1_000_000n, counterparty: recipient(1), logIndex: 0n },
      { ...own, kind: 'transfer', units: 2_000_000n, counterparty: recipient(2), logIndex: 1n },
      expect.objectContaining({ ...own, kind: 'fee', counterparty: '' }),
    ]);
    expect(net(movements)).toBe(chain.truth.unitsOf(script));
    expect(await driver.unitsAt(BTC, final)).toBe(chain.truth.unitsOf(script));
  });

  it('throws while the range is not final on a quorum', async () => {
    const { driver, fund, nodes } = await startBitcoinWorld({ nodeCount: 2 });
    fund(50_000_000n);
    const { final, latest } = await driver.head();
    await expect(driver.movements(BTC, { from: 0n, to: final.number + 1n })).rejects.toThrow(
      'not final',
    );
    expect(latest.number - final.number).toBe(5n);
    nodes[0]?.set({ lagBlocks: 1 });
    await expect(driver.movements(BTC, { from: 0n, to: final.number })).rejects.toThrow(
      'not final',
    );
  });

  it('throws where the nodes show different blocks', async () => {
    const { driver, fund, chain, nodes, script } = await startBitcoinWorld({ nodeCount: 2 });
    fund(50_000_000n);
    const { final } = await driver.head();
    const [coin] = chain.truth.outputsTo(script);
    nodes[0]?.set({ denies: [coin?.txid ?? ''] });
    await expect(driver.movements(BTC, { from: 0n, to: final.number })).rejects.toThrow();
  });

  const anOutput = fc.record({
    units: fc.bigInt(1_000n, 10n ** 9n),
    script: fc.constantFrom(KEY.script, scriptOfAddress(recipient(1)), '6a0568656c6c6f'),
  });

  it('adds up to the change of the coins, whoever has put in and got out what', () => {
    fc.assert(
      fc.property(
        fc.array(anOutput, { minLength: 1, maxLength: 5 }),
        fc.array(anOutput, { minLength: 1, maxLength: 5 }),
        fc.bigInt(0n, 10n ** 6n),
        (inputs, outputs, fee) => {
          const found = touch(inputs, outputs, fee);
          const movements = movementsOf(found, KEY.script, { number: 1n, hash: 'a' });
          expect(net(movements)).toBe(changeOf(found, KEY.script));
          const places = movements.map(({ direction, logIndex }) => `${direction} ${logIndex}`);
          expect(new Set(places).size).toBe(places.length);
        },
      ),
    );
  });

  /** A transaction of these inputs and outputs, made to balance by one more input of a stranger's. */
  function touch(
    inputs: readonly Output[],
    outputs: readonly Output[],
    fee: bigint,
  ): TreasuryTransaction {
    const sum = (all: readonly Output[]): bigint =>
      all.reduce((total, { units }) => total + units, 0n);
    const missing = sum(outputs) + fee - sum(inputs);
    const filler = { units: missing > 0n ? missing : 0n, script: scriptOfAddress(recipient(2)) };
    const spent: SpentOutput[] = [...inputs, filler].map((input, index) => ({
      ...input,
      outpoint: `${'ab'.repeat(32)}:${index}`,
    }));
    const spends = spent.map(({ outpoint }) => outpoint);
    const bytes = signedBytes(
      { spends, outputs },
      spends.map(() => [new Uint8Array(64)]),
    );
    return { transaction: readTransaction(bytes), spent };
  }
});

describe('the balance at a block', () => {
  it("is the chain's at each of the last blocks, whatever waits in the mempool", async () => {
    const { driver, fund, order, sign, chain, mine, script } = await startBitcoinWorld({
      nodeCount: 2,
    });
    fund(50_000_000n, 30_000_000n);
    const before = (await driver.head()).latest.number;
    const held = chain.truth.unitsOf(script);
    const attempt = await sign([order(1, 1_000_000n)]);
    await driver.broadcast(attempt.transaction.rawTransaction);
    expect(await driver.unitsAt(BTC, before)).toBe(held);
    mine();
    chain.fund(script, 7_000_000n);
    mine();
    expect(await driver.unitsAt(BTC, before)).toBe(held);
    expect(await driver.unitsAt(BTC, before + 2n)).toBe(chain.truth.unitsOf(script));
    expect(await driver.unitsAt(BTC, before + 1n)).toBe(chain.truth.unitsOf(script) - 7_000_000n);
  });

  it('stays right where a transaction left the mempool, and after a reorganisation', async () => {
    const { driver, fund, order, sign, chain, mine, script } = await startBitcoinWorld();
    fund(50_000_000n, 30_000_000n);
    const attempt = await sign([order(1, 1_000_000n)]);
    await driver.broadcast(attempt.transaction.rawTransaction);
    chain.evict(attempt.transaction.transactionHash);
    const { latest } = await driver.head();
    expect(await driver.unitsAt(BTC, latest.number)).toBe(chain.truth.unitsOf(script));
    mine();
    chain.produceBlock({ include: [attempt.transaction.transactionHash] });
    chain.reorganise({ depth: 1, transactions: 'forget' });
    const tip = (await driver.head()).latest.number;
    expect(await driver.unitsAt(BTC, tip)).toBe(chain.truth.unitsOf(script));
  });

  it("counts a block's reward from its block on, though nobody can spend it yet", async () => {
    const { driver, chain, script, mine } = await startBitcoinWorld();
    chain.produceBlock({ coinbaseScriptHex: script });
    for (const blocks of [0, 5, 92, 1, 1, 1, 1, 10]) {
      mine(blocks);
      const { latest } = await driver.head();
      expect(await driver.unitsAt(BTC, latest.number)).toBe(chain.truth.unitsOf(script));
    }
    const { final } = await driver.head();
    const movements = await driver.movements(BTC, { from: 0n, to: final.number });
    expect(movements).toMatchObject([{ direction: 'in', counterparty: 'coinbase' }]);
    expect(net(movements)).toBe(chain.truth.unitsOf(script));
  });

  it('needs a quorum', async () => {
    const { driver, fund, nodes } = await startBitcoinWorld({ nodeCount: 2 });
    fund(50_000_000n);
    const { final } = await driver.head();
    nodes[0]?.set({ always: 'silence' });
    await expect(driver.unitsAt(BTC, final.number)).rejects.toThrow('no quorum');
  });
});

describe('the head', () => {
  it('is five blocks below the newest one, at the point that a quorum has reached', async () => {
    const { driver, mine, nodes, chain } = await startBitcoinWorld({ nodeCount: 3 });
    mine(10);
    const { latest, final, finalTime } = await driver.head();
    expect(latest).toEqual({ number: 111n, hash: chain.truth.tip().hash });
    expect(final).toEqual({ number: 106n, hash: chain.truth.blockAt(106)?.hash });
    expect(finalTime.getTime()).toBe((chain.truth.blockAt(106)?.time ?? 0) * 1000);
    nodes[0]?.set({ lagBlocks: 4 });
    expect((await driver.head()).latest.number).toBe(111n);
    nodes[1]?.set({ lagBlocks: 3 });
    expect((await driver.head()).latest.number).toBe(108n);
    nodes[2]?.set({ always: 'silence' });
    nodes[1]?.set({ always: 'silence' });
    await expect(driver.head()).rejects.toThrow('fewer nodes than a quorum');
  });

  it('tells whether a block is on the chain', async () => {
    const { driver, mine, chain } = await startBitcoinWorld({ nodeCount: 2 });
    mine(3);
    const { latest } = await driver.head();
    expect(await driver.holds(latest)).toBe('yes');
    expect(await driver.holds({ number: latest.number + 5n, hash: latest.hash })).toBe('unknown');
    chain.reorganise({ depth: 2, transactions: 'return' });
    expect(await driver.holds(latest)).toBe('no');
  });
});

describe('consolidation', () => {
  const small = Array.from({ length: 80 }, (_, index) => 100_000n + BigInt(index));

  it('makes one coin of the smallest in quiet times, and keeps enough to pay out of', async () => {
    const { driver, fund, chain, script, mine } = await startBitcoinWorld();
    fund(...small);
    chain.setFeeEstimate(2_000n);
    const [chore] = (await driver.upkeep({ taken: [] })).chores;
    expect(chore).toMatchObject({ purpose: 'CONSOLIDATE', takes: 1n, fills: null });
    if (chore === undefined) return;
    const lane = { sender: driver.treasury, sequence: 9n };
    const signed = await driver.signChore(chore, lane);
    const { outputs, spends } = readTransaction(signed.rawTransaction);
    expect(outputs).toMatchObject([{ script }]);
    expect(spends).toHaveLength(80 - 28);
    expect(signed).toMatchObject({ ...lane, spends });
    expect(await driver.track(signed)).toEqual({ kind: 'unseen' });
    await driver.broadcast(signed.rawTransaction);
    expect(await driver.track(signed)).toEqual({ kind: 'waiting' });
    mine();
    expect(await driver.track(signed)).toMatchObject({ kind: 'included' });
    mine(5);
    expect(await driver.track(signed)).toMatchObject({ kind: 'final', succeeded: true });
    expect(await driver.upkeep({ taken: [] })).toEqual({ chores: [], alarms: [] });
    const { final } = await driver.head();
    const movements = await driver.movements(BTC, { from: final.number, to: final.number });
    expect(movements).toMatchObject([{ kind: 'fee', direction: 'out', counterparty: '' }]);
  });

  it('is never raised above the long-term rate, however high the market is', async () => {
    const { driver, fund, chain } = await startBitcoinWorld();
    fund(...small);
    chain.setFeeEstimate(2_000n);
    const [chore] = (await driver.upkeep({ taken: [] })).chores;
    if (chore === undefined) throw new Error('there is one');
    const first = await driver.signChore(chore, { sender: driver.treasury, sequence: 9n });
    await driver.broadcast(first.rawTransaction);
    chain.setFeeEstimate(150_000n);
    const second = await driver.replace(first, 'itself', { taken: [...first.spends] });
    expect(await driver.broadcast(second.rawTransaction)).toEqual({ kind: 'accepted' });
    const [pooled] = chain.pool();
    if (pooled === undefined) throw new Error('it waits');
    expect(pooled.txid).toBe(second.transactionHash);
    expect((pooled.feeUnits * 1_000n) / BigInt(pooled.vbytes)).toBeLessThanOrEqual(10_000n);
    await expect(driver.replace(second, 'itself', { taken: [...second.spends] })).rejects.toThrow(
      SigningPostponed,
    );
  });

  const reasons: readonly [string, bigint, number][] = [
    ['fees are not low', 5_001n, 80],
    ['there are few coins', 2_000n, 47],
  ];
  it.each(reasons)('does nothing while %s', async (_, rate, count) => {
    const { driver, fund, chain } = await startBitcoinWorld();
    fund(...small.slice(0, count));
    chain.setFeeEstimate(rate);
    expect((await driver.upkeep({ taken: [] })).chores).toEqual([]);
  });

  it('does nothing while a payout waits for a block, and takes no coin of one that is not final', async () => {
    const { driver, fund, chain, order, sign, mine } = await startBitcoinWorld();
    fund(...small);
    chain.setFeeEstimate(2_000n);
    const attempt = await sign([order(1, 5_000_000n)]);
    const taken = [...attempt.transaction.spends];
    await driver.broadcast(attempt.transaction.rawTransaction);
    expect((await driver.upkeep({ taken })).chores).toEqual([]);
    mine();
    chain.reorganise({ depth: 1, transactions: 'remine' });
    const [chore] = (await driver.upkeep({ taken })).chores;
    if (chore !== undefined) {
      const signed = await driver.signChore(chore, { sender: driver.treasury, sequence: 9n });
      expect(signed.spends.filter((coin) => taken.includes(coin))).toEqual([]);
    }
    expect((await driver.upkeep({ taken: [] })).chores).toEqual([]);
  });

  it('can be replaced, and tells the versions apart', async () => {
    const { driver, fund, chain, mine } = await startBitcoinWorld();
    fund(...small);
    chain.setFeeEstimate(2_000n);
    const [chore] = (await driver.upkeep({ taken: [] })).chores;
    if (chore === undefined) throw new Error('there is a chore');
    const first = await driver.signChore(chore, { sender: driver.treasury, sequence: 9n });
    await driver.broadcast(first.rawTransaction);
    const second = await driver.replace(first, 'itself', { taken: [...first.spends] });
    expect(await driver.broadcast(second.rawTransaction)).toEqual({ kind: 'accepted' });
    mine(6);
    expect(await driver.track(second)).toMatchObject({ kind: 'final' });
    expect(await driver.track(first)).toEqual({
      kind: 'replaced',
      takenBy: second.transactionHash,
    });
  });
});

describe('a stranger with the key', () => {
  it('shows as a transfer that carries no attempt of ours', async () => {
    const { driver, fund, chain, mine, script } = await startBitcoinWorld();
    fund(50_000_000n);
    const [coin] = chain.truth.outputsTo(script);
    const theft = await signPayment(KEY, {
      coins: [{ outpoint: `${coin?.txid}:${coin?.vout}`, units: 50_000_000n }],
      outputs: [{ units: 49_990_000n, script: scriptOfAddress(recipient(7)) }],
      mostFeeUnits: 10_000n,
    });
    chain.produceBlock({ include: [Buffer.from(theft.rawTransaction).toString('hex')] });
    mine(5);
    const { final } = await driver.head();
    const movements = await driver.movements(BTC, { from: final.number, to: final.number });
    expect(movements).toMatchObject([
      { kind: 'transfer', direction: 'out', units: 49_990_000n, counterparty: recipient(7) },
      { kind: 'fee', direction: 'out', units: 10_000n },
    ]);
    expect(await driver.unitsAt(BTC, final.number)).toBe(0n);
  });
});

import { describe, expect, it } from 'vitest';
import {
  startBitcoinWorld,
  toFollow,
  type BitcoinWorld,
} from '../../../test/harness/bitcoin-world.ts';
import type { AttemptToFollow, NewTransaction, SignedAttempt } from '../network.ts';
import { parseOutpoint } from './coin.ts';
import { signPayment } from './sign-inputs.ts';
import { readTransaction } from './transaction.ts';
import { treasuryKeyOf } from './treasury-key.ts';
import { taprootSigner } from '../../../test/harness/bitcoin-keys.ts';
import { recipient } from '../../../test/harness/bitcoin-world.ts';
import { scriptOfAddress } from './script.ts';

interface Scene extends BitcoinWorld {
  readonly attempt: SignedAttempt;
  readonly follow: AttemptToFollow;
  readonly hash: string;
  readonly raw: string;
  /** Signs a version at a higher fee. */
  readonly replace: (transaction?: NewTransaction) => Promise<NewTransaction>;
  readonly followAll: (...versions: readonly NewTransaction[]) => AttemptToFollow;
  /** A transaction of the treasury's key that pays somebody else out of one of the attempt's coins. */
  readonly conflict: (coin?: string) => Promise<{ readonly txid: string; readonly raw: string }>;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

async function startScene(nodeCount = 1, coins: readonly bigint[] = [50_000_000n]): Promise<Scene> {
  const world = await startBitcoinWorld({ nodeCount });
  const { driver, chain } = world;
  world.fund(...coins);
  const pay = coins.reduce((sum, units) => sum + units, 0n) - 5_000_000n;
  const orders = [world.order(1, pay / 2n), world.order(2, pay / 2n)];
  const attempt = await world.sign(orders);
  const { transaction } = attempt;
  const versionsOf = (versions: readonly NewTransaction[]): string[] =>
    versions.map(({ transactionHash }) => transactionHash).toReversed();
  return {
    ...world,
    attempt,
    follow: toFollow(attempt, orders),
    hash: transaction.transactionHash,
    raw: hexOf(transaction.rawTransaction),
    replace: async (old = transaction) =>
      await driver.replace(old, 'itself', { taken: [...attempt.transaction.spends] }),
    followAll: (...versions) => toFollow(attempt, orders, versionsOf([transaction, ...versions])),
    async conflict(coin = attempt.fence) {
      const key = treasuryKeyOf(taprootSigner('treasury'));
      const { vout, txid } = parseOutpoint(coin);
      const units =
        chain.truth
          .outputsTo(world.script)
          .find((output) => output.txid === txid && output.vout === vout)?.units ?? 0n;
      const outputs = [{ units: units - 50_000n, script: scriptOfAddress(recipient(99)) }];
      const payment = { coins: [{ outpoint: coin, units }], outputs, mostFeeUnits: 50_000n };
      const signed = await signPayment(key, payment);
      return { txid: signed.transaction.txid, raw: hexOf(signed.rawTransaction) };
    },
  };
}

describe('following an attempt', () => {
  it('is unseen while nobody has it, waiting once a mempool has it', async () => {
    const { driver, follow, attempt, chain, hash } = await startScene();
    expect(await driver.status(follow)).toEqual({ kind: 'unseen' });
    await driver.broadcast(attempt.transaction.rawTransaction);
    expect(await driver.status(follow)).toEqual({ kind: 'waiting' });
    chain.evict(hash);
    expect(await driver.status(follow)).toEqual({ kind: 'unseen' });
  });

  it('is included in a block, and final six deep, with a proof for each payout', async () => {
    const { driver, follow, chain, mine, hash, raw } = await startScene();
    chain.produceBlock({ include: [raw] });
    for (let depth = 1; depth < 6; depth += 1) {
      expect(await driver.status(follow)).toEqual({
        kind: 'included',
        block: { number: BigInt(108), hash: chain.truth.placeOf(hash)?.blockHash },
      });
      mine();
    }
    const place = chain.truth.placeOf(hash);
    expect(await driver.status(follow)).toEqual({
      kind: 'final',
      transactionHash: hash,
      block: { number: 108n, hash: place?.blockHash },
      feeUnits: expect.any(BigInt) as bigint,
      fates: follow.orders.map(({ payoutId, units, toAddress }, output) => ({
        kind: 'paid',
        payoutId,
        proof: {
          transactionHash: hash,
          blockNumber: '108',
          blockHash: place?.blockHash,
          output,
          units: units.toString(),
          toAddress,
        },
      })),
    });
  });

  it('tells the fee as it was paid', async () => {
    const { driver, follow, chain, mine, hash, raw, script } = await startScene();
    chain.produceBlock({ include: [raw] });
    mine(5);
    const sighting = await driver.status(follow);
    const spent = chain.truth.spendsFrom(script).filter(({ spentBy }) => spentBy === hash);
    const { outputs } = readTransaction(Buffer.from(raw, 'hex'));
    const sum = (units: readonly bigint[]): bigint => units.reduce((a, b) => a + b, 0n);
    expect(sighting).toMatchObject({
      feeUnits: sum(spent.map(({ units }) => units)) - sum(outputs.map(({ units }) => units)),
    });
  });

  it('goes back to waiting when a reorganisation takes its block', async () => {
    const { driver, follow, chain, mine, raw } = await startScene();
    chain.produceBlock({ include: [raw] });
    mine(2);
    chain.reorganise({ depth: 3, transactions: 'return' });
    expect(await driver.status(follow)).toEqual({ kind: 'waiting' });
    chain.reorganise({ depth: 1, transactions: 'forget' });
    expect(await driver.status(follow)).toMatchObject({
      kind: expect.stringMatching(/waiting|unseen/) as string,
    });
  });

  it('is final by an older version that was replaced, came back and was mined', async () => {
    const scene = await startScene();
    const { driver, chain, mine, raw, hash, attempt } = scene;
    await driver.broadcast(attempt.transaction.rawTransaction);
    const second = await scene.replace();
    await driver.broadcast(second.rawTransaction);
    expect(chain.pool().map(({ txid }) => txid)).toEqual([second.transactionHash]);
    const both = scene.followAll(second);
    expect(await driver.status(both)).toEqual({ kind: 'waiting' });
    chain.produceBlock({ include: [raw] });
    expect(await driver.status(both)).toMatchObject({ kind: 'included' });
    mine(5);
    expect(await driver.status(both)).toMatchObject({ kind: 'final', transactionHash: hash });
  });

  it('is final by a version whose record was lost: it pays the same payouts', async () => {
    const scene = await startScene();
    const { driver, chain, mine, follow, attempt } = scene;
    await driver.broadcast(attempt.transaction.rawTransaction);
    const second = await scene.replace();
    chain.produceBlock({ include: [hexOf(second.rawTransaction)] });
    mine(5);
    expect(await driver.status(follow)).toMatchObject({
      kind: 'final',
      transactionHash: second.transactionHash,
      fates: [{ kind: 'paid' }, { kind: 'paid' }],
    });
  });
});

describe('the death of an attempt', () => {
  it('is proven by a conflict that is final, and by nothing less', async () => {
    const { driver, chain, follow, mine, conflict, attempt } = await startScene();
    const { txid, raw } = await conflict();
    await driver.broadcast(attempt.transaction.rawTransaction);
    chain.produceBlock({ include: [raw] });
    for (let depth = 1; depth < 6; depth += 1) {
      expect(await driver.status(follow)).toEqual({ kind: 'unseen' });
      mine();
    }
    const place = chain.truth.placeOf(txid);
    expect(await driver.status(follow)).toEqual({
      kind: 'dead',
      reason: 'Another transaction has spent a coin that every version of it spends.',
      proof: {
        coin: attempt.fence,
        spentBy: txid,
        blockNumber: place?.height.toString(),
        blockHash: place?.blockHash,
        fence: attempt.fence,
      },
      takenBy: txid,
    });
  });

  it('is not proven by a conflict in a mempool', async () => {
    const { driver, chain, follow, conflict } = await startScene();
    const { raw } = await conflict();
    chain.deliver(raw);
    expect(chain.pool()).toHaveLength(1);
    expect(await driver.status(follow)).toEqual({ kind: 'unseen' });
  });

  it('is taken back while the conflict can still be unburied, and the attempt can land after all', async () => {
    const { driver, chain, follow, mine, conflict, raw, hash } = await startScene();
    const stranger = await conflict();
    chain.produceBlock({ include: [stranger.raw] });
    mine(3);
    expect(await driver.status(follow)).toEqual({ kind: 'unseen' });
    chain.reorganise({ depth: 4, transactions: 'forget', include: [raw] });
    expect(await driver.status(follow)).toMatchObject({ kind: 'included' });
    expect(await driver.status(follow)).toMatchObject({
      block: { hash: chain.truth.placeOf(hash)?.blockHash },
    });
  });

  it('is found where another coin than the fence was taken', async () => {
    const scene = await startScene(1, [30_000_000n, 20_000_000n]);
    const { driver, chain, follow, mine, conflict, attempt } = scene;
    expect(attempt.transaction.spends).toHaveLength(2);
    const second = attempt.transaction.spends[1] ?? '';
    const { raw, txid } = await conflict(second);
    chain.produceBlock({ include: [raw] });
    mine(5);
    expect(await driver.status(follow)).toMatchObject({
      kind: 'dead',
      takenBy: txid,
      proof: { coin: second },
    });
  });

  it('is not proven by a conflict with a coin that only a later version has added', async () => {
    const scene = await startScene(1, [30_000_000n]);
    const { driver, chain, mine, attempt, conflict, raw, script } = scene;
    scene.fund(40_000_000n);
    const added = chain.truth.outputsTo(script).find(({ units }) => units === 40_000_000n);
    const coins = [
      { outpoint: attempt.fence, units: 30_000_000n },
      { outpoint: `${added?.txid}:${added?.vout}`, units: 40_000_000n },
    ];
    const outputs = readTransaction(attempt.transaction.rawTransaction)
      .outputs.filter((output) => output.script !== script)
      .concat([{ units: 44_000_000n, script }]);
    const key = treasuryKeyOf(taprootSigner('treasury'));
    const signed = await signPayment(key, { coins, outputs, mostFeeUnits: 2_000_000n });
    const second = { ...attempt.transaction, transactionHash: signed.transaction.txid };
    const both = scene.followAll(second);
    const stranger = await conflict(coins[1]?.outpoint);
    chain.produceBlock({ include: [stranger.raw] });
    mine(5);
    expect(await driver.status(both)).toEqual({ kind: 'unseen' });
    chain.produceBlock({ include: [raw] });
    mine(5);
    expect(await driver.status(both)).toMatchObject({ kind: 'final' });
  });
});

describe('following on several nodes', () => {
  it('ends nothing on the word of one of three', async () => {
    const { driver, chain, follow, nodes, mine, raw } = await startScene(3);
    for (const node of nodes.slice(1)) node.set({ lagBlocks: 6 });
    chain.produceBlock({ include: [raw] });
    mine(5);
    expect((await driver.status(follow)).kind).not.toBe('final');
    nodes[1]?.heal();
    expect(await driver.status(follow)).toMatchObject({ kind: 'final' });
  });

  it('is final although one of three denies that there is such a transaction', async () => {
    const { driver, chain, follow, nodes, mine, raw, hash } = await startScene(3);
    nodes[0]?.set({ denies: [hash] });
    chain.produceBlock({ include: [raw] });
    mine(5);
    expect(await driver.status(follow)).toMatchObject({ kind: 'final' });
  });

  it('is unknown or on its way where all deny it', async () => {
    const { driver, chain, follow, nodes, mine, raw, hash } = await startScene(2);
    for (const node of nodes) node.set({ denies: [hash] });
    chain.produceBlock({ include: [raw] });
    mine(5);
    expect(['unknown', 'unseen', 'waiting']).toContain((await driver.status(follow)).kind);
  });

  it('believes a node again that has left a transaction out of a block for a while', async () => {
    const { driver, chain, follow, nodes, mine, raw, hash } = await startScene(1);
    nodes[0]?.set({ denies: [hash] });
    chain.produceBlock({ include: [raw] });
    mine(5);
    expect((await driver.status(follow)).kind).not.toBe('final');
    nodes[0]?.heal();
    expect(await driver.status(follow)).toMatchObject({ kind: 'final' });
  });

  const faults = ['silence', 'error', 'busy', 'malformed', 'lost-answer'] as const;
  it.each(faults)('proves nothing by nodes that answer with %s', async (fault) => {
    const { driver, chain, follow, nodes, mine, conflict } = await startScene(3);
    const { raw } = await conflict();
    chain.produceBlock({ include: [raw] });
    mine(5);
    for (const node of nodes.slice(1)) node.set({ always: fault });
    expect((await driver.status(follow)).kind).toBe('unknown');
  });

  it('proves nothing by a node that has pruned the block', async () => {
    const { driver, chain, follow, nodes, mine, raw } = await startScene(1);
    chain.produceBlock({ include: [raw] });
    mine(20);
    nodes[0]?.set({ prunedBelowDepth: 10 });
    expect(await driver.status(follow)).toMatchObject({ kind: 'unknown' });
    nodes[0]?.heal();
    expect(await driver.status(follow)).toMatchObject({ kind: 'final' });
  });

  it('is unknown on a node of another chain', async () => {
    const { another, follow, chain } = await startScene(1);
    const driver = another({ expectedGenesis: 'ab'.repeat(32) });
    expect(chain.truth.blockAt(0)?.hash).not.toBe('ab'.repeat(32));
    expect(await driver.status(follow)).toMatchObject({ kind: 'unknown' });
    await expect(driver.verifyAssets()).rejects.toThrow('is of the chain that begins with');
  });
});

describe('an attempt whose record contradicts itself', () => {
  const cases: readonly [string, (attempt: AttemptToFollow) => AttemptToFollow][] = [
    ['another fence', (it) => ({ ...it, fence: `${'ab'.repeat(32)}:0` })],
    ['another hash', (it) => ({ ...it, authorityHash: 'ab'.repeat(32) })],
    ['other orders', (it) => ({ ...it, orders: it.orders.toReversed() })],
    ['a missing order', (it) => ({ ...it, orders: it.orders.slice(1) })],
    ['bytes cut short', (it) => ({ ...it, authority: it.authority.subarray(1) })],
    ['no version', (it) => ({ ...it, transactionHashes: [] })],
    ['another payer', (it) => ({ ...it, payer: recipient(1) })],
  ];
  it.each(cases)('is unknown: %s', async (_, change) => {
    const { driver, chain, follow, mine, raw } = await startScene();
    chain.produceBlock({ include: [raw] });
    mine(5);
    expect(await driver.status(change(follow))).toMatchObject({ kind: 'unknown' });
  });
});

import { beforeEach, expect, it } from 'vitest';
import { BitcoinRpcError, NoAnswer, type BitcoinChain, type BitcoinNode } from './bitcoin-chain.ts';
import { createBitcoinChain } from './create-bitcoin-chain.ts';
import { withChecksum } from './descriptor.ts';
import { createPayer, type OwnCoin, type Paid } from './testing/payer.ts';
import { spend } from './testing/twin-desk.ts';

const TREASURY = createPayer('treasury', 'p2tr');
const RECIPIENT = createPayer('recipient', 'p2wpkh');
const START_MS = 1_795_000_000_000;

let nowMs: number;
let chain: BitcoinChain;
let a: BitcoinNode;
let b: BitcoinNode;

beforeEach(() => {
  nowMs = START_MS;
  chain = createBitcoinChain({ now: () => nowMs });
  a = chain.openNode('a');
  b = chain.openNode('b');
});

function mine(blocks = 1): void {
  for (let index = 0; index < blocks; index += 1) {
    nowMs += 600_000;
    chain.produceBlock();
  }
}

function coin(units = 10_000_000n): OwnCoin {
  const outpoint = chain.fund(TREASURY.scriptHex, units);
  mine();
  return { ...outpoint, units };
}

/** Schnorr signatures of that library have a random part: the same payment is signed once. */
const signed = new Map<string, Paid>();

function payout(from: OwnCoin, fee = 1_000n): Paid {
  const key = `${from.txid}:${from.vout} ${fee}`;
  const to = [{ scriptHex: RECIPIENT.scriptHex, units: 1_000_000n }];
  const paid = signed.get(key) ?? spend(TREASURY, [from], { fee, to });
  signed.set(key, paid);
  return paid;
}

async function send(node: BitcoinNode, paid: Paid): Promise<unknown> {
  return await node.request('sendrawtransaction', [paid.rawHex]);
}

/** The ids of the treasury's payments that are on the chain. */
function paidOnChain(): readonly string[] {
  return chain.truth.outputsTo(RECIPIENT.scriptHex).map(({ txid }) => txid);
}

/** A run with a payment, a replacement, a reorganisation and a deposit; all that came of it. */
async function story(): Promise<unknown> {
  let now = START_MS;
  const told = createBitcoinChain({ now: () => now });
  const node = told.openNode('a');
  const outpoint = told.fund(TREASURY.scriptHex, 10_000_000n);
  told.produceBlock();
  const from = { ...outpoint, units: 10_000_000n };
  for (const fee of [1_000n, 5_000n]) await send(node, payout(from, fee));
  now += 600_000;
  told.produceBlocks(3);
  told.reorganise({ depth: 2, transactions: 'return' });
  told.fund(TREASURY.scriptHex, 1n + 20_000_000n);
  told.produceBlock();
  return [told.truth.tip(), told.everSeen(), told.truth.outputsTo(TREASURY.scriptHex)];
}

it('the chain: does the same for the same calls at the same times', async () => {
  expect(await story()).toEqual(await story());
});

it('the chain: is back where it was after a snapshot is restored, as often as one likes', async () => {
  const from = coin();
  const snapshot = chain.snapshot();
  const before = chain.truth.tip();
  const tips: string[] = [];
  for (let turn = 0; turn < 2; turn += 1) {
    nowMs = START_MS + 10_000_000;
    await send(a, payout(from));
    const { hash } = chain.produceBlocks(3);
    tips.push(hash);
    chain.restore(snapshot);
    expect(chain.truth.tip()).toEqual(before);
    expect(a.mempool()).toEqual([]);
    expect(await a.request('getblockcount', [])).toBe(before.height);
    expect(paidOnChain()).toEqual([]);
  }
  expect(tips[0]).toBe(tips[1]);
});

it('the chain: counts every coin once: what is unspent is what was mined', () => {
  const from = coin();
  void send(a, payout(from));
  mine(3);
  const { height } = chain.truth.tip();
  const scripts = [TREASURY.scriptHex, RECIPIENT.scriptHex];
  const held = scripts.reduce((sum, script) => sum + chain.truth.unitsOf(script), 0n);
  expect(held).toBe(from.units - 1_000n);
  expect(height).toBe(105);
  expect(chain.truth.spendOf(from)).toMatchObject({ spentBy: paidOnChain()[0], depth: 3 });
  expect(chain.truth.spendsFrom(TREASURY.scriptHex)).toHaveLength(1);
});

it('the chain: mines the version that it is told to, also one that was replaced', async () => {
  const from = coin();
  const [older, newer] = [payout(from, 1_000n), payout(from, 5_000n)] as const;
  await send(a, older);
  await send(a, newer);
  expect(b.mempool()).toEqual([newer.txid]);
  chain.produceBlock({ include: [older.txid] });
  expect(paidOnChain()).toEqual([older.txid]);
  expect([...a.mempool(), ...b.mempool()]).toEqual([]);
  await expect(send(a, newer)).rejects.toMatchObject({
    code: -25,
    message: 'bad-txns-inputs-missingorspent',
  });
});

it('the chain: buries a conflict, and unburies it', async () => {
  const from = coin();
  const [older, newer] = [payout(from, 1_000n), payout(from, 5_000n)] as const;
  await send(a, older);
  await send(a, newer);
  mine(3);
  expect(chain.truth.placeOf(newer.txid)?.depth).toBe(3);
  const { abandoned, added } = chain.reorganise({
    depth: 3,
    transactions: 'return',
    include: [older.txid],
  });
  expect([abandoned.length, added.length]).toEqual([3, 4]);
  expect(paidOnChain()).toEqual([older.txid]);
  const ever = chain.truth.everPaidTo(RECIPIENT.scriptHex);
  expect(ever.map(({ txid, canonical }) => [txid, canonical])).toEqual([
    [newer.txid, false],
    [older.txid, true],
  ]);
  chain.reorganise({ depth: 4, transactions: 'forget', include: [newer.txid] });
  expect(paidOnChain()).toEqual([newer.txid]);
  expect(await a.request('getbestblockhash', [])).toBe(chain.truth.tip().hash);
});

it.each([
  ['return', 1, 0],
  ['forget', 0, 0],
  ['remine', 0, 1],
] as const)('the chain: leaves blocks: %s', async (transactions, pooled, mined) => {
  const from = coin();
  await send(a, payout(from));
  mine(2);
  chain.reorganise({ depth: 2, transactions });
  expect([a.mempool(), b.mempool(), chain.pool()].map(({ length }) => length)).toEqual([
    pooled,
    pooled,
    pooled,
  ]);
  expect(paidOnChain()).toHaveLength(mined);
  // A deposit is in every branch, unless it is told not to be.
  expect(chain.truth.placeOf(from.txid)).not.toBeNull();
  chain.reorganise({ depth: 8, transactions: 'remine', exclude: [from.txid] });
  expect(chain.truth.placeOf(from.txid)).toBeNull();
  expect(paidOnChain()).toEqual([]);
});

it('the chain: drops from the pools what spends a deposit that is gone', async () => {
  const from = coin();
  const paid = payout(from);
  await send(a, paid);
  chain.reorganise({ depth: 1, transactions: 'return', exclude: [from.txid] });
  expect([a.mempool(), b.mempool(), chain.pool()]).toEqual([[], [], []]);
  await expect(send(a, paid)).rejects.toMatchObject({ code: -25 });
  mine();
  expect(paidOnChain()).toEqual([]);
});

it('the chain: drops from the pools what spends a coinbase that is young again', async () => {
  const first = chain.produceBlock({ coinbaseScriptHex: TREASURY.scriptHex });
  mine(99);
  await send(a, payout({ txid: first.txids[0] ?? '', vout: 0, units: 5_000_000_000n }));
  expect(a.mempool()).toHaveLength(1);
  // Without the newest block it may not be spent in the next one.
  const { hash } = chain.truth.tip();
  await a.request('invalidateblock', [hash]);
  expect([a.mempool(), b.mempool(), chain.pool()]).toEqual([[], [], []]);
});

it('the chain: stays as it was where a branch cannot be built', () => {
  const from = coin();
  const broken = payout({ ...from, vout: 7 });
  const before = chain.truth.tip();
  expect(() =>
    chain.reorganise({ depth: 1, transactions: 'return', include: [broken.rawHex] }),
  ).toThrow('bad-txns-inputs-missingorspent');
  expect(chain.truth.tip()).toEqual(before);
  mine();
  expect(chain.truth.tip().parentHash).toBe(before.hash);
});

it('a node: lags, and is in sync again when it heals', async () => {
  const from = coin();
  mine(2);
  b.set({ lagBlocks: 3 });
  const { height, hash } = chain.truth.tip();
  expect(await b.request('getblockcount', [])).toBe(height - 3);
  expect(await b.request('gettxout', [from.txid, from.vout, false])).toBeNull();
  await expect(b.request('getblock', [hash])).rejects.toMatchObject({ code: -5 });
  b.heal();
  expect(await b.request('getbestblockhash', [])).toBe(hash);
});

it('a node: stays on a branch that was left', async () => {
  const from = coin();
  await send(a, payout(from));
  mine(2);
  const { hash } = chain.truth.tip();
  b.set({ stalledAt: hash });
  chain.reorganise({ depth: 2, transactions: 'forget' });
  expect(await b.request('getbestblockhash', [])).toBe(hash);
  expect(await b.request('gettxout', [payout(from).txid, 0])).not.toBeNull();
  expect(await a.request('gettxout', [payout(from).txid, 0])).toBeNull();
  b.heal();
  expect(await b.request('getbestblockhash', [])).toBe(chain.truth.tip().hash);
});

it('a node: keeps what it was sent to itself until it gossips', async () => {
  const from = coin();
  a.set({ relay: 'own' });
  await send(a, payout(from));
  mine();
  expect([a.mempool().length, b.mempool().length, paidOnChain().length]).toEqual([1, 0, 0]);
  a.heal();
  expect(b.mempool()).toHaveLength(1);
  mine();
  expect(paidOnChain()).toHaveLength(1);
});

it('a node: sees a replacement alone', async () => {
  const from = coin();
  const [older, newer] = [payout(from, 1_000n), payout(from, 5_000n)] as const;
  await send(a, older);
  expect(chain.deliver(newer.rawHex, ['b'])).toEqual({ b: null });
  expect([a.mempool(), b.mempool()]).toEqual([[older.txid], [newer.txid]]);
  mine();
  expect(paidOnChain()).toEqual([older.txid]);
  expect(b.mempool()).toEqual([]);
});

it('a node: forgets what is evicted, and refuses what is below its least rate', async () => {
  const from = coin();
  const paid = payout(from, 200n);
  await send(a, paid);
  chain.evict(paid.txid, ['a', 'miner']);
  expect([a.mempool(), b.mempool()]).toEqual([[], [paid.txid]]);
  a.set({ mempoolMinSatPerKvb: 5_000n });
  await expect(send(a, paid)).rejects.toMatchObject({
    code: -26,
    message: expect.stringMatching(/^mempool min fee not met, 200 < \d+$/) as string,
  });
  expect(await a.request('getmempoolinfo', [])).toMatchObject({ mempoolminfee: 0.00005 });
});

it('a node: denies a transaction', async () => {
  const from = coin();
  const paid = payout(from);
  await send(a, paid);
  a.set({ denies: [paid.txid] });
  await expect(a.request('getmempoolentry', [paid.txid])).rejects.toBeInstanceOf(BitcoinRpcError);
  expect(await a.request('getrawmempool', [])).toEqual([]);
  expect(await a.request('gettxout', [from.txid, from.vout])).not.toBeNull();
  mine();
  const { hash } = chain.truth.tip();
  expect(await a.request('getblock', [hash])).toMatchObject({ nTx: 2, tx: [{}] });
  expect(await a.request('gettxout', [paid.txid, 0])).toBeNull();
  expect(await b.request('gettxout', [paid.txid, 0])).not.toBeNull();
});

it.each([
  ['silence', false, NoAnswer],
  ['busy', false, NoAnswer],
  ['lost-answer', true, NoAnswer],
  ['error', true, BitcoinRpcError],
] as const)('a node: fails once: %s', async (kind, isCarriedOut, failure) => {
  const paid = payout(coin());
  a.failNext('sendrawtransaction', kind);
  await expect(send(a, paid)).rejects.toBeInstanceOf(failure);
  expect(b.mempool()).toHaveLength(isCarriedOut ? 1 : 0);
  expect(await send(a, paid)).toBe(paid.txid);
  expect(chain.faultCounts()).toEqual({ [kind]: 1 });
});

it('a node: answers nonsense, or for another chain, or without old blocks', async () => {
  a.failNext('getblockcount', 'malformed');
  expect(await a.request('getblockcount', [])).not.toBeTypeOf('number');
  a.set({ wrongChain: true, prunedBelowDepth: 10 });
  expect(await a.request('getblockchaininfo', [])).toMatchObject({ chain: 'main', pruned: true });
  expect(await a.request('getblockhash', [0])).not.toBe(chain.truth.blockAt(0)?.hash);
  const old = chain.truth.blockAt(5)?.hash;
  await expect(a.request('getblock', [old])).rejects.toMatchObject({
    code: -1,
    message: 'Block not available (pruned data)',
  });
  expect(await b.request('getblock', [old])).toMatchObject({ height: 5 });
});

it('a node: has wallets of its own, which remember what was evicted', async () => {
  await a.request('createwallet', ['treasury', true, true]);
  const desc = withChecksum(`tr(${TREASURY.internalKey})`);
  await a.request('importdescriptors', [[{ desc, timestamp: 'now' }]], 'treasury');
  const from = coin();
  const unspent = async (): Promise<unknown> => await a.request('listunspent', [], 'treasury');
  expect(await unspent()).toMatchObject([{ txid: from.txid, amount: 0.1, confirmations: 1 }]);
  const paid = payout(from);
  await send(a, paid);
  chain.evict(paid.txid);
  // As bitcoind's wallet: a coin stays spent by what the wallet has seen, until that is given up.
  expect(await unspent()).toEqual([]);
  await a.request('abandontransaction', [paid.txid], 'treasury');
  expect(await unspent()).toMatchObject([{ txid: from.txid }]);
  await expect(b.request('listunspent', [], 'treasury')).rejects.toMatchObject({ code: -18 });
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchKnots } from './fetch-knots.ts';
import type { OwnCoin, Paid, Payer } from './testing/payer.ts';
import { LEGACY, SEGWIT, TAPROOT } from './testing/odd-transactions.ts';
import { openDesk, spend, type Desk, type Spend } from './testing/twin-desk.ts';

const fetched = await fetchKnots();
const note = fetched.kind === 'ready' ? '' : ` (did not run: ${fetched.reason})`;
const against = it.skipIf(fetched.kind !== 'ready');

let desk: Desk;

beforeAll(async () => {
  if (fetched.kind === 'ready') desk = await openDesk();
});

afterAll(async () => await desk?.twin.stop());

const send = async (paid: Paid): Promise<unknown> => {
  await desk.agree('testmempoolaccept', [[paid.rawHex]]);
  const outcome = await desk.agree('sendrawtransaction', [paid.rawHex]);
  await desk.agree('getrawmempool', []);
  await desk.agree('getmempoolinfo', []);
  return outcome;
};

/** A transaction's output as a coin of its payer. */
const outputOf = (paid: Paid, vout: number, units: bigint): OwnCoin => ({
  txid: paid.txid,
  vout,
  units,
});

const split = (payer: Payer, coin: OwnCoin, count: number): readonly [Paid, readonly OwnCoin[]] => {
  const each = coin.units / BigInt(count) - 1_000n;
  const to = Array.from({ length: count - 1 }, () => ({ scriptHex: payer.scriptHex, units: each }));
  const paid = spend(payer, [coin], { to, fee: 5_000n });
  return [paid, to.map((_, vout) => outputOf(paid, vout, each))];
};

against(`replaces as Bitcoin Knots does${note}`, async () => {
  const coin = await desk.coin(TAPROOT, 10_000_000n);
  const other = await desk.coin(TAPROOT, 10_000_000n);
  const versions: readonly (readonly [readonly OwnCoin[], Spend])[] = [
    [[coin], { fee: 1_000n }],
    [[coin], { fee: 1_000n, lockTime: 1 }],
    [[coin], { fee: 1_050n }],
    [[coin], { fee: 1_110n }],
    [[coin], { fee: 1_111n }],
    // More in all, and a lower rate.
    [[coin, other], { fee: 1_300n }],
    [[coin, other], { fee: 2_000n }],
    [[other], { fee: 9_000n }],
    // What does not signal is replaced all the same.
    [[other], { fee: 10_000n, sequence: 0xffffffff }],
    [[other], { fee: 12_000n }],
  ];
  for (const [coins, more] of versions) await send(spend(TAPROOT, coins, more));
  await desk.mine();
  await desk.agree('getrawmempool', []);
});

against(`judges children and parents as Bitcoin Knots does${note}`, async () => {
  const coin = await desk.coin(SEGWIT, 10_000_000n);
  const apart = await desk.coin(SEGWIT, 10_000_000n);
  const parent = spend(SEGWIT, [coin], {
    to: [{ scriptHex: SEGWIT.scriptHex, units: 4_000_000n }],
  });
  const change = outputOf(parent, 1, 5_999_000n);
  const child = spend(SEGWIT, [outputOf(parent, 0, 4_000_000n)], { fee: 3_000n });
  const grandchild = spend(SEGWIT, [outputOf(child, 0, 3_997_000n), change], { fee: 4_000n });
  for (const paid of [child, parent, child, grandchild]) await send(paid);
  for (const { txid } of [parent, child, grandchild]) {
    await desk.agree('getmempoolentry', [txid]);
    await desk.agree('getmempoolancestors', [txid]);
    await desk.agree('getmempooldescendants', [txid, true]);
  }
  await desk.agree('getrawmempool', [true]);
  // Against the parent: pays for the whole family, or does not.
  await send(spend(SEGWIT, [coin], { fee: 7_000n }));
  await send(spend(SEGWIT, [coin], { fee: 8_050n }));
  // Spends what it replaces, and what is not confirmed.
  await send(spend(SEGWIT, [outputOf(parent, 0, 4_000_000n), coin], { fee: 20_000n }));
  const loose = spend(SEGWIT, [apart], { fee: 1_000n });
  await send(loose);
  await send(spend(SEGWIT, [coin, outputOf(loose, 0, 9_999_000n)], { fee: 30_000n }));
  await send(spend(SEGWIT, [coin], { fee: 8_200n }));
  await desk.mine();
});

against(`bounds families as Bitcoin Knots does${note}`, async () => {
  const coin = await desk.coin(TAPROOT, 100_000_000n);
  let last: OwnCoin = coin;
  for (let length = 0; length < 27; length += 1) {
    const paid = spend(TAPROOT, [last], { fee: 500n });
    await send(paid);
    last = outputOf(paid, 0, last.units - 500n);
  }
  const wide = await desk.coin(TAPROOT, 100_000_000n);
  const [root, outputs] = split(TAPROOT, wide, 30);
  await send(root);
  for (const output of outputs) await send(spend(TAPROOT, [output], { fee: 500n }));
  await desk.mine();
  await desk.agree('getrawmempool', []);
});

against(`lets at most a hundred be replaced, as Bitcoin Knots does${note}`, async () => {
  const coins: OwnCoin[] = [];
  for (let index = 0; index < 5; index += 1) coins.push(await desk.coin(TAPROOT, 100_000_000n));
  for (const coin of coins) {
    const [root, outputs] = split(TAPROOT, coin, 25);
    await send(root);
    for (const output of outputs) {
      await desk.agree('sendrawtransaction', [spend(TAPROOT, [output], { fee: 500n }).rawHex]);
    }
  }
  await send(spend(TAPROOT, coins, { fee: 3_000_000n }));
  await send(spend(TAPROOT, coins.slice(0, 4), { fee: 3_000_000n }));
  await desk.mine();
});

against(`counts operations that check signatures as Bitcoin Knots does${note}`, async () => {
  const coins = [await desk.coin(LEGACY, 1_000_000n), await desk.coin(LEGACY, 1_000_000n)];
  await send(spend(LEGACY, coins, { to: [{ scriptHex: LEGACY.scriptHex, units: 10_000n }] }));
  await desk.mine();
});

against(`leaves and takes back blocks as Bitcoin Knots does${note}`, async () => {
  const { chain } = desk.twin;
  const coin = await desk.coin(TAPROOT, 10_000_000n);
  const second = await desk.coin(SEGWIT, 10_000_000n);
  const first = spend(TAPROOT, [coin], { fee: 1_000n });
  const after = spend(TAPROOT, [outputOf(first, 0, 9_999_000n)], { fee: 2_000n });
  const beside = spend(SEGWIT, [second], { fee: 1_500n });
  for (const paid of [first, beside]) await send(paid);
  await desk.mine();
  await send(after);
  await desk.mine();
  const seen = async (): Promise<void> => {
    await desk.twin.share();
    for (const { txid } of [first, after, beside]) await desk.agree('gettxout', [txid, 0]);
    for (const method of ['getbestblockhash', 'getblockcount', 'getrawmempool']) {
      await desk.agree(method, []);
    }
    await desk.agree('getrawmempool', [true]);
  };
  await seen();
  // Back into the pool; then a rival takes the coin in a deeper branch; then it is undone again.
  chain.reorganise({ depth: 2, transactions: 'return' });
  await seen();
  await desk.mine();
  await seen();
  const rival = spend(TAPROOT, [coin], { fee: 50_000n });
  chain.reorganise({ depth: 2, transactions: 'return', include: [rival.rawHex] });
  await seen();
  await desk.agree('sendrawtransaction', [first.rawHex]);
  chain.reorganise({
    depth: 4,
    transactions: 'return',
    exclude: [rival.txid],
    include: [first.txid],
  });
  await desk.twin.share();
  await desk.agree('getbestblockhash', []);
  expect(chain.truth.placeOf(first.txid)).not.toBeNull();
  expect(chain.truth.placeOf(rival.txid)).toBeNull();
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { withChecksum } from './descriptor.ts';
import { fetchKnots } from './fetch-knots.ts';
import type { OwnCoin, Paid } from './testing/payer.ts';
import { LEGACY, SEGWIT, TAPROOT } from './testing/odd-transactions.ts';
import { openDesk, spend, type Desk } from './testing/twin-desk.ts';

const fetched = await fetchKnots();
const note = fetched.kind === 'ready' ? '' : ` (did not run: ${fetched.reason})`;
const against = it.skipIf(fetched.kind !== 'ready');
const WALLET = 'treasury';
const DESCRIPTORS = [`tr(${TAPROOT.internalKey})`, `wpkh(${SEGWIT.publicKey})`].map(withChecksum);

let desk: Desk;

beforeAll(async () => {
  if (fetched.kind === 'ready') desk = await openDesk();
});

afterAll(async () => await desk?.twin.stop());

/** All that a wallet tells, after it was told all blocks. */
const look = async (txids: readonly string[] = []): Promise<void> => {
  await desk.twin.share();
  const since = desk.twin.chain.truth.blockAt(101)?.hash;
  for (const params of [[], [0], [1, 3], [0, 9_999_999, [], false]]) {
    await desk.agree('listunspent', params, WALLET);
  }
  await desk.agree('getbalances', [], WALLET);
  await desk.agree('listsinceblock', [], WALLET);
  await desk.agree('listsinceblock', [since, 6], WALLET);
  for (const txid of txids) await desk.agree('gettransaction', [txid, true, true], WALLET);
};

const outputOf = (paid: Paid, vout: number, units: bigint): OwnCoin => ({
  txid: paid.txid,
  vout,
  units,
});

against(`makes and loads wallets as Bitcoin Knots does${note}`, async () => {
  await desk.agree('listunspent', []);
  await desk.agree('listwallets', []);
  await desk.agree('createwallet', [WALLET, true, true]);
  await desk.agree('listwallets', []);
  const requests = DESCRIPTORS.map((desc) => ({ desc, timestamp: 'now', label: 'ours' }));
  const refused = [
    { desc: `tr(${TAPROOT.internalKey})`, timestamp: 'now' },
    { desc: `tr(${TAPROOT.internalKey})#aaaaaaaa`, timestamp: 'now' },
  ];
  await desk.agree('importdescriptors', [[...requests, ...refused]], WALLET);
  await desk.agree('listdescriptors', [], WALLET);
  await desk.agree('getwalletinfo', [], WALLET);
  await desk.agree('loadwallet', [WALLET]);
  await desk.agree('createwallet', ['second', true, true]);
  await desk.agree('listunspent', []);
  await desk.agree('listunspent', [], 'third');
  await desk.agree('unloadwallet', ['third']);
  await desk.agree('gettransaction', ['ab'.repeat(32)], WALLET);
});

against(`tells of deposits and payouts as Bitcoin Knots does${note}`, async () => {
  const coin = await desk.coin(TAPROOT, 10_000_000n);
  const second = await desk.coin(SEGWIT, 20_000_000n);
  await look([coin.txid, second.txid]);
  const paid = spend(TAPROOT, [coin], {
    to: [{ scriptHex: LEGACY.scriptHex, units: 3_000_000n }],
  });
  await desk.agree('sendrawtransaction', [paid.rawHex]);
  await look([paid.txid]);
  const chained = spend(TAPROOT, [outputOf(paid, 1, 6_999_000n)], {
    to: [{ scriptHex: SEGWIT.scriptHex, units: 1_000_000n }],
  });
  await desk.agree('sendrawtransaction', [chained.rawHex]);
  await look([paid.txid, chained.txid]);
  await desk.mine();
  await look([paid.txid, chained.txid]);
  for (let depth = 0; depth < 6; depth += 1) await desk.mine();
  await look([paid.txid, chained.txid]);
});

against(`tells of what is replaced, buried and unburied as Bitcoin Knots does${note}`, async () => {
  const { chain } = desk.twin;
  const coin = await desk.coin(TAPROOT, 30_000_000n);
  const older = spend(TAPROOT, [coin], { fee: 1_000n });
  const newer = spend(TAPROOT, [coin], {
    fee: 5_000n,
    to: [{ scriptHex: LEGACY.scriptHex, units: 1_000_000n }],
  });
  const both = [older.txid, newer.txid];
  await desk.agree('sendrawtransaction', [older.rawHex]);
  await look([older.txid]);
  await desk.agree('sendrawtransaction', [newer.rawHex]);
  await look(both);
  await desk.mine();
  await desk.mine();
  await look(both);
  // The older version is mined after all.
  chain.reorganise({ depth: 2, transactions: 'return', include: [older.txid] });
  await look(both);
  await desk.mine();
  await look(both);
  // And undone: both wait for nothing, or one waits again.
  chain.reorganise({ depth: 4, transactions: 'return' });
  await look(both);
  await desk.mine();
  await look(both);
});

against(`tells of young coins as Bitcoin Knots does${note}`, async () => {
  desk.twin.chain.produceBlock({ coinbaseScriptHex: TAPROOT.scriptHex });
  await look();
  desk.twin.chain.reorganise({ depth: 1, transactions: 'return' });
  await look();
  expect(await desk.agree('getwalletinfo', [], WALLET)).toHaveProperty('result.walletname', WALLET);
});

against(`looks back for a wallet that comes late as Bitcoin Knots does${note}`, async () => {
  await desk.agree('createwallet', ['late', true, true]);
  const requests = DESCRIPTORS.map((desc) => ({ desc, timestamp: 0 }));
  await desk.agree('importdescriptors', [requests], 'late');
  await desk.agree('listunspent', [0], 'late');
  await desk.agree('getbalances', [], 'late');
  await desk.agree('unloadwallet', ['late']);
  await desk.coin(TAPROOT, 5_000_000n);
  await desk.agree('loadwallet', ['late']);
  await desk.agree('listunspent', [0], 'late');
});

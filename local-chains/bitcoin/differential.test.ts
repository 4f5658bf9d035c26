import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchKnots } from './fetch-knots.ts';
import { isRecord } from './question.ts';
import {
  LEGACY,
  ODD_TRANSACTIONS,
  SEGWIT,
  TAPROOT,
  type Stock,
} from './testing/odd-transactions.ts';
import { openDesk, spend, type Desk } from './testing/twin-desk.ts';

const fetched = await fetchKnots();
const note = fetched.kind === 'ready' ? '' : ` (did not run: ${fetched.reason})`;
const against = it.skipIf(fetched.kind !== 'ready');

let desk: Desk;
let stock: Stock;

beforeAll(async () => {
  if (fetched.kind !== 'ready') return;
  desk = await openDesk();
  const taproot = [
    await desk.coin(TAPROOT, 10_000_000n),
    await desk.coin(TAPROOT, 20_000_000n),
  ] as const;
  const segwit = await desk.coin(SEGWIT, 10_000_000n);
  const legacy = await desk.coin(LEGACY, 10_000_000n);
  desk.twin.chain.produceBlock({ coinbaseScriptHex: TAPROOT.scriptHex });
  await desk.mine();
  const { height } = desk.twin.chain.truth.tip();
  const txid = desk.twin.chain.truth.blockAt(height - 1)?.txids[0] ?? '';
  stock = { taproot, segwit, legacy, height, young: { txid, vout: 0, units: 5_000_000_000n } };
});

afterAll(async () => await desk?.twin.stop());

against(`says of blocks, transactions and coins what Bitcoin Knots says${note}`, async () => {
  const { twin } = desk;
  const agree = async (method: string, params: readonly unknown[]): Promise<unknown> =>
    await desk.agree(method, params);
  const coins = [
    await desk.coin(TAPROOT, 100_000_000n),
    await desk.coin(SEGWIT, 70_000_001n),
  ] as const;
  const old = await desk.coin(LEGACY, 50_000_000n);
  const to = [{ scriptHex: LEGACY.scriptHex, units: 1_000_000n }];
  const paid = [
    spend(TAPROOT, [coins[0]], { to }),
    spend(SEGWIT, [coins[1]], { to }),
    spend(LEGACY, [old], { to }),
  ];
  for (const { rawHex, txid } of paid) {
    for (const method of ['sendrawtransaction', 'decoderawtransaction', 'sendrawtransaction']) {
      await agree('testmempoolaccept', [[rawHex]]);
      await agree(method, [rawHex]);
    }
    await agree('getmempoolentry', [txid]);
    for (const verbosity of [0, 1, 2]) await agree('getrawtransaction', [txid, verbosity]);
  }
  await agree('gettxspendingprevout', [coins.map(({ txid, vout }) => ({ txid, vout }))]);
  for (const { txid, vout } of coins) {
    await agree('gettxout', [txid, vout]);
    await agree('gettxout', [txid, vout, false]);
  }
  await agree('getmempoolinfo', []);
  for (const params of [[], [true], [false, true]]) await agree('getrawmempool', params);
  await desk.mine();
  const { hash, parentHash, height } = twin.chain.truth.tip();
  for (const verbosity of [0, 1, 2, 3, true, false]) await agree('getblock', [hash, verbosity]);
  await agree('getblock', [parentHash]);
  for (const block of [hash, parentHash]) await agree('getblockheader', [block]);
  await agree('getblockheader', [hash, false]);
  await agree('getblockhash', [height]);
  for (const method of ['getblockcount', 'getbestblockhash', 'getblockchaininfo']) {
    await agree(method, []);
  }
  await agree('estimatesmartfee', [6]);
  for (const { txid, rawHex } of paid) {
    await agree('getrawtransaction', [txid]);
    for (const block of [hash, parentHash]) await agree('getrawtransaction', [txid, 2, block]);
    for (const vout of [0, 1, 7]) await agree('gettxout', [txid, vout]);
    await agree('sendrawtransaction', [rawHex]);
    await agree('testmempoolaccept', [[rawHex]]);
  }
});

const ID = 'ab'.repeat(32);
const QUESTIONS: readonly (readonly [string, ...(readonly unknown[])])[] = [
  ['getblockhash', 999_999],
  ['getblockhash', -1],
  ['getblock', ID],
  ['getblock', 'aa'],
  ['getblockheader', ID],
  ['getrawtransaction', ID],
  ['getrawtransaction', 'aa'],
  ['getrawtransaction', 'zz'.repeat(32)],
  ['getrawtransaction', ID, 1, ID],
  ['getmempoolentry', ID],
  ['gettxout', ID, 0],
  ['sendrawtransaction', 'aa'],
  ['sendrawtransaction', 'zz'],
  ['testmempoolaccept', ['aa']],
  ['gettxspendingprevout', []],
  ['nosuchmethod'],
  ['submitblock', 'aa'],
  ['getdescriptorinfo', `wpkh(${SEGWIT.publicKey})`],
  ['getdescriptorinfo', `tr(${TAPROOT.internalKey})`],
  ['getdescriptorinfo', `tr(${TAPROOT.internalKey})#aaaaaaaa`],
  ['validateaddress', 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080'],
  ['scantxoutset', 'start', [`tr(${TAPROOT.internalKey})`, `raw(${SEGWIT.scriptHex})`]],
  ['scantxoutset', 'start', [`pkh(${LEGACY.publicKey})`, `wpkh(${SEGWIT.publicKey})`]],
];

against.each(QUESTIONS.map(([method, ...params]) => ({ method, params })))(
  `answers as Bitcoin Knots: $method $params${note}`,
  async ({ method, params }) => {
    await desk.agree(method, params);
  },
);

against.each(ODD_TRANSACTIONS)(
  `judges a transaction as Bitcoin Knots: %s${note}`,
  async (_, make) => {
    const { rawHex } = make(stock);
    const outcome = await desk.agree('testmempoolaccept', [[rawHex]]);
    // What is refused is sent, to compare the errors; what is not would be gone for the other cases.
    const isAllowed = JSON.stringify(outcome).includes('"allowed":true');
    if (!isAllowed) await desk.agree('sendrawtransaction', [rawHex, 0.1, 0]);
    expect(isRecord(outcome)).toBe(true);
  },
);

import { hexToBytes } from '@noble/hashes/utils.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assembleBlock, type Assembly } from './assemble.ts';
import { blockHex, mineBlock, parseBlock, type Block } from './block.ts';
import { fetchKnots } from './fetch-knots.ts';
import type { OwnCoin } from './testing/payer.ts';
import { TAPROOT } from './testing/odd-transactions.ts';
import { openDesk, spend, type Desk } from './testing/twin-desk.ts';
import { completeTransaction, parseTransaction, type Transaction } from './transaction.ts';

const fetched = await fetchKnots();
const note = fetched.kind === 'ready' ? '' : ` (did not run: ${fetched.reason})`;
const against = it.skipIf(fetched.kind !== 'ready');

let desk: Desk;
let coin: OwnCoin;
let payment: Transaction;
let parent: Assembly['parent'];

beforeAll(async () => {
  if (fetched.kind !== 'ready') return;
  desk = await openDesk();
  coin = await desk.coin(TAPROOT, 10_000_000n);
  payment = parseTransaction(hexToBytes(spend(TAPROOT, [coin], { fee: 1_000n }).rawHex));
  const { hash, height } = desk.twin.chain.truth.tip();
  const told = await desk.twin.node.request('getblock', [hash, 0]);
  const { mediantime } = (await desk.twin.node.request('getblockheader', [hash])) as {
    readonly mediantime: number;
  };
  const block = parseBlock(hexToBytes(String(told)));
  parent = { block, height, medianTime: mediantime, parent: undefined, order: 0, spent: undefined };
});

afterAll(async () => await desk?.twin.stop());

let nonces = 100;

/** A block that is right, but for what is changed. */
function block(changes: Partial<Assembly> = {}): Block {
  nonces += 1;
  return assembleBlock({
    parent,
    nowSeconds: parent.block.time + 1,
    halvingBlocks: 150,
    extraNonce: nonces,
    coinbaseScriptHex: TAPROOT.scriptHex,
    transactions: [payment],
    feesUnits: 1_000n,
    ...changes,
  });
}

/** The coinbase with something changed, under a new root and with new work. */
function withCoinbase(change: (coinbase: Transaction) => Partial<Transaction>): Block {
  const right = block();
  const [coinbase, ...others] = right.transactions;
  if (coinbase === undefined) throw new Error('no coinbase');
  return mineBlock(right, [completeTransaction({ ...coinbase, ...change(coinbase) }), ...others]);
}

function withWitness(items: readonly Uint8Array[]): Block {
  return withCoinbase(({ inputs }) => ({
    inputs: inputs.map((each) => ({ ...each, witness: items })),
  }));
}

const changed = (change: (payment: Transaction) => Partial<Transaction>): Transaction =>
  completeTransaction({ ...payment, ...change(payment) });

const WRONG: readonly (readonly [string, () => Block])[] = [
  ['too much for the miner', () => block({ feesUnits: 1_001n })],
  ['a transaction twice', () => block({ transactions: [payment, payment] })],
  ['a pair of transactions twice', () => block({ transactions: [payment, payment, payment] })],
  [
    'a coin that is not there',
    () =>
      block({
        transactions: [
          changed(({ inputs }) => ({
            inputs: inputs.map((each) => ({ ...each, txid: 'ab'.repeat(32) })),
          })),
        ],
      }),
  ],
  [
    'a broken signature',
    () =>
      block({
        transactions: [
          changed(({ inputs }) => ({
            inputs: inputs.map((each) => ({ ...each, witness: [new Uint8Array(64)] })),
          })),
        ],
      }),
  ],
  [
    'a transaction before its time',
    () => block({ transactions: [changed(() => ({ lockTime: 9_999 }))] }),
  ],
  ['no outputs', () => block({ transactions: [changed(() => ({ outputs: [] }))] })],
  ['a time too far ahead', () => block({ nowSeconds: 1_900_000_000 })],
  [
    'a time too long ago',
    () => mineBlock({ ...block(), time: parent.medianTime }, block().transactions),
  ],
  ['another height', () => block({ parent: { ...parent, height: 5 } })],
  ['another difficulty', () => mineBlock({ ...block(), bits: 0x207ffffe }, block().transactions)],
  ['another root', () => ({ ...block(), merkleRoot: '00'.repeat(32) })],
  ['no parent', () => mineBlock({ ...block(), parentHash: 'ab'.repeat(32) }, block().transactions)],
  ['no commitment', () => withCoinbase(({ outputs }) => ({ outputs: outputs.slice(0, 1) }))],
  ['a commitment to something else', () => withWitness([new Uint8Array(32).fill(1)])],
  ['a reserved value of another size', () => withWitness([new Uint8Array(31)])],
  ['no coinbase', () => mineBlock(block(), [payment])],
  ['two coinbases', () => mineBlock(block(), [...block().transactions, ...block().transactions])],
  [
    'a coinbase with a long script',
    () =>
      withCoinbase(({ inputs }) => ({
        inputs: inputs.map((each) => ({ ...each, scriptSig: new Uint8Array(101) })),
      })),
  ],
  ['nothing wrong', () => block()],
];

against.each(WRONG)(`judges a block as Bitcoin Knots: %s${note}`, async (name, make) => {
  const hex = blockHex(make());
  await desk.agree('submitblock', [hex]);
  // What is invalid by itself is told again, or remembered: the node decides by how far it looked.
  if (name === 'nothing wrong') await desk.agree('submitblock', [hex]);
  await desk.agree('getbestblockhash', []);
});

against(`invalidates and reconsiders as Bitcoin Knots does${note}`, async () => {
  const { hash } = desk.twin.chain.truth.tip();
  for (const method of ['invalidateblock', 'reconsiderblock']) {
    await desk.agree(method, [hash]);
    for (const asked of ['getbestblockhash', 'getblockcount', 'getrawmempool']) {
      await desk.agree(asked, []);
    }
    await desk.agree('gettxout', [coin.txid, coin.vout]);
    await desk.agree('getblockheader', [hash]);
  }
  expect(desk.twin.chain.truth.tip().hash).toBe(hash);
});

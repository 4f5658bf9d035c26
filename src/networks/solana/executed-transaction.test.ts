import { base58, base64 } from '@scure/base';
import { getCompiledTransactionMessageEncoder } from '@solana/kit';
import { describe, expect, it } from 'vitest';
import { wallet } from '../../../test/harness/solana-world.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { readExecutedTransaction, unitsAround } from './executed-transaction.ts';

const [A, B, TABLE, C, D, MINT] = ['a', 'b', 'table', 'c', 'd', 'mint'].map(wallet) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const SIGNATURE = new Uint8Array(64).fill(9);
const NAME = base58.encode(SIGNATURE);

/** A transaction of version 0, as wallets and exchanges send them: two of its accounts are in a table. */
function answer(changes: object = {}, meta: object = {}): unknown {
  const encoder = getCompiledTransactionMessageEncoder();
  const message = encoder.encode({
    version: 0,
    header: { numReadonlyNonSignerAccounts: 1, numReadonlySignerAccounts: 0, numSignerAccounts: 1 },
    staticAccounts: [A, B],
    lifetimeToken: wallet('hash'),
    instructions: [{ programAddressIndex: 1, accountIndices: [0, 2, 3], data: Uint8Array.of(1) }],
    addressTableLookups: [
      { lookupTableAddress: TABLE, writableIndexes: [7], readonlyIndexes: [1] },
    ],
  } as unknown as Parameters<typeof encoder.encode>[0]);
  const balance = (amount: string) => ({
    accountIndex: 2,
    mint: MINT,
    owner: D,
    uiTokenAmount: { amount, decimals: 6, uiAmountString: 'x' },
  });
  return {
    slot: 77,
    version: 0,
    transaction: [base64.encode(Uint8Array.from([1, ...SIGNATURE, ...message])), 'base64'],
    meta: {
      err: null,
      fee: 5_000,
      preBalances: [9, 8, 7, 6],
      postBalances: [4, 8, 7, 6],
      preTokenBalances: [balance('5')],
      postTokenBalances: [balance('7')],
      loadedAddresses: { writable: [C], readonly: [D] },
      ...meta,
    },
    ...changes,
  };
}

describe('an executed transaction', () => {
  it('has the accounts of its lookup tables behind its own', () => {
    const read = readExecutedTransaction(answer(), NAME);
    expect(read.accounts).toEqual([A, B, C, D]);
    expect(read.slot).toBe(77n);
    expect(unitsAround(read, { account: C, mint: MINT })).toEqual({ before: 5n, after: 7n });
    expect(unitsAround(read, { account: C, mint: TABLE })).toEqual({ before: 0n, after: 0n });
    expect(read.lamportsOf(0)).toEqual({ before: 9n, after: 4n });
    expect(read.tokensAfter[0]?.owner).toBe(D);
  });

  it('may be of a node that does not tell owners', () => {
    const balances = [{ accountIndex: 2, mint: MINT, uiTokenAmount: { amount: '7' } }];
    const read = readExecutedTransaction(answer({}, { postTokenBalances: balances }), NAME);
    expect(read.tokensAfter).toEqual([{ account: C, mint: MINT, owner: null, units: 7n }]);
  });

  it('may hold balances that are too large to be exact, where nobody asks for them', () => {
    const read = readExecutedTransaction(answer({}, { preBalances: [9, 2 ** 60, 7, 6] }), NAME);
    expect(read.lamportsOf(0).before).toBe(9n);
    expect(() => read.lamportsOf(1)).toThrow(RpcFailure);
  });

  it.each<[string, object, object]>([
    ['of another signature', { transaction: [base64.encode(new Uint8Array(70)), 'base64'] }, {}],
    ['in another encoding', { transaction: ['x', 'base58'] }, {}],
    ['with bytes that are none', { transaction: ['!', 'base64'] }, {}],
    ['without meta', { meta: undefined }, {}],
    ['without a slot', { slot: '77' }, {}],
    ['without the accounts of its tables', {}, { loadedAddresses: null }],
    ['with fewer balances than accounts', {}, { preBalances: [9] }],
    ['with a fraction of a lamport as fee', {}, { fee: 0.5 }],
    ['with a token balance of no account', {}, { preTokenBalances: [{ accountIndex: 4 }] }],
    ['without token balances', {}, { preTokenBalances: null }],
  ])('%s is no answer', (_, changes, meta) => {
    expect(() => readExecutedTransaction(answer(changes, meta), NAME)).toThrow(RpcFailure);
  });
});

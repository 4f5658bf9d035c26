import { AssertionFailure } from '../../base/assert.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { parseTransaction, type ParsedTransaction } from './message.ts';
import {
  readBytes,
  readCount,
  readError,
  readKey,
  readList,
  readRecord,
  readUnits,
  type TransactionError,
} from './read-answer.ts';

/** A transaction that lies in a block, with what it did. */
export interface ExecutedTransaction {
  readonly slot: bigint;
  readonly parsed: ParsedTransaction;
  /** All accounts that it could touch: the message's own, then those of its lookup tables. */
  readonly accounts: readonly string[];
  readonly error: TransactionError;
  /** What the payer of the fee was charged, in lamports. */
  readonly feeLamports: bigint;
  /** Units of the token accounts among `accounts`, before and after. */
  readonly tokensBefore: readonly TokenBalance[];
  readonly tokensAfter: readonly TokenBalance[];
  /** Lamports of an account by its place in `accounts`, before and after. */
  lamportsOf(index: number): { readonly before: bigint; readonly after: bigint };
}

export interface TokenBalance {
  readonly account: string;
  readonly mint: string;
  /** Whom the token account belongs to; null where the node does not tell. */
  readonly owner: string | null;
  readonly units: bigint;
}

/** Throws RpcFailure unless the answer is whole and of the signature that was asked for. */
export function readExecutedTransaction(value: unknown, signature: string): ExecutedTransaction {
  const answer = readRecord(value, 'transaction');
  const parsed = parse(readBytes(answer['transaction'], 'transaction'));
  if (parsed.signatures[0] !== signature) {
    throw new RpcFailure('the node answered with another transaction');
  }
  const meta = readRecord(answer['meta'], 'meta');
  const accounts = [...parsed.message.accounts, ...readLoaded(meta['loadedAddresses'] ?? null)];
  const balances = (name: 'preTokenBalances' | 'postTokenBalances'): TokenBalance[] =>
    readList(meta[name], name).map((it) => readTokenBalance(it, accounts));
  const lamports = (name: 'preBalances' | 'postBalances'): readonly unknown[] => {
    const list = readList(meta[name], name);
    if (list.length === accounts.length) return list;
    throw new RpcFailure('the transaction has balances of other accounts');
  };
  const [before, after] = [lamports('preBalances'), lamports('postBalances')];
  return {
    slot: readCount(answer['slot'], 'slot of a transaction'),
    parsed,
    accounts,
    error: readError(meta['err'], 'error of a transaction'),
    feeLamports: readCount(meta['fee'], 'fee'),
    tokensBefore: balances('preTokenBalances'),
    tokensAfter: balances('postTokenBalances'),
    // Read one by one: the balance of an account that does not matter here may have more digits.
    lamportsOf: (index) => ({
      before: readCount(before[index], 'lamports before'),
      after: readCount(after[index], 'lamports after'),
    }),
  };
}

function parse(bytes: Uint8Array): ParsedTransaction {
  try {
    return parseTransaction(bytes);
  } catch (error) {
    if (!(error instanceof AssertionFailure)) throw error;
    throw new RpcFailure(`the transaction is malformed: ${error.message}`);
  }
}

/** Null from nodes that know no lookup tables: then there are none. */
function readLoaded(value: unknown): string[] {
  if (value === null) return [];
  const loaded = readRecord(value, 'loaded addresses');
  return [loaded['writable'], loaded['readonly']].flatMap((list) =>
    readList(list, 'loaded addresses').map((it) => readKey(it, 'loaded address')),
  );
}

function readTokenBalance(value: unknown, accounts: readonly string[]): TokenBalance {
  const balance = readRecord(value, 'token balance');
  const account = accounts[Number(readCount(balance['accountIndex'], 'account index'))];
  if (account === undefined) throw new RpcFailure('a token balance is of no account');
  const amount = readRecord(balance['uiTokenAmount'], 'token amount');
  const owner = balance['owner'] ?? null;
  return {
    account,
    mint: readKey(balance['mint'], 'mint of a token balance'),
    owner: owner === null ? null : readKey(owner, 'owner of a token balance'),
    units: readUnits(amount['amount'], 'token units'),
  };
}

/** What an account held of a mint, before and after: nothing while it was no token account of it. */
export function unitsAround(
  { tokensBefore, tokensAfter }: ExecutedTransaction,
  { account, mint }: { readonly account: string; readonly mint: string },
): { readonly before: bigint; readonly after: bigint } {
  const unitsIn = (balances: readonly TokenBalance[]): bigint => {
    const found = balances.filter((it) => it.account === account && it.mint === mint);
    if (found.length > 1) throw new RpcFailure('a token account has two balances');
    return found[0]?.units ?? 0n;
  };
  return { before: unitsIn(tokensBefore), after: unitsIn(tokensAfter) };
}

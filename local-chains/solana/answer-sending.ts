import { base58 } from '@scure/base';
import { readAccountEncoding } from './answer-accounts.ts';
import type { Json, SolanaAccount } from './chain-interface.ts';
import { checkAge, tryTransaction, BLOCKHASH_BLOCKS, type Attempt } from './core.ts';
import { feeOf } from './fees.ts';
import { loadKeys } from './load-keys.ts';
import { heightForForwarding, isSigned } from './produce-block.ts';
import { transferLamports, writeMemo } from './programs.ts';
import {
  bankOf,
  inContext,
  isRecord,
  readAddress,
  readConfig,
  readCount,
  readList,
  readText,
  type Bank,
  type Config,
  type Knowledge,
  type Params,
} from './question.ts';
import { renderAccount } from './render-account.ts';
import {
  lamportsIn,
  renderInner,
  renderReturned,
  renderTokenBalances,
} from './render-transaction.ts';
import { invalidParams, nodeUnhealthy, preflightFailure, signatureFailure } from './rpc-error.ts';
import { signTransaction } from './sign-transaction.ts';
import { describeError } from './transaction-error.ts';
import {
  MAX_TRANSACTION_BYTES,
  readTransaction,
  UnreadableTransaction,
  type WireTransaction,
} from './wire-transaction.ts';

/** Gives the signature: that it was taken, not that it will ever be in a block. */
export function sendTransaction(knowledge: Knowledge, params: Params): Json {
  const config = readConfig(params, 1);
  const transaction = decodeTransaction(readText(params[0]), config['encoding'] ?? 'base58');
  const skips = config['skipPreflight'] === true;
  const { preflightCommitment, minContextSlot } = config;
  const commitment = skips ? 'processed' : preflightCommitment;
  const bank = bankOf(knowledge, { commitment, minContextSlot });
  checkLookups(transaction, bank);
  if (!skips) preflight(knowledge, bank, transaction);
  forward(knowledge, transaction);
  return transaction.signature;
}

function preflight(knowledge: Knowledge, bank: Bank, transaction: WireTransaction): void {
  if (!isSigned(transaction)) throw signatureFailure();
  const { admitsBehind } = knowledge.faults;
  if (admitsBehind !== null) throw nodeUnhealthy(admitsBehind);
  const result = simulate(knowledge, bank, { transaction, isAgeless: false });
  if (result.error === null) return;
  throw preflightFailure(`Transaction simulation failed: ${result.text}`, result.answer());
}

/** On its way to whoever makes the next blocks, unless this node keeps it to itself. */
function forward({ core, faults }: Knowledge, transaction: WireTransaction): void {
  if (faults.forwards === 'never') return;
  core.pool.add(transaction, heightForForwarding(core, transaction, faults.forwards));
}

export function simulateTransaction(knowledge: Knowledge, params: Params): Json {
  const config = readConfig(params, 1);
  const given = decodeTransaction(readText(params[0]), config['encoding'] ?? 'base58');
  const bank = bankOf(knowledge, config);
  const replaces = config['replaceRecentBlockhash'] === true;
  const verifies = config['sigVerify'] === true;
  if (replaces && verifies) {
    throw invalidParams('sigVerify may not be used with replaceRecentBlockhash');
  }
  checkLookups(given, bank);
  if (verifies && !isSigned(given)) throw signatureFailure();
  const { blockhash, height } = bank.block;
  const transaction = replaces ? { ...given, recentBlockhash: blockhash } : given;
  const result = simulate(knowledge, bank, { transaction, isAgeless: replaces });
  const lastValidBlockHeight = height + BLOCKHASH_BLOCKS;
  return inContext(bank, {
    ...result.answer(),
    accounts: renderWanted({ config, bank, transaction, changes: result.changes }),
    innerInstructions: config['innerInstructions'] === true ? result.inner() : null,
    replacementBlockhash: replaces ? { blockhash, lastValidBlockHeight } : null,
  });
}

interface Simulated {
  readonly error: Json;
  readonly text: string;
  /** Made only where it is shown: most preflights have nothing to say. */
  readonly answer: () => { readonly [name: string]: Json };
  readonly inner: () => Json;
  /** Null where it failed. */
  readonly changes: ReadonlyMap<string, SolanaAccount | null> | null;
}

function simulate(
  { core }: Knowledge,
  bank: Bank,
  job: { readonly transaction: WireTransaction; readonly isAgeless: boolean },
): Simulated {
  const { transaction, isAgeless } = job;
  const tooOld = isAgeless ? null : checkAge(core, bank.view, transaction);
  const attempt: Attempt =
    tooOld === null
      ? tryTransaction(core, bank.view, transaction)
      : { kind: 'refused', error: tooOld };
  if (attempt.kind === 'refused') {
    const { error, text } = describeError(attempt.error);
    const answer = (): { readonly [name: string]: Json } => ({ ...NOTHING_HAPPENED, err: error });
    return { error, text, answer, inner: () => null, changes: null };
  }
  const { outcome, changes } = attempt.run;
  const { error, errorText: text } = outcome;
  return {
    error,
    text,
    answer: () => renderSimulated(bank, transaction, attempt),
    inner: () => renderInner(outcome, attempt.keys),
    changes: error === null ? changes : null,
  };
}

function renderSimulated(
  bank: Bank,
  transaction: WireTransaction,
  { keys, run }: Extract<Attempt, { kind: 'ran' }>,
): { readonly [name: string]: Json } {
  const { outcome, changes } = run;
  const before = keys.all.map((address) => bank.accounts.account(address));
  const after = keys.all.map((address, index) => {
    const changed = changes.get(address);
    return changed === undefined ? (before[index] ?? null) : changed;
  });
  const { writable, readonly } = keys.lookedUp;
  return {
    ...NOTHING_HAPPENED,
    err: outcome.error,
    logs: [...outcome.logs],
    unitsConsumed: Number(outcome.unitsConsumed),
    returnData: renderReturned(outcome),
    loadedAccountsDataSize: loadedBytes(before, bank),
    fee: Number(feeOf(transaction).lamports),
    loadedAddresses: { writable: [...writable], readonly: [...readonly] },
    preBalances: lamportsIn(before),
    postBalances: lamportsIn(after),
    preTokenBalances: renderTokenBalances(keys, before, bank.accounts),
    postTokenBalances: renderTokenBalances(keys, after, bank.accounts),
  };
}

const UPGRADEABLE_LOADER = 'BPFLoaderUpgradeab1e11111111111111111111111';
/** What each account counts for besides its data: SIMD-0186. */
const ACCOUNT_OVERHEAD_BYTES = 64;

/** Of all accounts, and of the code that stands behind the programs among them. */
function loadedBytes(accounts: readonly (SolanaAccount | null)[], bank: Bank): number {
  return accounts.reduce((sum, account) => {
    if (account === null) return sum;
    const own = ACCOUNT_OVERHEAD_BYTES + account.data.length;
    if (!account.executable || account.owner !== UPGRADEABLE_LOADER) return sum + own;
    const code = bank.accounts.account(base58.encode(account.data.subarray(4, 36)));
    return sum + own + (code === null ? 0 : ACCOUNT_OVERHEAD_BYTES + code.data.length);
  }, 0);
}

const NOTHING_HAPPENED = {
  accounts: null,
  err: null,
  fee: null,
  innerInstructions: null,
  loadedAccountsDataSize: 0,
  loadedAddresses: null,
  logs: [],
  postBalances: null,
  postTokenBalances: null,
  preBalances: null,
  preTokenBalances: null,
  replacementBlockhash: null,
  returnData: null,
  unitsConsumed: 0,
};

function renderWanted(about: {
  readonly config: Config;
  readonly bank: Bank;
  readonly transaction: WireTransaction;
  readonly changes: ReadonlyMap<string, SolanaAccount | null> | null;
}): Json {
  const { config, bank, transaction, changes } = about;
  const wanted = config['accounts'];
  if (!isRecord(wanted)) return null;
  const addresses = readList(wanted['addresses'], transaction.keys.length).map(readAddress);
  const encoding = readAccountEncoding(wanted, 'base64');
  if (encoding.encoding === 'base58' || encoding.encoding === 'binary') {
    throw invalidParams('base58 encoding not supported');
  }
  if (changes === null) return addresses.map(() => null);
  return addresses.map((address) => {
    const changed = changes.get(address);
    const account = changed === undefined ? bank.accounts.account(address) : changed;
    return renderAccount(account, encoding, bank.accounts);
  });
}

export function requestAirdrop(knowledge: Knowledge, params: Params): Json {
  const { core } = knowledge;
  const to = readAddress(params[0]);
  const lamports = BigInt(readCount(params[1]));
  const { block } = bankOf(knowledge, readConfig(params, 2));
  const transfer = transferLamports(core.faucet.address, to, lamports);
  const bytes = signTransaction({
    signers: [core.faucet],
    instructions: [transfer, writeMemo(`airdrop ${core.nextSerial()}`)],
    blockhash: block.blockhash,
  });
  const transaction = readTransaction(bytes);
  forward(knowledge, transaction);
  return transaction.signature;
}

/** A validator resolves look-up tables before anything else, and calls a failure "invalid params". */
function checkLookups(transaction: WireTransaction, bank: Bank): void {
  if (transaction.lookups.length === 0) return;
  const loaded = loadKeys({ ...transaction, keys: [] }, bank.accounts);
  if (!('error' in loaded)) return;
  throw invalidParams(`invalid transaction: ${describeError(loaded.error).text}`);
}

function decodeTransaction(text: string, encoding: Json): WireTransaction {
  const bytes = decode(text, encoding);
  const kind = 'solana_transaction::versioned::VersionedTransaction';
  if (bytes.length > MAX_TRANSACTION_BYTES) {
    const size = `${bytes.length} bytes (max: ${MAX_TRANSACTION_BYTES} bytes)`;
    throw invalidParams(`decoded ${kind} too large: ${size}`);
  }
  try {
    return readTransaction(bytes);
  } catch (error) {
    if (!(error instanceof UnreadableTransaction)) throw error;
    if (error.kind === 'malformed') {
      throw invalidParams(`failed to deserialize ${kind}: ${error.message}`);
    }
    throw invalidParams(`invalid transaction: ${describeError('SanitizeFailure').text}`);
  }
}

const LONGEST_BASE58 = 1_683;
const LONGEST_BASE64 = 1_644;

function decode(text: string, encoding: Json): Uint8Array {
  const longest = encoding === 'base64' ? LONGEST_BASE64 : LONGEST_BASE58;
  if (encoding !== 'base64' && encoding !== 'base58') {
    const supported = 'Supported encodings: base58, base64';
    throw invalidParams(`unsupported encoding: ${JSON.stringify(encoding)}. ${supported}`);
  }
  if (text.length > longest) {
    const size = `${text.length} bytes (max: encoded/raw ${longest}/${MAX_TRANSACTION_BYTES})`;
    throw invalidParams(
      `${encoding} encoded solana_transaction::versioned::VersionedTransaction too large: ${size}`,
    );
  }
  if (encoding === 'base64') {
    const bytes = Buffer.from(text, 'base64');
    if (bytes.toString('base64') === text) return bytes;
    throw invalidParams('invalid base64 encoding: InvalidPadding');
  }
  try {
    return base58.decode(text);
  } catch {
    throw invalidParams('invalid base58 encoding: InvalidCharacter');
  }
}

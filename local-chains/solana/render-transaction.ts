import { base58 } from '@scure/base';
import type { Block, Executed, LoadedKeys, Outcome } from './block.ts';
import type { Json, SolanaAccount, TransactionError } from './chain-interface.ts';
import type { AccountsView } from './executor.ts';
import { renderUnits } from './render-account.ts';
import { renderCall, renderParsedCall, type Call } from './render-instruction.ts';
import { invalidParams, unsupportedVersion } from './rpc-error.ts';
import { readMint, readTokenAccount } from './token-state.ts';

export interface TransactionEncoding {
  readonly encoding: string;
  /** Null where the client did not say: legacy ones only. */
  readonly maxVersion: number | null;
  readonly details: 'full' | 'accounts';
  readonly rewards: boolean;
}

/** `transaction`, `meta`, and `version` where the client knows of versions. */
export function renderTransaction(
  executed: Executed,
  options: TransactionEncoding,
  accounts: AccountsView,
): { readonly [name: string]: Json } {
  const { version } = executed.transaction;
  const { maxVersion } = options;
  if (version !== 'legacy' && (maxVersion === null || maxVersion < version)) {
    throw unsupportedVersion(version);
  }
  const shown =
    options.details === 'accounts'
      ? {
          transaction: renderAccountsOnly(executed),
          meta: renderBriefMeta(executed, options, accounts),
        }
      : {
          transaction: encodeTransaction(executed, options.encoding),
          meta: renderMeta(executed, options, accounts),
        };
  return maxVersion === null ? shown : { ...shown, version };
}

function encodeTransaction(executed: Executed, encoding: string): Json {
  const { bytes } = executed.transaction;
  switch (encoding) {
    case 'base64':
      return [Buffer.from(bytes).toString('base64'), 'base64'];
    case 'base58':
      return [base58.encode(bytes), 'base58'];
    case 'binary':
      return base58.encode(bytes);
    case 'json':
    case 'jsonParsed':
      return { signatures: signaturesOf(executed), message: renderMessage(executed, encoding) };
    default:
      throw invalidParams(`Invalid params: unknown variant \`${encoding}\`.`);
  }
}

function signaturesOf({ transaction }: Executed): string[] {
  return transaction.signatures.map((signature) => base58.encode(signature));
}

function renderMessage(executed: Executed, encoding: 'json' | 'jsonParsed'): Json {
  const { transaction, keys } = executed;
  const { recentBlockhash, version } = transaction;
  const calls = transaction.instructions.map((call) => ({ ...call, stackHeight: 1 }));
  const lookups = transaction.lookups.map(({ table, writable, readonly }) => ({
    accountKey: table,
    writableIndexes: [...writable],
    readonlyIndexes: [...readonly],
  }));
  const versioned = version === 'legacy' ? {} : { addressTableLookups: lookups };
  if (encoding === 'jsonParsed') {
    return {
      accountKeys: renderKeys(executed),
      recentBlockhash,
      instructions: calls.map((call) => renderParsedCall(call, keys.all)),
      ...versioned,
    };
  }
  return {
    header: {
      numRequiredSignatures: transaction.requiredSignatures,
      numReadonlySignedAccounts: transaction.readonlySigned,
      numReadonlyUnsignedAccounts: transaction.readonlyUnsigned,
    },
    accountKeys: [...transaction.keys],
    recentBlockhash,
    instructions: calls.map(renderCall),
    ...versioned,
  };
}

function renderKeys({ transaction, keys }: Executed): Json {
  return keys.all.map((pubkey, index) => ({
    pubkey,
    signer: index < transaction.requiredSignatures,
    source: index < transaction.keys.length ? 'transaction' : 'lookupTable',
    writable: keys.isWritable(index),
  }));
}

function renderAccountsOnly(executed: Executed): Json {
  return { accountKeys: renderKeys(executed), signatures: signaturesOf(executed) };
}

function renderBriefMeta(
  executed: Executed,
  { rewards }: TransactionEncoding,
  accounts: AccountsView,
) {
  const { outcome, keys, before, after, feeLamports } = executed;
  return {
    err: outcome.error,
    status: renderStatus(outcome.error),
    fee: Number(feeLamports),
    preBalances: lamportsIn(before),
    postBalances: lamportsIn(after),
    preTokenBalances: renderTokenBalances(keys, before, accounts),
    postTokenBalances: renderTokenBalances(keys, after, accounts),
    ...(rewards ? { rewards: [] } : {}),
  };
}

function renderMeta(
  executed: Executed,
  options: TransactionEncoding,
  accounts: AccountsView,
): Json {
  const { outcome, keys } = executed;
  const { writable, readonly } = keys.lookedUp;
  const isParsed = options.encoding === 'jsonParsed';
  return {
    ...renderBriefMeta(executed, options, accounts),
    innerInstructions: renderInner(outcome, isParsed ? keys : null),
    logMessages: [...outcome.logs],
    ...(isParsed ? {} : { loadedAddresses: { writable: [...writable], readonly: [...readonly] } }),
    ...(outcome.returned === null ? {} : { returnData: renderReturned(outcome) }),
    computeUnitsConsumed: Number(outcome.unitsConsumed),
  };
}

export function renderStatus(error: TransactionError | null): Json {
  return error === null ? { Ok: null } : { Err: error };
}

/** Parsed where the keys are given. */
export function renderInner(outcome: Outcome, parsedWith: LoadedKeys | null): Json {
  const render = (call: Call): Json =>
    parsedWith === null ? renderCall(call) : renderParsedCall(call, parsedWith.all);
  return outcome.inner.flatMap((calls, index) =>
    calls.length === 0 ? [] : [{ index, instructions: calls.map(render) }],
  );
}

export function renderReturned({ returned }: Outcome): Json {
  if (returned === null) return null;
  const data = Buffer.from(returned.data).toString('base64');
  return { programId: returned.program, data: [data, 'base64'] };
}

export function lamportsIn(accounts: readonly (SolanaAccount | null)[]): number[] {
  return accounts.map((account) => Number(account?.lamports ?? 0n));
}

export function renderTokenBalances(
  keys: LoadedKeys,
  states: readonly (SolanaAccount | null)[],
  accounts: AccountsView,
): Json[] {
  return states.flatMap((account, accountIndex) => {
    const state = readTokenAccount(account);
    if (account === null || state === null) return [];
    const place = keys.all.indexOf(state.mint);
    const mint = readMint(states[place] ?? accounts.account(state.mint));
    if (mint === null) return [];
    const uiTokenAmount = renderUnits(state.units, mint.decimals);
    const { owner } = state;
    return [{ accountIndex, mint: state.mint, owner, programId: account.owner, uiTokenAmount }];
  });
}

export function renderBlock(block: Block, transactions: { readonly [name: string]: Json }): Json {
  return {
    blockHeight: block.height,
    blockTime: block.time,
    blockhash: block.blockhash,
    parentSlot: block.parentSlot,
    previousBlockhash: block.previousBlockhash,
    ...transactions,
  };
}

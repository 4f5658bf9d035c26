import { TOKEN_2022_PROGRAM, TOKEN_PROGRAM } from './address.ts';
import type { Json } from './chain-interface.ts';
import {
  bankOf,
  inContext,
  isRecord,
  readAddress,
  readConfig,
  readCount,
  readList,
  type Bank,
  type Config,
  type Knowledge,
  type Params,
} from './question.ts';
import { renderAccount, renderUnits, type AccountEncoding } from './render-account.ts';
import { invalidParams } from './rpc-error.ts';
import { isTokenProgram, readMint, readTokenAccount } from './token-state.ts';

export function getAccountInfo(knowledge: Knowledge, params: Params): Json {
  const address = readAddress(params[0]);
  const config = readConfig(params, 1);
  const bank = bankOf(knowledge, config);
  const encoding = readAccountEncoding(config, 'binary');
  return inContext(bank, renderAccount(bank.accounts.account(address), encoding, bank.accounts));
}

export function getMultipleAccounts(knowledge: Knowledge, params: Params): Json {
  const addresses = readList(params[0], 100).map(readAddress);
  const config = readConfig(params, 1);
  const bank = bankOf(knowledge, config);
  const encoding = readAccountEncoding(config, 'base64');
  const accounts = addresses.map((address) =>
    renderAccount(bank.accounts.account(address), encoding, bank.accounts),
  );
  return inContext(bank, accounts);
}

export function getBalance(knowledge: Knowledge, params: Params): Json {
  const address = readAddress(params[0]);
  const bank = bankOf(knowledge, readConfig(params, 1));
  return inContext(bank, Number(bank.accounts.account(address)?.lamports ?? 0n));
}

export function getTokenAccountBalance(knowledge: Knowledge, params: Params): Json {
  const address = readAddress(params[0]);
  const bank = bankOf(knowledge, readConfig(params, 1));
  const account = bank.accounts.account(address);
  if (account === null) throw invalidParams('Invalid param: could not find account');
  const state = readTokenAccount(account);
  if (state === null) throw invalidParams('Invalid param: not a Token account');
  return inContext(bank, renderUnits(state.units, decimalsOf(bank, state.mint)));
}

export function getTokenSupply(knowledge: Knowledge, params: Params): Json {
  const address = readAddress(params[0]);
  const bank = bankOf(knowledge, readConfig(params, 1));
  const account = bank.accounts.account(address);
  if (account === null) throw invalidParams('Invalid param: could not find account');
  if (!isTokenProgram(account.owner)) throw invalidParams('Invalid param: not a Token mint');
  const mint = readMint(account);
  if (mint === null) throw invalidParams('Invalid param: mint could not be unpacked');
  return inContext(bank, renderUnits(mint.supply, mint.decimals));
}

function decimalsOf(bank: Bank, mint: string): number {
  const state = readMint(bank.accounts.account(mint));
  if (state === null) throw invalidParams('Invalid param: could not find mint');
  return state.decimals;
}

/** By mint or by token program, in the order of addresses. */
export function getTokenAccountsByOwner(knowledge: Knowledge, params: Params): Json {
  const owner = readAddress(params[0]);
  const wanted = readFilter(knowledge, params[1]);
  const config = readConfig(params, 2);
  const bank = bankOf(knowledge, config);
  const encoding = readAccountEncoding(config, 'binary');
  const found = [...knowledge.core.archive.tokenAccountsOf(owner)].sort().flatMap((pubkey) => {
    const account = bank.accounts.account(pubkey);
    const state = readTokenAccount(account);
    if (account === null || state === null || state.owner !== owner) return [];
    if (!wanted({ mint: state.mint, program: account.owner })) return [];
    return [{ pubkey, account: renderAccount(account, encoding, bank.accounts) }];
  });
  return inContext(bank, found);
}

function readFilter(
  knowledge: Knowledge,
  filter: Json | undefined,
): (place: { readonly mint: string; readonly program: string }) => boolean {
  if (!isRecord(filter)) throw invalidParams('Invalid params: expected a mint or a programId.');
  if (filter['mint'] !== undefined) {
    const mint = readAddress(filter['mint']);
    const account = knowledge.core.accounts(knowledge.view).account(mint);
    if (readMint(account) === null) throw invalidParams('Invalid param: could not find mint');
    return (place) => place.mint === mint;
  }
  const program = readAddress(filter['programId']);
  if (program !== TOKEN_PROGRAM && program !== TOKEN_2022_PROGRAM) {
    throw invalidParams('Invalid param: unrecognized Token program id');
  }
  return (place) => place.program === program;
}

export function readAccountEncoding(config: Config, otherwise: string): AccountEncoding {
  const { encoding, dataSlice } = config;
  const slice = isRecord(dataSlice)
    ? { offset: readCount(dataSlice['offset']), length: readCount(dataSlice['length']) }
    : null;
  return { encoding: typeof encoding === 'string' ? encoding : otherwise, slice };
}

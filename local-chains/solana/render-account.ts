import { base58 } from '@scure/base';
import { TOKEN_PROGRAM } from './address.ts';
import type { Json, SolanaAccount } from './chain-interface.ts';
import type { AccountsView } from './executor.ts';
import { invalidParams, tooLongForBase58 } from './rpc-error.ts';
import { readMint, readTokenAccount, type TokenAccountState } from './token-state.ts';

/** u64::MAX, as JSON.parse gives it: rent is not due. */
const NEVER = 2 ** 64;

export interface AccountEncoding {
  readonly encoding: string;
  readonly slice: { readonly offset: number; readonly length: number } | null;
}

export function renderAccount(
  account: SolanaAccount | null,
  { encoding, slice }: AccountEncoding,
  accounts: AccountsView,
): Json {
  if (account === null) return null;
  const { lamports, owner, executable, data } = account;
  const common = { lamports: Number(lamports), owner, executable, rentEpoch: NEVER };
  const parsed = encoding === 'jsonParsed' ? parseAccount(account, accounts) : null;
  const start = slice?.offset ?? 0;
  const shown = slice === null ? data : data.subarray(start, start + slice.length);
  return {
    ...common,
    space: data.length,
    data: parsed ?? encode(shown, encoding),
  };
}

function encode(data: Uint8Array, encoding: string): Json {
  const base64 = (): string => Buffer.from(data).toString('base64');
  switch (encoding) {
    case 'base64':
    case 'jsonParsed':
      return [base64(), 'base64'];
    case 'binary':
    case 'base58': {
      if (data.length > 128) {
        throw tooLongForBase58();
      }
      const text = base58.encode(data);
      return encoding === 'binary' ? text : [text, 'base58'];
    }
    default:
      throw invalidParams(`Invalid params: encoding \`${encoding}\` is not served here.`);
  }
}

/** Token accounts and mints; null for all that the validator's parser would leave in base64 too. */
function parseAccount(account: SolanaAccount, accounts: AccountsView): Json {
  const program = account.owner === TOKEN_PROGRAM ? 'spl-token' : 'spl-token-2022';
  const space = account.data.length;
  const mint = readMint(account);
  if (mint !== null) {
    const { mintAuthority, freezeAuthority, decimals, extensions } = mint;
    const supply = mint.supply.toString();
    const info = { mintAuthority, supply, decimals, isInitialized: true, freezeAuthority };
    const own = extensions.length === 0 ? info : { ...info, extensions: name(extensions) };
    return { program, parsed: { info: own, type: 'mint' }, space };
  }
  const state = readTokenAccount(account);
  if (state === null) return null;
  const decimals = readMint(accounts.account(state.mint))?.decimals;
  if (decimals === undefined) return null;
  return { program, parsed: { info: tokenInfo(state, decimals), type: 'account' }, space };
}

function tokenInfo(state: TokenAccountState, decimals: number): Json {
  const { mint, owner, frozen, units, delegate, nativeReserve, closeAuthority } = state;
  return {
    isNative: nativeReserve !== null,
    mint,
    owner,
    state: frozen ? 'frozen' : 'initialized',
    tokenAmount: renderUnits(units, decimals),
    ...(nativeReserve === null ? {} : { rentExemptReserve: renderUnits(nativeReserve, 9) }),
    ...(delegate === null ? {} : { delegate }),
    ...(delegate === null ? {} : { delegatedAmount: renderUnits(state.delegatedUnits, decimals) }),
    ...(closeAuthority === null ? {} : { closeAuthority }),
    ...(state.extensions.length === 0 ? {} : { extensions: name(state.extensions) }),
  };
}

/** ExtensionType::ImmutableOwner is the one that associated token accounts have. */
function name(extensions: readonly number[]): Json {
  return extensions.map((type) => ({
    extension: type === 7 ? 'immutableOwner' : 'unparseableExtension',
  }));
}

/** UiTokenAmount. */
export function renderUnits(units: bigint, decimals: number) {
  const digits = units.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const part = digits.slice(digits.length - decimals).replace(/0+$/, '');
  const uiAmountString = part === '' ? whole : `${whole}.${part}`;
  return { amount: units.toString(), decimals, uiAmount: Number(uiAmountString), uiAmountString };
}

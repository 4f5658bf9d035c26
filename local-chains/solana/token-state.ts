import { base58 } from '@scure/base';
import { TOKEN_2022_PROGRAM, TOKEN_PROGRAM } from './address.ts';
import type { SolanaAccount } from './chain-interface.ts';

/** spl_token::state::Account: 165 bytes, and more with the extensions of Token-2022. */
export interface TokenAccountState {
  readonly mint: string;
  readonly owner: string;
  readonly units: bigint;
  readonly frozen: boolean;
  readonly delegate: string | null;
  readonly delegatedUnits: bigint;
  /** Lamports kept for rent where the token is wrapped SOL, else null. */
  readonly nativeReserve: bigint | null;
  readonly closeAuthority: string | null;
  readonly extensions: readonly number[];
}

export interface MintState {
  readonly mintAuthority: string | null;
  readonly supply: bigint;
  readonly decimals: number;
  readonly freezeAuthority: string | null;
  readonly extensions: readonly number[];
}

export function isTokenProgram(address: string): boolean {
  return address === TOKEN_PROGRAM || address === TOKEN_2022_PROGRAM;
}

const ACCOUNT_BYTES = 165;
const MINT_BYTES = 82;
/** Behind the 165 bytes that accounts and mints with extensions share: 1 mint, 2 account. */
const KIND_AT = ACCOUNT_BYTES;

/** Null where it is not an initialised token account. */
export function readTokenAccount(account: SolanaAccount | null): TokenAccountState | null {
  if (account === null || !holds(account, { bytes: ACCOUNT_BYTES, kind: 2 })) return null;
  const data = viewOf(account.data);
  const state = data.readUInt8(108);
  if (state !== 1 && state !== 2) return null;
  return {
    mint: keyAt(data, 0),
    owner: keyAt(data, 32),
    units: data.readBigUInt64LE(64),
    frozen: state === 2,
    delegate: optionalKeyAt(data, 72),
    nativeReserve: data.readUInt32LE(109) === 1 ? data.readBigUInt64LE(113) : null,
    delegatedUnits: data.readBigUInt64LE(121),
    closeAuthority: optionalKeyAt(data, 129),
    extensions: readExtensions(data),
  };
}

/** Null where it is not an initialised mint. */
export function readMint(account: SolanaAccount | null): MintState | null {
  if (account === null || !holds(account, { bytes: MINT_BYTES, kind: 1 })) return null;
  const data = viewOf(account.data);
  if (data.readUInt8(45) !== 1) return null;
  return {
    mintAuthority: optionalKeyAt(data, 0),
    supply: data.readBigUInt64LE(36),
    decimals: data.readUInt8(44),
    freezeAuthority: optionalKeyAt(data, 46),
    extensions: readExtensions(data),
  };
}

function holds(account: SolanaAccount, sort: { bytes: number; kind: number }): boolean {
  if (!isTokenProgram(account.owner)) return false;
  const { data } = account;
  if (data.length === sort.bytes) return true;
  return account.owner === TOKEN_2022_PROGRAM && data[KIND_AT] === sort.kind;
}

function readExtensions(data: Buffer): readonly number[] {
  const found: number[] = [];
  let at = KIND_AT + 1;
  while (at + 4 <= data.length) {
    const type = data.readUInt16LE(at);
    if (type === 0) break;
    found.push(type);
    at += 4 + data.readUInt16LE(at + 2);
  }
  return found;
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function keyAt(data: Buffer, at: number): string {
  return base58.encode(data.subarray(at, at + 32));
}

function optionalKeyAt(data: Buffer, at: number): string | null {
  return data.readUInt32LE(at) === 1 ? keyAt(data, at + 4) : null;
}

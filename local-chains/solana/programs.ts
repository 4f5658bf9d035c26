import {
  addressBytes,
  ASSOCIATED_TOKEN_PROGRAM,
  associatedTokenAddress,
  MEMO_PROGRAM,
  SYSTEM_PROGRAM,
} from './address.ts';
import type { Instruction } from './sign-transaction.ts';

/** SystemInstruction::Transfer. */
export function transferLamports(from: string, to: string, lamports: bigint): Instruction {
  const data = Buffer.alloc(12);
  data.writeUInt32LE(2, 0);
  data.writeBigUInt64LE(lamports, 4);
  const accounts = [
    { address: from, signs: true, writable: true },
    { address: to, writable: true },
  ];
  return { program: SYSTEM_PROGRAM, accounts, data };
}

export interface TokenPlace {
  readonly owner: string;
  readonly mint: string;
  /** The token program that the mint is of. */
  readonly program: string;
}

/** AssociatedTokenAccountInstruction::CreateIdempotent. */
export function openTokenAccount(payer: string, place: TokenPlace): Instruction {
  const accounts = [
    { address: payer, signs: true, writable: true },
    { address: associatedTokenAddress(place), writable: true },
    { address: place.owner },
    { address: place.mint },
    { address: SYSTEM_PROGRAM },
    { address: place.program },
  ];
  return { program: ASSOCIATED_TOKEN_PROGRAM, accounts, data: Uint8Array.of(1) };
}

/** TokenInstruction::MintTo, into the owner's associated token account. */
export function mintUnits(authority: string, place: TokenPlace, units: bigint): Instruction {
  const data = Buffer.alloc(9);
  data.writeUInt8(7, 0);
  data.writeBigUInt64LE(units, 1);
  const accounts = [
    { address: place.mint, writable: true },
    { address: associatedTokenAddress(place), writable: true },
    { address: authority, signs: true },
  ];
  return { program: place.program, accounts, data };
}

/** TokenInstruction::FreezeAccount and ThawAccount. */
export function setFrozen(
  authority: string,
  account: { readonly address: string; readonly mint: string; readonly program: string },
  frozen: boolean,
): Instruction {
  const accounts = [
    { address: account.address, writable: true },
    { address: account.mint },
    { address: authority, signs: true },
  ];
  return { program: account.program, accounts, data: Uint8Array.of(frozen ? 10 : 11) };
}

export function writeMemo(text: string): Instruction {
  return { program: MEMO_PROGRAM, accounts: [], data: Buffer.from(text, 'utf8') };
}

/** The state of a mint: spl_token::state::Mint, 82 bytes. */
export function mintState(authority: string, decimals: number): Uint8Array {
  const state = Buffer.alloc(82);
  state.writeUInt32LE(1, 0);
  state.set(addressBytes(authority), 4);
  state.writeUInt8(decimals, 44);
  state.writeUInt8(1, 45);
  state.writeUInt32LE(1, 46);
  state.set(addressBytes(authority), 50);
  return state;
}

import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { assert } from '../../base/assert.ts';
import type { AccountUse, Instruction } from './message.ts';
import {
  ASSOCIATED_TOKEN_PROGRAM,
  COMPUTE_BUDGET_PROGRAM,
  MEMO_PROGRAM,
  SYSTEM_PROGRAM,
  TOKEN_PROGRAM,
} from './programs.ts';

/** The instructions of a payout. Numbers are little-endian; the first byte says which one it is. */

/** Source: solana-compute-budget-interface, SetComputeUnitLimit. */
export function limitComputeUnits(units: bigint): Instruction {
  const data = concatBytes(Uint8Array.of(2), littleEndian(units, 4));
  return { program: COMPUTE_BUDGET_PROGRAM, accounts: [], data };
}

/** In millionths of a lamport for each unit. Source: as above, SetComputeUnitPrice. */
export function priceComputeUnits(microLamports: bigint): Instruction {
  const data = concatBytes(Uint8Array.of(3), littleEndian(microLamports, 8));
  return { program: COMPUTE_BUDGET_PROGRAM, accounts: [], data };
}

/**
 * Opens a wallet's token account where there is none yet; does nothing where there is.
 * Source: spl-associated-token-account, CreateIdempotent.
 */
export function openTokenAccount(account: {
  readonly payer: string;
  readonly address: string;
  readonly owner: string;
  readonly mint: string;
}): Instruction {
  const { payer, address, owner, mint } = account;
  return {
    program: ASSOCIATED_TOKEN_PROGRAM,
    accounts: [
      { address: payer, signer: true, writable: true },
      writable(address),
      readonly(owner),
      readonly(mint),
      readonly(SYSTEM_PROGRAM),
      readonly(TOKEN_PROGRAM),
    ],
    data: Uint8Array.of(1),
  };
}

/** Source: spl-token, TransferChecked: fails where the mint or its decimals are others. */
export function transferChecked(transfer: {
  readonly source: string;
  readonly mint: string;
  readonly destination: string;
  readonly authority: string;
  readonly units: bigint;
  readonly decimals: number;
}): Instruction {
  const { source, mint, destination, authority, units, decimals } = transfer;
  return {
    program: TOKEN_PROGRAM,
    accounts: [
      writable(source),
      readonly(mint),
      writable(destination),
      { address: authority, signer: true, writable: false },
    ],
    data: concatBytes(Uint8Array.of(12), littleEndian(units, 8), Uint8Array.of(decimals)),
  };
}

/** Source: spl-memo: a text in UTF-8, for whoever reads the transaction. */
export function memo(text: string): Instruction {
  return { program: MEMO_PROGRAM, accounts: [], data: utf8ToBytes(text) };
}

function writable(address: string): AccountUse {
  return { address, signer: false, writable: true };
}

function readonly(address: string): AccountUse {
  return { address, signer: false, writable: false };
}

function littleEndian(value: bigint, bytes: number): Uint8Array {
  assert(value >= 0n && value < 1n << BigInt(8 * bytes), 'a number fits its bytes');
  return Uint8Array.from({ length: bytes }, (_, index) =>
    Number((value >> BigInt(8 * index)) & 0xffn),
  );
}

/** The number that the bytes are, the lowest first. */
export function readLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

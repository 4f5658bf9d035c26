import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { base58 } from '@scure/base';
import { assert, AssertionFailure } from '../../base/assert.ts';

/** The programs that a payout calls, and what is derived from them. Addresses are base58. */

export const SYSTEM_PROGRAM = '11111111111111111111111111111111';
export const TOKEN_PROGRAM = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA';
export const TOKEN_2022_PROGRAM = 'TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb';
export const ASSOCIATED_TOKEN_PROGRAM = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL';
export const MEMO_PROGRAM = 'MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr';
export const COMPUTE_BUDGET_PROGRAM = 'ComputeBudget111111111111111111111111111111';

/** The 32 bytes of an address. Asserts that there are 32. */
export function addressBytes(address: string): Uint8Array {
  const bytes = base58.decode(address);
  assert(bytes.length === 32, 'an address has 32 bytes');
  return bytes;
}

/** Where a wallet's token account lies by convention: no other address is opened for it. */
export function associatedTokenAddress(owner: string, mint: string): string {
  const seeds = [owner, TOKEN_PROGRAM, mint].map(addressBytes);
  return findProgramAddress(seeds, ASSOCIATED_TOKEN_PROGRAM);
}

const MARKER = utf8ToBytes('ProgramDerivedAddress');

/** The first address off the curve, with bumps falling from 255: no key can stand behind it. */
export function findProgramAddress(seeds: readonly Uint8Array[], program: string): string {
  const end = concatBytes(addressBytes(program), MARKER);
  for (let bump = 255; bump >= 0; bump -= 1) {
    const candidate = sha256(concatBytes(...seeds, Uint8Array.of(bump), end));
    if (!isOnCurve(candidate)) return base58.encode(candidate);
  }
  throw new AssertionFailure('no bump gives an address off the curve');
}

/** As the runtime decides it: any point that decompresses, of whatever order. */
function isOnCurve(bytes: Uint8Array): boolean {
  try {
    ed25519.Point.fromBytes(bytes, true);
    return true;
  } catch {
    return false;
  }
}

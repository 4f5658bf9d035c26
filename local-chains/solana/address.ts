import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';

export const SYSTEM_PROGRAM = '11111111111111111111111111111111';
export const TOKEN_PROGRAM = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA';
export const TOKEN_2022_PROGRAM = 'TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb';
export const ASSOCIATED_TOKEN_PROGRAM = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL';
export const MEMO_PROGRAM = 'MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr';
export const MEMO_V1_PROGRAM = 'Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo';
export const COMPUTE_BUDGET_PROGRAM = 'ComputeBudget111111111111111111111111111111';

/** 32 bytes of an address, or null where the text is none. */
export function decodeAddress(text: string): Uint8Array | null {
  // 32 bytes are at most 44 characters: longer texts are not worth the square time of base58.
  if (text.length > 44) return null;
  try {
    const bytes = base58.decode(text);
    return bytes.length === 32 ? bytes : null;
  } catch {
    return null;
  }
}

/** Of an address that is known to be one. */
export function addressBytes(address: string): Uint8Array {
  const bytes = decodeAddress(address);
  if (bytes === null) throw new Error(`"${address}" is not a Solana address.`);
  return bytes;
}

/** The associated token account: solana-program.com/docs/associated-token-account. */
export function associatedTokenAddress(parts: {
  readonly owner: string;
  readonly mint: string;
  readonly program: string;
}): string {
  const { owner, mint, program } = parts;
  return findProgramAddress([owner, program, mint].map(addressBytes), ASSOCIATED_TOKEN_PROGRAM);
}

/** The first address off the curve that the seeds and a bump from 255 downwards give. */
function findProgramAddress(seeds: readonly Uint8Array[], program: string): string {
  for (let bump = 255; bump >= 0; bump -= 1) {
    const hash = createHash('sha256');
    for (const seed of seeds) hash.update(seed);
    hash.update(Uint8Array.of(bump)).update(addressBytes(program)).update('ProgramDerivedAddress');
    const bytes = hash.digest();
    if (!isOnCurve(bytes)) return base58.encode(bytes);
  }
  throw new Error('No bump gives an address off the curve.');
}

function isOnCurve(bytes: Uint8Array): boolean {
  try {
    ed25519.Point.fromBytes(bytes, true);
    return true;
  } catch {
    return false;
  }
}

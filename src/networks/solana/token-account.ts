import { base58 } from '@scure/base';
import { present } from '../../base/assert.ts';
import { readLittleEndian } from './instructions.ts';
import { TOKEN_PROGRAM } from './programs.ts';
import type { Account } from './read-answer.ts';

/** Accounts of the token program, as their bytes say. Source: spl-token, state.rs. */

export const TOKEN_ACCOUNT_BYTES = 165;
const MINT_BYTES = 82;

export interface TokenAccount {
  readonly mint: string;
  readonly owner: string;
  readonly units: bigint;
  readonly state: 'initialized' | 'frozen';
}

export interface Mint {
  readonly decimals: number;
}

/** Null where it is no token account, or one that was not set up. */
export function readTokenAccount(account: Account): TokenAccount | null {
  const { owner, data } = account;
  if (owner !== TOKEN_PROGRAM || data.length !== TOKEN_ACCOUNT_BYTES) return null;
  const state = present(data[108], 'a token account has a state');
  if (state !== 1 && state !== 2) return null;
  return {
    mint: base58.encode(data.slice(0, 32)),
    owner: base58.encode(data.slice(32, 64)),
    units: readLittleEndian(data.slice(64, 72)),
    state: state === 1 ? 'initialized' : 'frozen',
  };
}

/** Null where it is no mint, or one that was not set up. */
export function readMint({ owner, data }: Account): Mint | null {
  if (owner !== TOKEN_PROGRAM || data.length !== MINT_BYTES || data[45] !== 1) return null;
  return { decimals: present(data[44], 'a mint has decimals') };
}

import { address, getAddressEncoder, getProgramDerivedAddress } from '@solana/kit';
import { findAssociatedTokenPda, TOKEN_PROGRAM_ADDRESS } from '@solana-program/token';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base58 } from '@scure/base';
import {
  addressBytes,
  associatedTokenAddress,
  findProgramAddress,
  MEMO_PROGRAM,
} from './programs.ts';

const USDC = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v';
const keys = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((it) => base58.encode(it));

describe('the address of a token account', () => {
  it('is where an independent library says that it lies', async () => {
    await fc.assert(
      fc.asyncProperty(keys, keys, async (owner, mint) => {
        const [expected] = await findAssociatedTokenPda({
          owner: address(owner),
          mint: address(mint),
          tokenProgram: TOKEN_PROGRAM_ADDRESS,
        });
        expect(associatedTokenAddress(owner, mint)).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the address of a program', () => {
  it('is the one of an independent library, for seeds of any lengths', async () => {
    const seeds = fc.array(fc.uint8Array({ maxLength: 32 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(seeds, async (given) => {
        const [expected] = await getProgramDerivedAddress({
          programAddress: address(MEMO_PROGRAM),
          seeds: given,
        });
        expect(findProgramAddress(given, MEMO_PROGRAM)).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });
});

it('reads an address as the bytes that it is', () => {
  expect(addressBytes(USDC)).toEqual(Uint8Array.from(getAddressEncoder().encode(address(USDC))));
  expect(() => addressBytes(USDC.slice(4))).toThrow('32 bytes');
});

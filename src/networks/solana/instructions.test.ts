import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import { AccountRole, address, createNoopSigner } from '@solana/kit';
import {
  getCreateAssociatedTokenIdempotentInstruction,
  getTransferCheckedInstruction,
} from '@solana-program/token';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  limitComputeUnits,
  memo,
  openTokenAccount,
  priceComputeUnits,
  readLittleEndian,
  transferChecked,
} from './instructions.ts';
import type { Instruction } from './message.ts';

const key = (seed: number): string =>
  base58.encode(ed25519.getPublicKey(new Uint8Array(32).fill(seed)));
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

interface Published {
  readonly programAddress: string;
  readonly accounts?: readonly { readonly address: string; readonly role: AccountRole }[];
  readonly data?: ArrayLike<number>;
}

function asPublished({ program, accounts, data }: Instruction): Published {
  return {
    programAddress: program,
    accounts: accounts.map(({ address: of, signer, writable }) => ({
      address: of,
      role: roleOf(signer, writable),
    })),
    data,
  };
}

function roleOf(signer: boolean, writable: boolean): AccountRole {
  if (signer) return writable ? AccountRole.WRITABLE_SIGNER : AccountRole.READONLY_SIGNER;
  return writable ? AccountRole.WRITABLE : AccountRole.READONLY;
}

function plain({ programAddress, accounts = [], data = [] }: Published): Published {
  const uses = accounts.map(({ address: of, role }) => ({ address: of, role }));
  return { programAddress, accounts: uses, data: Uint8Array.from(data) };
}

describe('an instruction', () => {
  it('to transfer is the one of the program’s own client', () => {
    fc.assert(
      fc.property(u64, fc.integer({ min: 0, max: 18 }), (units, decimals) => {
        const published = getTransferCheckedInstruction({
          source: address(key(1)),
          mint: address(key(2)),
          destination: address(key(3)),
          authority: createNoopSigner(address(key(4))),
          amount: units,
          decimals,
        });
        const [source, mint, destination, authority] = [1, 2, 3, 4].map(key) as [
          string,
          string,
          string,
          string,
        ];
        const ours = transferChecked({ source, mint, destination, authority, units, decimals });
        expect(asPublished(ours)).toEqual(plain(published));
      }),
    );
  });

  it('to open a token account is the one of the program’s own client', () => {
    const published = getCreateAssociatedTokenIdempotentInstruction({
      payer: createNoopSigner(address(key(1))),
      ata: address(key(2)),
      owner: address(key(3)),
      mint: address(key(4)),
    });
    const ours = openTokenAccount({
      payer: key(1),
      address: key(2),
      owner: key(3),
      mint: key(4),
    });
    expect(asPublished(ours)).toEqual(plain(published));
  });

  it('about the budget is as published', () => {
    // SetComputeUnitLimit(0x01020304), SetComputeUnitPrice(0x0102030405060708): tag, little-endian.
    expect([...limitComputeUnits(0x01020304n).data]).toEqual([2, 4, 3, 2, 1]);
    expect([...priceComputeUnits(0x0102030405060708n).data]).toEqual([3, 8, 7, 6, 5, 4, 3, 2, 1]);
    for (const { program, accounts } of [limitComputeUnits(1n), priceComputeUnits(1n)]) {
      expect(program).toBe('ComputeBudget111111111111111111111111111111');
      expect(accounts).toEqual([]);
    }
  });

  it('with a memo is its text', () => {
    expect(memo('01890a5d')).toEqual({
      program: 'MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr',
      accounts: [],
      data: Uint8Array.from(Buffer.from('01890a5d')),
    });
  });

  it.each([-1n, 2n ** 64n])('does not hold %i units', (units) => {
    const [source, mint, destination] = [key(1), key(2), key(3)];
    const transfer = { source, mint, destination, authority: key(4), units, decimals: 6 };
    expect(() => transferChecked(transfer)).toThrow('fits its bytes');
  });
});

it('numbers read back', () => {
  fc.assert(
    fc.property(u64, (value) => {
      expect(readLittleEndian(priceComputeUnits(value).data.slice(1))).toBe(value);
    }),
  );
});

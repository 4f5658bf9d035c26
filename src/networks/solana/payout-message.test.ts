import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import {
  decompileTransactionMessage,
  getCompiledTransactionMessageDecoder,
  getCompiledTransactionMessageEncoder,
} from '@solana/kit';
import { parseTransferCheckedInstruction } from '@solana-program/token';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionFailure } from '../../base/assert.ts';
import { memo } from './instructions.ts';
import { encodeMessage, parseMessage, type Instruction } from './message.ts';
import { openOnce, packTransfers, transactionBytes } from './pack-transfers.ts';
import {
  encodePayoutMessage,
  readPayoutMessage,
  transferIndexesOf,
  type PayoutMessage,
  type PayoutTransfer,
} from './payout-message.ts';
import { associatedTokenAddress } from './programs.ts';

const USDC = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v';
const key = (seed: number): string =>
  base58.encode(ed25519.getPublicKey(Uint8Array.from({ length: 32 }, (_, at) => seed >> (8 * at))));
const idOf = (number: number): string =>
  `01890a5d-ac96-774b-bcce-${String(number).padStart(12, '0')}`;

const TREASURY = key(1);

function transferTo(number: number, opens = false): PayoutTransfer {
  const owner = key(number + 100);
  return {
    payoutId: idOf(number),
    destination: associatedTokenAddress(owner, USDC),
    direct: false,
    opensFor: opens ? owner : null,
    units: BigInt(number) + 1n,
  };
}

const transfers = fc
  .array(
    fc.record({
      kind: fc.constantFrom('there', 'opened', 'direct'),
      units: fc.bigInt(1n, 2n ** 64n - 1n),
    }),
    {
      minLength: 1,
      maxLength: 9,
    },
  )
  .map((given) =>
    given.map(({ kind, units }, at): PayoutTransfer => {
      const transfer = { ...transferTo(at, kind === 'opened'), units };
      return kind === 'direct'
        ? { ...transfer, direct: true, destination: key(at + 500) }
        : transfer;
    }),
  );
const messages: fc.Arbitrary<PayoutMessage> = fc.record({
  treasury: fc.constant(TREASURY),
  mint: fc.constant(USDC),
  decimals: fc.integer({ min: 0, max: 18 }),
  blockhash: fc.integer({ min: 30, max: 99 }).map(key),
  unitLimit: fc.bigInt(0n, 2n ** 32n - 1n),
  unitPrice: fc.bigInt(0n, 2n ** 64n - 1n),
  transfers,
});

const SAMPLE: PayoutMessage = {
  treasury: TREASURY,
  mint: USDC,
  decimals: 6,
  blockhash: key(9),
  unitLimit: 200_000n,
  unitPrice: 10_000n,
  transfers: [
    transferTo(1),
    transferTo(2, true),
    { ...transferTo(3), direct: true, destination: key(7) },
  ],
};

describe('a payout message', () => {
  it('reads back as what was meant', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(readPayoutMessage(encodePayoutMessage(message))).toEqual(message);
      }),
    );
  });

  it('pays, to an independent decoder, what was meant', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const bytes = encodePayoutMessage(message);
        const compiled = getCompiledTransactionMessageDecoder().decode(bytes);
        expect(Uint8Array.from(getCompiledTransactionMessageEncoder().encode(compiled))).toEqual(
          bytes,
        );
        const said = decompileTransactionMessage(compiled);
        const indexes = transferIndexesOf(message);
        for (const [at, { destination, units, payoutId }] of message.transfers.entries()) {
          const instruction = said.instructions[indexes[at] ?? -1] as Parameters<
            typeof parseTransferCheckedInstruction
          >[0];
          const parsed = parseTransferCheckedInstruction(instruction);
          expect(parsed.data).toMatchObject({ amount: units, decimals: message.decimals });
          expect(parsed.accounts.mint.address).toBe(USDC);
          expect(parsed.accounts.destination.address).toBe(destination);
          expect(parsed.accounts.authority.address).toBe(TREASURY);
          expect(parsed.accounts.source.address).toBe(associatedTokenAddress(TREASURY, USDC));
          const note = said.instructions[(indexes[at] ?? -2) + 1];
          expect(Buffer.from(note?.data ?? []).toString()).toContain(payoutId);
        }
      }),
    );
  });

  it('with any byte changed is another message or none', () => {
    const bytes = encodePayoutMessage(SAMPLE);
    for (let at = 0; at < bytes.length; at += 1) {
      for (const bit of [1, 64]) {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ bit;
        let read: PayoutMessage | null = null;
        try {
          read = readPayoutMessage(changed);
        } catch (error) {
          // A text that is no UTF-8, bytes that end early: always ours to say.
          expect(error).toBeInstanceOf(AssertionFailure);
        }
        expect(read).not.toEqual(SAMPLE);
      }
    }
  });

  it('with another instruction in it is none', () => {
    const parsed = parseMessage(encodePayoutMessage(SAMPLE));
    const resolved = parsed.instructions.map((it): Instruction => ({
      program: parsed.accounts[it.programIndex] ?? '',
      accounts: it.accountIndexes.map((index) => ({
        address: parsed.accounts[index] ?? '',
        signer: index === 0,
        writable: index < parsed.accounts.length - 6,
      })),
      data: it.data,
    }));
    for (let place = 0; place <= resolved.length; place += 1) {
      const instructions = resolved.toSpliced(place, 0, memo('a stranger’s'));
      const bytes = encodeMessage({
        feePayer: TREASURY,
        blockhash: SAMPLE.blockhash,
        instructions,
      });
      expect(() => readPayoutMessage(bytes)).toThrow(AssertionFailure);
    }
  });

  it('of the treasury to itself, of nothing, or of a payout without a name is none', () => {
    const withTransfer = (fields: Partial<PayoutTransfer>) => () =>
      encodePayoutMessage({ ...SAMPLE, transfers: [{ ...transferTo(1), ...fields }] });
    expect(withTransfer({ destination: associatedTokenAddress(TREASURY, USDC) })).toThrow('itself');
    expect(withTransfer({ units: 0n })).toThrow('moves units');
    expect(withTransfer({ units: 2n ** 64n })).toThrow('fits');
    expect(withTransfer({ payoutId: '' })).toThrow('identifier');
    expect(withTransfer({ payoutId: 'a to this token account' })).toThrow('identifier');
  });
});

describe('what one transaction holds', () => {
  const common = { treasury: TREASURY, mint: USDC, decimals: 6 };
  const many = (opens: boolean) => Array.from({ length: 30 }, (_, at) => transferTo(at, opens));
  const LIMIT = 1_232;

  it.each([
    ['payouts to token accounts that are there', false, 10, 88],
    ['payouts that open one', true, 6, 130],
  ])('%s', (_, opens, expected, bytesEach) => {
    const packed = packTransfers(common, many(opens));
    expect(packed).toHaveLength(expected);
    expect(transactionBytes(common, packed)).toBeLessThanOrEqual(LIMIT);
    const next = [...packed, transferTo(40, opens)];
    expect(transactionBytes(common, next)).toBeGreaterThan(LIMIT);
    expect(transactionBytes(common, next) - transactionBytes(common, packed)).toBe(bytesEach);
  });

  it('passes over one that does not fit, and takes a smaller one after it', () => {
    // Nine that are there leave room for one more of these, and for none that is opened.
    const nine = many(false).slice(0, 9);
    const packed = packTransfers(common, [...nine, transferTo(50, true), transferTo(51)]);
    expect(packed.map(({ payoutId }) => payoutId)).toEqual(
      [...nine, transferTo(51)].map(({ payoutId }) => payoutId),
    );
  });

  it('opens an account for the first of its payouts alone', () => {
    const twice = [transferTo(1, true), { ...transferTo(1, true), payoutId: idOf(2) }];
    expect(openOnce(twice).map(({ opensFor }) => opensFor)).toEqual([key(101), null]);
    expect(packTransfers(common, twice)).toEqual(openOnce(twice));
  });

  it('is the size of the bytes that are signed', () => {
    const message = encodePayoutMessage(SAMPLE);
    expect(transactionBytes(common, SAMPLE.transfers)).toBe(message.length + 65);
  });
});

import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import {
  AccountRole,
  decompileTransactionMessage,
  getCompiledTransactionMessageDecoder,
  getCompiledTransactionMessageEncoder,
  getShortU16Encoder,
  getTransactionDecoder,
  getTransactionEncoder,
} from '@solana/kit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssertionFailure } from '../../base/assert.ts';
import {
  encodeMessage,
  encodeTransaction,
  parseMessage,
  parseTransaction,
  type AccountUse,
  type Instruction,
} from './message.ts';

const key = (seed: number): string =>
  base58.encode(ed25519.getPublicKey(new Uint8Array(32).fill(seed)));

const uses: fc.Arbitrary<AccountUse> = fc.record({
  address: fc.integer({ min: 1, max: 12 }).map(key),
  // One key signs: the payer of the fee.
  signer: fc.constant(false),
  writable: fc.boolean(),
});
const instructions: fc.Arbitrary<Instruction> = fc.record({
  program: fc.integer({ min: 20, max: 23 }).map(key),
  accounts: fc.array(uses, { maxLength: 6 }),
  data: fc.uint8Array({ maxLength: 300 }),
});
const messages = fc.record({
  feePayer: fc.constant(key(1)),
  blockhash: fc.integer({ min: 30, max: 99 }).map(key),
  instructions: fc.array(instructions, { maxLength: 8 }),
});

describe('a message', () => {
  it('says to an independent decoder what was meant, and that encodes it to the same bytes', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const bytes = encodeMessage(message);
        const compiled = getCompiledTransactionMessageDecoder().decode(bytes);
        expect(Uint8Array.from(getCompiledTransactionMessageEncoder().encode(compiled))).toEqual(
          bytes,
        );
        expect(compiled.version).toBe('legacy');
        const meant = decompileTransactionMessage(compiled);
        expect(meant.feePayer.address).toBe(message.feePayer);
        expect(meant.lifetimeConstraint).toMatchObject({ blockhash: message.blockhash });
        expect(meant.instructions).toHaveLength(message.instructions.length);
        for (const [index, { program, accounts, data }] of message.instructions.entries()) {
          const said = meant.instructions[index];
          expect(said?.programAddress).toBe(program);
          expect(Uint8Array.from(said?.data ?? [])).toEqual(data);
          expect(said?.accounts?.map((it) => it.address) ?? []).toEqual(
            accounts.map((it) => it.address),
          );
          // Writable where any instruction writes to it; the payer of the fee signs.
          for (const it of said?.accounts ?? []) {
            const isPayer = it.address === message.feePayer;
            const isWritten = message.instructions.some((other) =>
              other.accounts.some((use) => use.address === it.address && use.writable),
            );
            const role = isWritten ? AccountRole.WRITABLE : AccountRole.READONLY;
            expect(it.role).toBe(isPayer ? AccountRole.WRITABLE_SIGNER : role);
          }
        }
      }),
    );
  });

  it('reads back as it was written', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const parsed = parseMessage(encodeMessage(message));
        expect(parsed.blockhash).toBe(message.blockhash);
        expect(parsed.accounts[0]).toBe(message.feePayer);
        const read = parsed.instructions.map((it) => ({
          program: parsed.accounts[it.programIndex],
          accounts: it.accountIndexes.map((index) => parsed.accounts[index]),
          data: it.data,
        }));
        const written = message.instructions.map(({ program, accounts, data }) => ({
          program,
          accounts: accounts.map(({ address }) => address),
          data,
        }));
        expect(read).toEqual(written);
      }),
    );
  });

  it('of version 0 reads with its lookup tables', () => {
    const compiled = {
      version: 0 as const,
      header: {
        numReadonlyNonSignerAccounts: 1,
        numReadonlySignerAccounts: 0,
        numSignerAccounts: 1,
      },
      staticAccounts: [key(1), key(2)],
      lifetimeToken: key(3),
      instructions: [
        { programAddressIndex: 1, accountIndices: [0, 2, 3], data: new Uint8Array(200) },
      ],
      addressTableLookups: [
        { lookupTableAddress: key(4), writableIndexes: [7], readonlyIndexes: [1] },
      ],
    };
    const encoder = getCompiledTransactionMessageEncoder();
    const bytes = Uint8Array.from(
      encoder.encode(compiled as unknown as Parameters<typeof encoder.encode>[0]),
    );
    expect(parseMessage(bytes)).toEqual({
      version: 0,
      signers: 1,
      accounts: [key(1), key(2)],
      blockhash: key(3),
      instructions: [{ programIndex: 1, accountIndexes: [0, 2, 3], data: new Uint8Array(200) }],
    });
    expect(() => parseMessage(bytes.slice(0, -1))).toThrow(AssertionFailure);
    expect(() => parseMessage(Uint8Array.from([...bytes, 0]))).toThrow('nothing follows');
    expect(() => parseMessage(Uint8Array.from([0x81, ...bytes.slice(1)]))).toThrow('version');
  });

  it('that is cut short or goes on is refused, whatever is left of it', () => {
    fc.assert(
      fc.property(messages, fc.nat(), (message, cut) => {
        const bytes = encodeMessage(message);
        expect(() => parseMessage(bytes.slice(0, cut % bytes.length))).toThrow(AssertionFailure);
        expect(() => parseMessage(Uint8Array.from([...bytes, 0]))).toThrow(AssertionFailure);
      }),
    );
  });

  it('of any bytes is read or refused, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        try {
          parseMessage(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(AssertionFailure);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a length', () => {
  const withData = (length: number): Uint8Array =>
    encodeMessage({
      feePayer: key(1),
      blockhash: key(2),
      instructions: [{ program: key(3), accounts: [], data: new Uint8Array(length) }],
    });

  it.each([0, 1, 127, 128, 300, 16_383, 16_384, 65_535])('of %i is as published', (length) => {
    const bytes = withData(length);
    const expected = Uint8Array.from(getShortU16Encoder().encode(length));
    const place = bytes.length - length - expected.length;
    expect(bytes.slice(place, place + expected.length)).toEqual(expected);
    expect(parseMessage(bytes).instructions[0]?.data).toHaveLength(length);
  });

  it('in a longer form than it needs is refused', () => {
    const bytes = withData(5);
    const longer = [...bytes.slice(0, -6), 0x85, 0x00, ...bytes.slice(-5)];
    expect(() => parseMessage(Uint8Array.from(longer))).toThrow('shortest form');
    const longest = [...bytes.slice(0, -6), 0x85, 0x80, 0x80, 0x00, ...bytes.slice(-5)];
    expect(() => parseMessage(Uint8Array.from(longest))).toThrow(AssertionFailure);
  });

  it('of more than 16 bits is refused', () => {
    expect(() => withData(65_536)).toThrow('16 bits');
  });
});

describe('a transaction', () => {
  const message = encodeMessage({ feePayer: key(1), blockhash: key(2), instructions: [] });
  const secret = new Uint8Array(32).fill(1);
  const signature = ed25519.sign(message, secret);

  it('is the same to an independent library, byte for byte', () => {
    const bytes = encodeTransaction(signature, message);
    const decoded = getTransactionDecoder().decode(bytes);
    expect(Uint8Array.from(decoded.messageBytes)).toEqual(message);
    expect(Object.entries(decoded.signatures)).toEqual([[key(1), signature]]);
    expect(Uint8Array.from(getTransactionEncoder().encode(decoded))).toEqual(bytes);
  });

  it('reads back with its name', () => {
    const parsed = parseTransaction(encodeTransaction(signature, message));
    expect(parsed.signatures).toEqual([base58.encode(signature)]);
    expect(parsed.messageBytes).toEqual(message);
  });

  it('has as many signatures as signers', () => {
    const bytes = encodeTransaction(signature, message);
    const twice = Uint8Array.from([2, ...bytes.slice(1, 65), ...bytes.slice(1, 65), ...message]);
    expect(() => parseTransaction(twice)).toThrow('a signature for each signer');
    expect(() => encodeTransaction(signature.slice(1), message)).toThrow('64 bytes');
  });
});

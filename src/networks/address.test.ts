import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base58, bech32, bech32m, createBase58check } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NETWORK_IDS, type NetworkId } from '../money/asset.ts';
import { addressProblem, parseAddress, parseContract, sameAddress } from './address.ts';
import { familyOf, type NetworkFamily } from './family.ts';

const base58check = createBase58check(sha256);

/** Addresses in canonical form, from the specifications and the chains themselves. */
const SAMPLES: Readonly<Record<NetworkFamily, readonly string[]>> = {
  evm: [
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
    '0xde709f2102306220921060314715629080e2fb77',
  ],
  tron: ['TNPeeaaFB7K9cmo4uQpcU32zGK8G1NYqeL', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'],
  solana: [
    'FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z',
    'B8UwBUUnKwCyKuGMbFKWaG7exYdDk2ozZrPg72NyVbfj',
  ],
  bitcoin: [
    '1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo',
    '36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm',
    'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
    'bc1qyucykdlhp62tezs0hagqury402qwhk589q80tqs5myh3rxq34nwqhkdhv7',
    'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
  ],
};

const PAIRS = NETWORK_IDS.flatMap((from) => NETWORK_IDS.map((to) => [from, to] as const));

describe('parseAddress', () => {
  test.each(PAIRS)('an address of %s is one of %s only in the same family', (from, to) => {
    for (const address of SAMPLES[familyOf(from)]) {
      const parsed = parseAddress(to, address);
      if (familyOf(from) === familyOf(to)) expect(parsed).toEqual({ ok: true, address });
      else expect(parsed, address).toMatchObject({ ok: false });
    }
  });

  // White space, invisible and control characters, and letters that look like others.
  const STRANGERS = Array.from(
    ' \t\n\r\0\u{7f}\u{85}\u{a0}\u{2003}\u{3000}' +
      '\u{200b}\u{200c}\u{200d}\u{200e}\u{202e}\u{2060}\u{feff}\u{ad}\u{301}\u{fe0f}\u{e0061}' +
      '\u{430}\u{435}\u{43e}\u{3bf}\u{410}\u{421}\u{131}\u{212a}\u{ff10}\u{ff41}\u{1d7ce}',
  );

  test.each(NETWORK_IDS)('%s refuses any stranger anywhere in an address', (network) => {
    for (const address of SAMPLES[familyOf(network)]) {
      for (const stranger of STRANGERS) {
        for (let index = 0; index <= address.length; index += 1) {
          const [before, after] = [address.slice(0, index), address.slice(index)];
          expect(parseAddress(network, before + stranger + after)).toMatchObject({ ok: false });
          const replaced = before + stranger + after.slice(1);
          expect(parseAddress(network, replaced)).toMatchObject({ ok: false });
        }
      }
    }
  });

  test.each(NETWORK_IDS)('%s answers any text with a reason in one short line', (network) => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 120 }), fc.string());
    fc.assert(
      fc.property(text, (text) => {
        const parsed = parseAddress(network, text);
        expect(addressProblem(network, text)).toBe(parsed.ok ? undefined : parsed.reason);
        if (parsed.ok) return;
        expect(parsed.reason).toMatch(/^The [\x20-\x7e]{10,100}\.$/);
      }),
    );
    expect(parseAddress(network, '1'.repeat(10_000_000))).toEqual({
      ok: false,
      reason: 'The address is too long.',
    });
  });

  // Both checksums see these with certainty (bech32, up to 4 errors) or but for one in 2^32.
  test.each<[NetworkId, fc.Arbitrary<string>]>([
    ['TRON_MAINNET', hash(20).map((bytes) => base58check.encode(Uint8Array.of(0x41, ...bytes)))],
    ['BITCOIN_MAINNET', hash(20).map((bytes) => base58check.encode(Uint8Array.of(0, ...bytes)))],
    ['BITCOIN_MAINNET', hash(20).map((bytes) => base58check.encode(Uint8Array.of(5, ...bytes)))],
    [
      'BITCOIN_MAINNET',
      hash(20).map((bytes) => bech32.encode('bc', [0, ...bech32.toWords(bytes)])),
    ],
    [
      'BITCOIN_MAINNET',
      hash(32).map((bytes) => bech32.encode('bc', [0, ...bech32.toWords(bytes)])),
    ],
    ['BITCOIN_MAINNET', hash(32).map((bytes) => taproot(schnorr.getPublicKey(bytes)))],
  ])('%s refuses a changed address, or it is the same', (network, addresses) => {
    fc.assert(
      fc.property(
        addresses.chain((address) => fc.tuple(fc.constant(address), change(address))),
        ([address, changed]) => {
          expect(parseAddress(network, address)).toEqual({ ok: true, address });
          const parsed = parseAddress(network, changed);
          expect(addressProblem(network, changed)).toBe(parsed.ok ? undefined : parsed.reason);
          if (parsed.ok) expect(parsed.address).toBe(address);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('an address that is taken is its own canonical form', () => {
    fc.assert(
      fc.property(hash(32), fc.constantFrom(...NETWORK_IDS), (bytes, network) => {
        const texts = [
          `0x${Buffer.from(bytes.subarray(12)).toString('hex')}`,
          base58.encode(ed25519.getPublicKey(bytes)),
          taproot(schnorr.getPublicKey(bytes)).toUpperCase(),
        ];
        for (const text of texts) {
          const parsed = parseAddress(network, text);
          if (parsed.ok) expect(parseAddress(network, parsed.address)).toEqual(parsed);
        }
      }),
    );
  });
});

describe('parseContract', () => {
  test.each<[NetworkId, string, boolean]>([
    ['ETHEREUM_MAINNET', '0xdAC17F958D2ee523a2206206994597C13D831ec7', true],
    ['ETHEREUM_MAINNET', '0xdac17F958D2ee523a2206206994597C13D831ec7', false],
    ['BSC_MAINNET', `0x${'0'.repeat(40)}`, false],
    ['TRON_MAINNET', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', true],
    ['TRON_MAINNET', '0xdAC17F958D2ee523a2206206994597C13D831ec7', false],
    ['SOL_MAINNET', 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v', true],
    ['SOL_MAINNET', 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA', false],
    ['SOL_MAINNET', ' EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v', false],
    ['BITCOIN_MAINNET', '1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo', false],
  ])('%s %s: %s', (network, text, ok) => {
    expect(parseContract(network, text).ok).toBe(ok);
  });
});

describe('sameAddress', () => {
  const [evm = ''] = SAMPLES.evm;
  const [tron = ''] = SAMPLES.tron;
  const [hashed = '', , witness = ''] = SAMPLES.bitcoin;
  test.each<[NetworkId, string, string, boolean]>([
    ['MATIC_MAINNET', evm, evm.toLowerCase(), true],
    ['MATIC_MAINNET', evm, SAMPLES.evm[1] ?? '', false],
    ['BITCOIN_MAINNET', witness, witness.toUpperCase(), true],
    ['BITCOIN_MAINNET', hashed, hashed, true],
    ['BITCOIN_MAINNET', hashed, hashed.toLowerCase(), false],
    ['TRON_MAINNET', tron, tron, true],
    ['TRON_MAINNET', tron, tron.toUpperCase(), false],
    ['SOL_MAINNET', SAMPLES.solana[0] ?? '', SAMPLES.solana[1] ?? '', false],
  ])('%s %s %s: %s', (network, a, b, same) => {
    expect(sameAddress(network, a, b)).toBe(same);
    expect(sameAddress(network, b, a)).toBe(same);
  });
});

/** Bytes that are neither all zero nor, as a secret key, out of range. */
function hash(length: number): fc.Arbitrary<Uint8Array> {
  return fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((bytes) => sha256(bytes).slice(0, length));
}

function taproot(key: Uint8Array): string {
  return bech32m.encode('bc', [1, ...bech32m.toWords(key)]);
}

/** One substitution, swap of neighbours, case flip (of a letter or of all), deletion or doubling. */
function change(address: string): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.nat(address.length - 1),
      fc.constantFrom('substitute', 'swap', 'flip', 'flip all', 'delete', 'double'),
      fc.string({ minLength: 1, maxLength: 1 }),
    )
    .map(([index, kind, letter]) => {
      const [before, here, after] = [
        address.slice(0, index),
        address.charAt(index),
        address.slice(index + 1),
      ];
      switch (kind) {
        case 'substitute':
          return before + letter + after;
        case 'swap':
          return before + after.slice(0, 1) + here + after.slice(1);
        case 'flip':
          return before + flip(here) + after;
        case 'flip all':
          return Array.from(address, flip).join('');
        case 'delete':
          return before + after;
        case 'double':
          return before + here + here + after;
      }
    });
}

function flip(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
}

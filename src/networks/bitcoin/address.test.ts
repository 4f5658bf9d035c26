import { schnorr } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bech32, bech32m, createBase58check } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBitcoinAddress, type BitcoinParameters } from './address.ts';

const base58check = createBase58check(sha256);
const TEST: BitcoinParameters = { prefix: 'tb', publicKeyHash: 0x6f, scriptHash: 0xc4 };
const REGTEST: BitcoinParameters = { ...TEST, prefix: 'bcrt' };

const TAPROOT = 'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0';
const WITNESS = 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4';

/** From BIP-173, BIP-350 and Bitcoin Core's key_io_valid.json. */
const MAIN_VALID = [
  WITNESS,
  TAPROOT,
  'bc1qvyq0cc6rahyvsazfdje0twl7ez82ndmuac2lhv',
  'bc1qyucykdlhp62tezs0hagqury402qwhk589q80tqs5myh3rxq34nwqhkdhv7',
  'bc1qhxt04s5xnpy0kxw4x99n5hpdf5pmtzpqs52es2',
  'bc1qgc9ljrvdf2e0zg9rmmq86xklqwfys7r6wptjlacdgrcdc7sa6ggqu4rrxf',
  'bc1p83n3au0rjylefxq2nc2xh2y4jzz4pm6zxj4mw5pagdjjr2a9f36s6jjnnu',
  '1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo',
  '36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm',
  '1FjL87pn8ky6Vbavd1ZHeChRXtoxwRGCRd',
  '3BZECeAH8gSKkjrTx8PwMrNQBLG18yHpvf',
  '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa',
];

const OTHER_NETWORKS: [BitcoinParameters, string][] = [
  [TEST, 'tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7'],
  [TEST, 'tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy'],
  [TEST, 'tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c'],
  [TEST, 'mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ'],
  [TEST, '2NC2hEhe28ULKAJkW5MjZ3jtTMJdvXmByvK'],
  [REGTEST, 'bcrt1qdavt4j2sd7dlhqsavtnfxvzppw6k7qy97tmnu9'],
  [REGTEST, 'bcrt1qan8gntac7z7me2ejt4hpru42ad2f759fmy0m3ejvs98656znv7eqga4uhv'],
  [REGTEST, 'n4fajahJrAuKbN7uNsKjLjQkz9Qn5ewJXQ'],
  [REGTEST, '2MxFajLApXpYk4VodBSZSt7rw8y4ryABkfA'],
];

/** Valid as addresses, but what is sent to them anyone may spend, or nobody ever. */
const UNPAYABLE = [
  // BIP-350 and key_io_valid.json: later versions and other lengths of version 1.
  'bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y',
  'BC1SW50QGDZ25J',
  'bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs',
  'bc1z2rksukkjr8',
  'bc1zmjtqxkzs89',
  // BIP-173's own strings for version 1 and later, which BIP-350 made invalid.
  'bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx',
  'BC1SW50QA3JX3S',
  'bc1zw508d6qejxtdg4y5r3zarvaryvg6kdaj',
  // key_io_valid.json: well formed, but the program is not the x coordinate of any point.
  'bc1pve739yap4uxjvfk0jrey69078u0gasm2nwvv483ec6zkzulgw9xqu4w9fd',
  // The pay-to-anchor output (version 1, two bytes) and the hash of zeros.
  'bc1pfeessrawgf',
  '1111111111111111111114oLvT2',
];

/** The invalid addresses of BIP-350 and BIP-173, and those of key_io_invalid.json that look like ours. */
const INVALID = [
  'tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut',
  'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd',
  'tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf',
  'BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL',
  'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh',
  'tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47',
  'bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4',
  'BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R',
  'bc1pw5dgrnzv',
  'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav',
  'BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P',
  'tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq',
  'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf',
  'tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j',
  'bc1gmk9yu',
  'tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty',
  'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5',
  'BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2',
  'bc1rw5uspcuh',
  'bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90',
  'tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7',
  'bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du',
  'tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv',
  '',
  'x',
  '1GAdfviErV2Ew95FPtZyikz2qGP3gyCB6Hyu94sedAkPpA523m3fQwps9YKUZkKgQckGPKhRsFR',
  '37G2kMDLpmWVhimxRdzwNfE8JFvWXnJYnVcXeeGrek2qumdJuK7XArcVVpRtLLjRra3t64BEPF2',
  'bc10uexgzna2dpfk0vjt35srz6a27ps6m0l89jweznt83n2sqn2fx4hvn9ym5af8wut34sfrqhk3',
  'bc1qdsuzmn04k2z8vryw8l4dj8m5ygqgnne5n',
  'bc1qpu6d26mrulzetu4jqhd7rsunv9aqru26f5c4j8',
  'bc1p702xksx4z3uqf0u2phllxkfe5cgu0adxptqs0uelx0tqt8e885sqryes2l',
  '2UVPFpGYnLHJezFzjUo42our6PMEoozzRdM',
  'KzNbAQ4mexfAxa6RKBzHQqfoTycaeWpv2p',
  '39TKsUQ5QpEL1wowc6GMUqak94ijirPuP69ooV3xsFmiKQX2dau',
  'bc10lyxwnxa70l270e6fcmxr4x7dtgu2yvy7gzkurwxy4zhdvgaqrrn6pfg2flyhqzy5t5se8yu3',
  'bc1qtsvlht6730n04f2mpaj5vv8hrledn5n5ug8c79',
  'bc1prklpq7tjcawg89cmwwqr3u5apwav36xa4zz56ady7crsllm6mpnqts7p86',
  'AZEah8d1EK362okRBS66e8SvdtYkrE8tsX',
  'bc10fd889x4hd54tqu2ewg9t4hhft2wl7m6x50av4uswzw46xe6as0xmltfg7vrjfkvm459vld7w',
  'bc1qmgf8xt8xkecl79k04mma3lz34gqep7hg4',
  'sp1qq22l5s6l9460ww6t4tkzsy2a7zejurcmzz35pt0ffrzk5erlaykdcqugecjjnjqf7ggq39vl6wexjlm00n66z94v675n7wcux6d2krr68gcwu9kg',
  // Private keys of key_io_valid.json.
  '5JuW2AMDYu4xVwRG9DZW18VbzQrGcd5RCgb99sS6ehJsNQXu5b9',
  'L5nJeqKmpHp4P7F8ZYyjwc5a7P4d8EabuGAzfGJk7yC1BJyzNaEd',
];

describe('parseBitcoinAddress', () => {
  test.each(MAIN_VALID)('takes %s', (address) => {
    expect(parseBitcoinAddress(address)).toEqual({ ok: true, address });
  });

  test.each(MAIN_VALID.filter((address) => address.startsWith('bc1')))(
    'takes %s in upper case, in mixed case never',
    (address) => {
      expect(parseBitcoinAddress(address.toUpperCase())).toEqual({ ok: true, address });
      expect(parseBitcoinAddress(`BC1${address.slice(3)}`)).toMatchObject({ ok: false });
      expect(parseBitcoinAddress(`bc1${address.slice(3).toUpperCase()}`)).toMatchObject({
        ok: false,
      });
    },
  );

  test.each(OTHER_NETWORKS)('%j alone takes %s', (parameters, address) => {
    expect(parseBitcoinAddress(address, parameters)).toEqual({ ok: true, address });
    expect(parseBitcoinAddress(address)).toEqual({
      ok: false,
      reason: 'The address belongs to another Bitcoin network.',
    });
  });

  test.each(MAIN_VALID)('a test network refuses %s', (address) => {
    expect(parseBitcoinAddress(address, REGTEST)).toMatchObject({
      reason: 'The address belongs to another Bitcoin network.',
    });
  });

  test.each([...UNPAYABLE, ...INVALID])('refuses %j', (text) => {
    expect(parseBitcoinAddress(text)).toMatchObject({ ok: false });
  });

  test('tells a Tron address from one of another Bitcoin network', () => {
    expect(parseBitcoinAddress('TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t')).toEqual({
      ok: false,
      reason: 'The address is not a Bitcoin address.',
    });
  });

  test('takes every public key as P2TR and refuses programs that are no point', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const address = bech32m.encode('bc', [1, ...bech32m.toWords(bytes)]);
        expect(parseBitcoinAddress(address).ok).toBe(isPoint(bytes));
      }),
    );
    // Not below the field's prime, and zero.
    for (const bytes of [new Uint8Array(32).fill(0xff), new Uint8Array(32)]) {
      const address = bech32m.encode('bc', [1, ...bech32m.toWords(bytes)]);
      expect(parseBitcoinAddress(address)).toMatchObject({ ok: false });
    }
  });

  test('takes every program of 20 or 32 bytes as version 0, and of no other length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 40 }), (bytes) => {
        fc.pre(bytes.some((byte) => byte !== 0));
        const address = bech32.encode('bc', [0, ...bech32.toWords(bytes)]);
        expect(parseBitcoinAddress(address).ok).toBe([20, 32].includes(bytes.length));
      }),
    );
    for (const length of [20, 32]) {
      const zero = bech32.encode('bc', [0, ...bech32.toWords(new Uint8Array(length))]);
      expect(parseBitcoinAddress(zero)).toMatchObject({ ok: false });
    }
  });

  test('takes no base58check version but 0x00 and 0x05, and no length but 21 bytes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.uint8Array({ minLength: 16, maxLength: 24 }),
        (version, bytes) => {
          fc.pre(bytes.some((byte) => byte !== 0));
          const address = base58check.encode(Uint8Array.of(version, ...bytes));
          const valid = bytes.length === 20 && (version === 0x00 || version === 0x05);
          expect(parseBitcoinAddress(address).ok).toBe(valid);
        },
      ),
    );
  });
});

/** Another way to the same question: decompression of a SEC 1 public key with an even y. */
function isPoint(bytes: Uint8Array): boolean {
  try {
    return schnorr.Point.fromBytes(Uint8Array.of(2, ...bytes)).toBytes().length === 33;
  } catch {
    return false;
  }
}

import { hexToBytes, bytesToHex } from '@noble/hashes/utils.js';
import { Address, NETWORK, OutScript } from '@scure/btc-signer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressOfScript, dustLimit, scriptOfAddress } from './script.ts';

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((each) => bytesToHex(each));

const aScript = fc.oneof(
  hex(20).map((hash) => `76a914${hash}88ac`),
  hex(20).map((hash) => `a914${hash}87`),
  hex(20).map((hash) => `0014${hash}`),
  hex(32).map((hash) => `0020${hash}`),
);

describe('scripts and addresses', () => {
  it('are what the library makes of each other', () => {
    fc.assert(
      fc.property(aScript, (script) => {
        const address = addressOfScript(script) ?? '';
        expect(Address(NETWORK).encode(OutScript.decode(hexToBytes(script)) as never)).toBe(
          address,
        );
        expect(scriptOfAddress(address)).toBe(script);
      }),
    );
  });

  it('know the addresses of BIP-173 and BIP-350', () => {
    const vectors = [
      [
        'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
        '0014751e76e8199196d454941c45d1b3a323f1433bd6',
      ],
      [
        'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
        '512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
      ],
    ] as const;
    for (const [address, script] of vectors) {
      expect(scriptOfAddress(address)).toBe(script);
      expect(addressOfScript(script)).toBe(address);
    }
  });

  it('have no address for what nobody pays to', () => {
    for (const script of [
      '',
      '6a0568656c6c6f',
      '5114' + '11'.repeat(20),
      '5220' + '11'.repeat(32),
    ]) {
      expect(addressOfScript(script)).toBeNull();
    }
  });

  const limits = [
    ['76a914' + '11'.repeat(20) + '88ac', 546n],
    ['a914' + '11'.repeat(20) + '87', 540n],
    ['0014' + '11'.repeat(20), 294n],
    ['0020' + '11'.repeat(32), 330n],
    ['5120' + '11'.repeat(32), 330n],
  ] as const;
  it.each(limits)('call less than their limit dust: %s', (script, units) => {
    expect(dustLimit(script)).toBe(units);
  });
});

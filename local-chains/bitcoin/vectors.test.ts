import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { addressOfScript, scriptOfAddress } from './address.ts';
import { blockHex, genesisBlock, isAmbiguous, parseBlock } from './block.ts';
import { bitcoins, moneyText } from './check-transaction.ts';
import { descriptorChecksum, parseDescriptor, taprootOutputKey } from './descriptor.ts';
import { kindOfScript, pushNumber } from './script.ts';
import { segwitHash } from './signature-hash.ts';
import { dustThreshold } from './standardness.ts';
import { completeTransaction, parseTransaction } from './transaction.ts';
import { inputProblem } from './verify-input.ts';

// BIP-143, "Native P2WPKH": the unsigned and the signed transaction, and the hash of the second input.
const UNSIGNED =
  '0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000';
const KEY = '025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357';
const SECRET = '619c335025c7f4012e556c2a58b2506e30b8511b53ade95ea316fd8c3286feb9';
const KEY_HASH = '1d0f172a0ecb48aee1be1f2687d2963ae33f71a1';
const SPENT = [
  {
    units: 625_000_000n,
    scriptHex: '2103c9f4836b9a4f77fc0d81f7bcb01b7f1b35916864b9476c241ce9fc198bd25432ac',
  },
  { units: 600_000_000n, scriptHex: `0014${KEY_HASH}` },
];

describe('the hash that is signed', () => {
  const transaction = parseTransaction(hexToBytes(UNSIGNED));

  it('is that of BIP-143', () => {
    const hash = segwitHash({ transaction, index: 1, spent: SPENT }, hexToBytes(KEY_HASH), 1);
    expect(bytesToHex(hash)).toBe(
      'c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670',
    );
  });

  it('lets its signature spend, and no other', () => {
    const hash = segwitHash({ transaction, index: 1, spent: SPENT }, hexToBytes(KEY_HASH), 1);
    const signature = secp256k1.sign(hash, hexToBytes(SECRET), { prehash: false, format: 'der' });
    const problem = (witness: readonly Uint8Array[]): string | undefined => {
      const inputs = transaction.inputs.map((each) => ({ ...each, witness }));
      const signed = completeTransaction({ ...transaction, inputs });
      return inputProblem({ transaction: signed, index: 1, spent: SPENT }, 'relay');
    };
    const key = hexToBytes(KEY);
    expect(problem([Uint8Array.of(...signature, 1), key])).toBeUndefined();
    expect(problem([Uint8Array.of(...signature, 3), key])).toMatch(/^Signature must be zero/);
    expect(problem([Uint8Array.of(...signature, 1)])).toBe('Witness program hash mismatch');
  });
});

it('has the first block of regtest', () => {
  const genesis = genesisBlock();
  expect(genesis.hash).toBe('0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206');
  expect(parseBlock(hexToBytes(blockHex(genesis)))).toEqual(genesis);
});

// BIP-380.
it.each([
  ['raw(deadbeef)', '89f8spxm'],
  ['addr(mkmZxiEcEd8ZqjQWVZuC6so5dFMKEFpN2j)', '02wpgw69'],
])('gives %s its checksum', (text, checksum) => {
  expect(descriptorChecksum(text)).toBe(checksum);
  expect(parseDescriptor(`${text}#${checksum}`, 'needed').isSolvable).toBe(false);
  expect(() => parseDescriptor(`${text}x#${checksum}`, 'needed')).toThrow('does not match');
  expect(() => parseDescriptor(text, 'needed')).toThrow('Missing checksum');
});

// BIP-341, "scriptPubKey" vectors, the one without a tree.
it('tweaks a taproot key', () => {
  const internal = 'd6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d';
  const output = '53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343';
  expect(taprootOutputKey(internal)).toBe(output);
  expect(parseDescriptor(`tr(${internal})`, 'optional').scriptHex).toBe(`5120${output}`);
});

const H20 = '751e76e8199196d454941c45d1b3a323f1433bd6';
const H32 = 'ab'.repeat(32);

it.each([
  [`0014${H20}`, 'witness_v0_keyhash', 294n],
  [`0020${H32}`, 'witness_v0_scripthash', 330n],
  [`5120${H32}`, 'witness_v1_taproot', 330n],
  [`76a914${H20}88ac`, 'pubkeyhash', 546n],
  [`a914${H20}87`, 'scripthash', 540n],
  ['51024e73', 'anchor', 240n],
  [`5220${H32}`, 'witness_unknown', 330n],
  [`21${KEY}ac`, 'pubkey', 576n],
  [`5121${KEY}51ae`, 'multisig', 582n],
  ['6a0401020304', 'nulldata', 0n],
  ['51', 'nonstandard', 474n],
])('knows the script %s', (scriptHex, kind, dust) => {
  expect(kindOfScript(scriptHex)).toBe(kind);
  expect(dustThreshold({ scriptHex, units: 0n })).toBe(dust);
  const address = addressOfScript(scriptHex);
  if (address !== undefined) expect(scriptOfAddress(address)).toBe(scriptHex);
});

it.each([
  `bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081`,
  'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
  '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2',
])('takes %s for no address of regtest', (address) => {
  expect(scriptOfAddress(address)).toBeUndefined();
});

it.each([
  ['a byte more', `${UNSIGNED}00`],
  ['a byte less', UNSIGNED.slice(0, -2)],
  ['a count in a longer form', UNSIGNED.replace(/^0100000002/, '01000000fd0200')],
  ['a witness that is empty', `${UNSIGNED.slice(0, 8)}0001${UNSIGNED.slice(8, -8)}000011000000`],
])('refuses bytes with %s', (_, hex) => {
  expect(() => parseTransaction(hexToBytes(hex))).toThrow(/./);
});

it('tells a list of hashes from one with a tail repeated', () => {
  const [a, b, c] = ['aa', 'bb', 'cc'].map((each) => each.repeat(32)) as [string, string, string];
  expect(isAmbiguous([a, b, c])).toBe(false);
  expect(isAmbiguous([a, b, c, c])).toBe(true);
  expect(isAmbiguous([a, b, b, c])).toBe(false);
  expect(isAmbiguous([a, b, c, a, b, c, b, c])).toBe(true);
});

it.each([
  [0n, '0.00000000', '0.00'],
  [1n, '0.00000001', '0.00000001'],
  [-150_000_000n, '-1.50000000', '-1.50'],
  [2_100_000_000_000_000n, '21000000.00000000', '21000000.00'],
  [123_450n, '0.00123450', '0.0012345'],
])('writes %s satoshis', (units, exact, short) => {
  expect([bitcoins(units), moneyText(units)]).toEqual([exact, short]);
});

it.each([
  [0, '00'],
  [16, '60'],
  [17, '0111'],
  [127, '017f'],
  [128, '028000'],
  [500_000, '0320a107'],
])('pushes the height %s', (height, hex) => {
  expect(bytesToHex(pushNumber(height))).toBe(hex);
});

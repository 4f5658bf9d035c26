import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isWalletAddress, parseSolanaAddress, parseSolanaMint } from './address.ts';

/** The public key of RFC 8032 §7.1, test 1, and the owner in the tests of the token program's client. */
const RFC8032_KEY = base58.encode(
  Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex'),
);
const WALLETS = [RFC8032_KEY, 'B8UwBUUnKwCyKuGMbFKWaG7exYdDk2ozZrPg72NyVbfj'];

// The first four are the published vectors of create_program_address (solana-sdk, pubkey tests)
// and of getAssociatedTokenAddress (token program's client): derived, so off the curve.
const DERIVED = [
  'BwqrghZA2htAcqq8dzP1WDAhTXYTYWj7CHxF5j7TDBAe',
  '13yWmRpaTR4r5nAktwLqMpRNr28tnVUZw26rTvPSSB19',
  '2fnQrngrQT4SeLcdToJAD96phoEjNL2man2kfRLCASVk',
  'DShWnroshVbeUp28oopA3Pu7oFPDBtC1DBmPECXXAQ9n',
];

const PROGRAMS = [
  '11111111111111111111111111111111',
  'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA',
  'TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb',
  'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL',
  'MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr',
  'Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo',
  'ComputeBudget111111111111111111111111111111',
  'AddressLookupTab1e1111111111111111111111111',
  'Stake11111111111111111111111111111111111111',
  'StakeConfig11111111111111111111111111111111',
  'Vote111111111111111111111111111111111111111',
  'Config1111111111111111111111111111111111111',
  'Feature111111111111111111111111111111111111',
  'NativeLoader1111111111111111111111111111111',
  'BPFLoader1111111111111111111111111111111111',
  'BPFLoader2111111111111111111111111111111111',
  'BPFLoaderUpgradeab1e11111111111111111111111',
  'LoaderV411111111111111111111111111111111111',
  'Ed25519SigVerify111111111111111111111111111',
  'KeccakSecp256k11111111111111111111111111111',
  'Secp256r1SigVerify1111111111111111111111111',
  'Sysvar1111111111111111111111111111111111111',
  'SysvarC1ock11111111111111111111111111111111',
  'SysvarEpochRewards1111111111111111111111111',
  'SysvarEpochSchedu1e111111111111111111111111',
  'SysvarFees111111111111111111111111111111111',
  'Sysvar1nstructions1111111111111111111111111',
  'SysvarLastRestartS1ot1111111111111111111111',
  'SysvarRecentB1ockHashes11111111111111111111',
  'SysvarRent111111111111111111111111111111111',
  'SysvarRewards111111111111111111111111111111',
  'SysvarS1otHashes111111111111111111111111111',
  'SysvarS1otHistory11111111111111111111111111',
  'SysvarStakeHistory1111111111111111111111111',
  '1nc1nerator11111111111111111111111111111111',
];
const MINTS = [
  'So11111111111111111111111111111111111111112',
  'Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB',
  'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v',
];

function isOnCurve(bytes: Uint8Array): boolean {
  try {
    ed25519.Point.fromBytes(bytes, true);
    return true;
  } catch {
    return false;
  }
}

describe('parseSolanaAddress', () => {
  test.each(WALLETS)('takes the wallet %s', (address) => {
    expect(parseSolanaAddress(address)).toEqual({ ok: true, address });
    expect(isWalletAddress(address)).toBe(true);
  });

  // A token account may be named as the recipient. Whether one is there only the chain can tell.
  test.each(DERIVED)('takes the derived address %s', (address) => {
    expect(base58.decode(address)).toHaveLength(32);
    expect(parseSolanaAddress(address)).toEqual({ ok: true, address });
    expect(isWalletAddress(address)).toBe(false);
  });

  test.each(PROGRAMS)('refuses the program or sysvar %s', (address) => {
    // 32 bytes: a miscounted 1 in the list would never match anything.
    expect(base58.decode(address)).toHaveLength(32);
    const refused = { ok: false, reason: expect.stringContaining('a Solana program') as string };
    expect(parseSolanaAddress(address)).toEqual(refused);
    expect(isWalletAddress(address)).toBe(false);
    expect(parseSolanaMint(address)).toEqual(refused);
  });

  test.each(MINTS)('refuses the mint %s as a wallet and takes it as a mint', (address) => {
    expect(parseSolanaAddress(address)).toMatchObject({
      reason: 'The address is a token, not a wallet.',
    });
    expect(parseSolanaMint(address)).toEqual({ ok: true, address });
  });

  test('takes a mint off the curve', () => {
    const [address = ''] = DERIVED;
    expect(parseSolanaMint(address)).toEqual({ ok: true, address });
  });

  test.each([
    ['', 'nothing'],
    [base58.encode(new Uint8Array(31).fill(7)), '31 bytes'],
    [base58.encode(new Uint8Array(33).fill(7)), '33 bytes'],
    [`${RFC8032_KEY}\n`, 'a line feed'],
    [`1${RFC8032_KEY}`, 'a leading zero byte too many'],
    ['z'.repeat(44), '44 characters that are more than 32 bytes'],
    ['0'.repeat(44), 'characters that base58 does not have'],
    [`O${RFC8032_KEY.slice(1)}`, 'an O'],
  ])('refuses %j: %s', (text) => {
    expect(parseSolanaAddress(text)).toMatchObject({ ok: false });
    expect(parseSolanaMint(text)).toMatchObject({ ok: false });
  });

  test('refuses points of small order, mixed order and encodings that are not canonical', () => {
    const { Point } = ed25519;
    const torsion = Point.fromHex(
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    );
    const mixed = Point.fromBytes(base58.decode(RFC8032_KEY)).add(torsion);
    const canonicalOne = Point.ZERO.toBytes();
    const nonCanonicalOne = Buffer.from(`ee${'ff'.repeat(30)}7f`, 'hex');
    for (const bytes of [torsion.toBytes(), mixed.toBytes(), canonicalOne, nonCanonicalOne]) {
      expect(parseSolanaAddress(base58.encode(bytes))).toMatchObject({ ok: false });
      expect(isWalletAddress(base58.encode(bytes))).toBe(false);
    }
  });

  test('takes the public key of every secret', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (secret) => {
        const address = base58.encode(ed25519.getPublicKey(secret));
        expect(parseSolanaAddress(address)).toEqual({ ok: true, address });
      }),
    );
  });

  // No checksum exists. Of 16 changes one is another wallet; 7 are on the curve and no wallet; 8 are off it,
  // where the chain shows that nothing is there.
  test('takes few single changes of a wallet for a wallet, and alters none', () => {
    const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
    const texts = Array.from(RFC8032_KEY).flatMap((here, index) =>
      Array.from(alphabet)
        .filter((_, position) => position % 4 === 0)
        .filter((letter) => letter !== here)
        .map((letter) => RFC8032_KEY.slice(0, index) + letter + RFC8032_KEY.slice(index + 1)),
    );
    const taken = texts.filter((text) => {
      const parsed = parseSolanaAddress(text);
      if (parsed.ok) expect(parsed.address).toBe(text);
      return parsed.ok;
    });
    const wallets = taken.filter((text) => isOnCurve(base58.decode(text)));
    expect(texts.length).toBeGreaterThan(500);
    expect(wallets.length / texts.length).toBeLessThan(0.1);
    expect(taken.length / texts.length).toBeLessThan(0.65);
  });
});

import { inspect } from 'node:util';
import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { HDKey } from '@scure/bip32';
import { mnemonicToSeedSync } from '@scure/bip39';
import { describe, expect, it } from 'vitest';
import { evmAddressOfPublicKey } from '../networks/evm/address-of-public-key.ts';
import { createMnemonicSigner, ed25519KeyAt, type GasNetwork } from './mnemonic-signer.ts';

const JUNK = 'test test test test test test test test test test test junk';
const ABANDON = `${'abandon '.repeat(11)}about`;
const NETWORKS: readonly GasNetwork[] = ['ETHEREUM_MAINNET', 'MATIC_MAINNET', 'BSC_MAINNET'];

function addressOf(mnemonic: string, passphrase?: string): string {
  const secret = passphrase === undefined ? { mnemonic } : { mnemonic, passphrase };
  const signer = createMnemonicSigner(secret).for('ETHEREUM_MAINNET');
  return evmAddressOfPublicKey(signer.publicKey);
}

describe('derivation', () => {
  it.each([
    // The first account of every development node.
    [JUNK, '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'],
    // The first vector of BIP-39, at m/44'/60'/0'/0/0.
    [ABANDON, '0x9858EfFD232B4033E47d90003D41EC34EcaEda94'],
    [`  ${JUNK.replaceAll(' ', '\n ')}\n`, '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'],
  ])('%s', (mnemonic, address) => {
    expect(addressOf(mnemonic)).toBe(address);
  });

  it('is one key on all EVM networks', () => {
    const signers = createMnemonicSigner({ mnemonic: JUNK });
    const keys = NETWORKS.map((network) =>
      Buffer.from(signers.for(network).publicKey).toString('hex'),
    );
    expect(new Set(keys).size).toBe(1);
  });

  it('takes a passphrase into the seed', () => {
    // BIP-39, test vectors: the seed of the first mnemonic with the passphrase TREZOR.
    const seed = Buffer.from(mnemonicToSeedSync(ABANDON, 'TREZOR')).toString('hex');
    expect(seed.startsWith('c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e')).toBe(true);
    const node = HDKey.fromMasterSeed(Buffer.from(seed, 'hex')).derive("m/44'/60'/0'/0/0");
    const publicKey = secp256k1.getPublicKey(node.privateKey ?? new Uint8Array(), false);
    expect(addressOf(ABANDON, 'TREZOR')).toBe(evmAddressOfPublicKey(publicKey));
    expect(addressOf(ABANDON, 'TREZOR')).not.toBe(addressOf(ABANDON));
  });

  it('follows BIP-32, test vector 1', () => {
    const seed = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
    expect(HDKey.fromMasterSeed(seed).derive("m/0'/1/2'/2/1000000000").publicExtendedKey).toBe(
      'xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy',
    );
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describe('the keys of other curves', () => {
  const signers = createMnemonicSigner({ mnemonic: ABANDON });

  // SLIP-10, test vector 1 for ed25519.
  it.each([
    [[], '2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7'],
    [[0], '68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3'],
    [[0, 1], 'b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2'],
    [[0, 1, 2], '92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9'],
  ])('ed25519 at %j follows SLIP-10', (path, key) => {
    const seed = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
    expect(hex(ed25519KeyAt(seed, path))).toBe(key);
  });

  it("Bitcoin's are those of BIP-86 and BIP-84", () => {
    // The published vectors: the tweaked output key, and the compressed key's x.
    expect(hex(signers.forBitcoin('p2tr').publicKey)).toBe(
      'a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c',
    );
    expect(hex(signers.forBitcoin('p2wpkh').publicKey).slice(2, 66)).toBe(
      '30d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c',
    );
  });

  it('sign what verifies under the public key, and the same each time', async () => {
    const digest = new Uint8Array(32).fill(7);
    const solana = signers.forSolana();
    expect(ed25519.verify(await solana.sign(digest), digest, solana.publicKey)).toBe(true);
    const taproot = signers.forBitcoin('p2tr');
    const signature = await taproot.sign(digest);
    expect(schnorr.verify(signature, digest, taproot.publicKey)).toBe(true);
    expect(await taproot.sign(digest)).toEqual(signature);
    await expect(taproot.sign(digest.subarray(1))).rejects.toThrow('32 bytes');
  });

  it('every key is another one', () => {
    const keys = [
      signers.for('ETHEREUM_MAINNET'),
      signers.for('TRON_MAINNET'),
      signers.forSolana(),
      signers.forBitcoin('p2tr'),
      signers.forBitcoin('p2wpkh'),
    ];
    expect(new Set(keys.map(({ publicKey }) => hex(publicKey))).size).toBe(keys.length);
  });
});

describe('gas accounts', () => {
  const signers = createMnemonicSigner({ mnemonic: JUNK });
  const addressesOf = (network: GasNetwork, count: number): string[] =>
    signers.gasAccountsFor(network, count).map(({ publicKey }) => evmAddressOfPublicKey(publicKey));

  it("lie at m/44'/60'/1'/0/i", () => {
    const root = HDKey.fromMasterSeed(mnemonicToSeedSync(JUNK));
    const expected = Array.from({ length: 16 }, (_, index) => {
      const { privateKey } = root.derive(`m/44'/60'/1'/0/${index}`);
      const publicKey = secp256k1.getPublicKey(privateKey ?? new Uint8Array(), false);
      return evmAddressOfPublicKey(publicKey);
    });
    expect(addressesOf('MATIC_MAINNET', 16)).toEqual(expected);
  });

  it('are the same on all EVM networks, in the same order however many there are', () => {
    for (const network of NETWORKS) {
      expect(addressesOf(network, 4)).toEqual(addressesOf('MATIC_MAINNET', 16).slice(0, 4));
    }
  });

  it('are sixteen different ones, none of them the treasury', () => {
    const all = [addressOf(JUNK), ...addressesOf('BSC_MAINNET', 16)];
    expect(new Set(all).size).toBe(17);
  });

  it.each([0, 17, -1])('are not %s', (count) => {
    expect(() => addressesOf('BSC_MAINNET', count)).toThrow('number of gas accounts');
  });

  it('sign, each with its own key', async () => {
    const digest = new Uint8Array(32).fill(7);
    for (const signer of signers.gasAccountsFor('BSC_MAINNET', 3)) {
      const signature = await signer.sign(digest);
      const recovered = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact')
        .addRecoveryBit(signature[64] ?? 9)
        .recoverPublicKey(digest);
      expect(recovered.toBytes(false)).toEqual(signer.publicKey);
    }
  });
});

describe('secrecy', () => {
  it.each([
    ['a word outside the list', JUNK.replace('junk', 'hunk')],
    ['a wrong checksum', JUNK.replace('junk', 'test')],
    ['too few words', 'test test test'],
    ['nothing', ''],
  ])('refuses %s without repeating it', (_, mnemonic) => {
    let message = '';
    try {
      createMnemonicSigner({ mnemonic });
    } catch (error) {
      message = error instanceof Error ? inspect(error, { showHidden: true, depth: 9 }) : '';
      expect((error as Error).message).toBe(
        'The treasury mnemonic is not valid (BIP-39, English: words or checksum).',
      );
    }
    expect(message).not.toBe('');
    expect(message.split('\n')[0]).not.toMatch(/junk|hunk|test test/);
  });

  it('shows no key, however it is looked at', () => {
    const signers = createMnemonicSigner({ mnemonic: JUNK });
    const signer = signers.for('BSC_MAINNET');
    const key = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
    const bytes = Buffer.from(key, 'hex').join(', ');
    for (const it of [signers, signer, ...signers.gasAccountsFor('BSC_MAINNET', 16)]) {
      const shown = inspect(it, { showHidden: true, depth: 9, maxArrayLength: 999 });
      expect(shown + JSON.stringify(it)).not.toContain(key);
      expect(shown.replaceAll(/\s+/g, ' ')).not.toContain(bytes);
      expect(shown).not.toContain('junk');
    }
    expect(Object.keys(signer)).toEqual(['curve', 'publicKey', 'sign']);
    expect(() => Object.assign(signer, { sign: null })).toThrow(TypeError);
  });
});

describe('signatures', () => {
  const key = Buffer.from(
    'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
    'hex',
  );
  const signer = createMnemonicSigner({ mnemonic: JUNK }).for('ETHEREUM_MAINNET');
  const half = secp256k1.Point.CURVE().n / 2n;

  it('are deterministic, low in s, and give the public key back', async () => {
    const seen = new Set<number>();
    for (let index = 0; index < 64; index += 1) {
      const digest = new Uint8Array(32).fill(index + 1);
      const signature = await signer.sign(digest);
      expect(signature).toHaveLength(65);
      expect(await signer.sign(digest)).toEqual(signature);
      expect(BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString('hex')}`) <= half).toBe(
        true,
      );
      const recovered = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact')
        .addRecoveryBit(signature[64] ?? 9)
        .recoverPublicKey(digest);
      expect(recovered.toBytes(false)).toEqual(signer.publicKey);
      expect(
        secp256k1.verify(signature.subarray(0, 64), digest, secp256k1.getPublicKey(key), {
          prehash: false,
        }),
      ).toBe(true);
      seen.add(signature[64] ?? 9);
    }
    expect(seen).toEqual(new Set([0, 1]));
  });

  it('takes digests only', async () => {
    await expect(signer.sign(new Uint8Array(31))).rejects.toThrow('32 bytes');
  });
});

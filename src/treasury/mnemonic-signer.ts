import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { HDKey } from '@scure/bip32';
import { mnemonicToSeedSync, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { assert, present } from '../base/assert.ts';
import type { NetworkId } from '../money/asset.ts';
import type { Signer } from '../networks/signer.ts';

/**
 * Where each network's treasury key lies: BIP-44 with the coin types of SLIP-44. The EVM networks
 * share one key, as every wallet has it.
 */
const PATHS = {
  ETHEREUM_MAINNET: "m/44'/60'/0'/0/0",
  MATIC_MAINNET: "m/44'/60'/0'/0/0",
  BSC_MAINNET: "m/44'/60'/0'/0/0",
  TRON_MAINNET: "m/44'/195'/0'/0/0",
} as const satisfies Partial<Record<NetworkId, string>>;

/** Of ed25519 every step is hardened (SLIP-10): the path that Solana's wallets show first. */
const SOLANA_PATH = [44, 501, 0, 0];

/** BIP-86 and BIP-84. */
const BITCOIN_PATHS = {
  p2tr: "m/86'/0'/0'/0/0",
  p2wpkh: "m/84'/0'/0'/0/0",
} as const satisfies Record<BitcoinAddressType, string>;

/** What kind of address the treasury on Bitcoin has. */
export type BitcoinAddressType = 'p2tr' | 'p2wpkh';

/**
 * Where the gas accounts' keys lie: in an account of their own, so that none of them can ever be the
 * treasury's. The EVM networks share them too.
 */
const GAS_ACCOUNTS_PATH = "m/44'/60'/1'/0";

/** More lanes than that carry nothing faster: a network includes what one account sends in order. */
export const MOST_GAS_ACCOUNTS = 16;

/** The networks whose treasury is one account of the curve secp256k1. */
export type MnemonicNetwork = keyof typeof PATHS;

/** The networks whose transactions gas accounts send. */
export type GasNetwork = Exclude<MnemonicNetwork, 'TRON_MAINNET'>;

export interface MnemonicSigner {
  /** Of the treasury. */
  for(network: MnemonicNetwork): Signer;
  forSolana(): Signer;
  forBitcoin(type: BitcoinAddressType): Signer;
  /** Of the first `count` gas accounts, 1 to {@link MOST_GAS_ACCOUNTS}, always in this order. */
  gasAccountsFor(network: GasNetwork, count: number): readonly Signer[];
}

/**
 * Treasury keys out of a BIP-39 mnemonic in English, derived by BIP-32. Throws one error, which
 * shows nothing of the text, where it is not a mnemonic. The seed is wiped at once; each key lives
 * in a closure only, so that no log, serialiser or debugger's listing of properties can meet it.
 */
export function createMnemonicSigner(secret: {
  readonly mnemonic: string;
  readonly passphrase?: string;
}): MnemonicSigner {
  const { keys, solana } = deriveKeys(secret);
  const signerAt = (path: string): Signer => signerOf(present(keys.get(path), 'no key'));
  return Object.freeze({
    for: (network: MnemonicNetwork) => signerAt(PATHS[network]),
    forSolana: () => ed25519SignerOf(solana),
    forBitcoin: (type: BitcoinAddressType) => {
      const key = present(keys.get(BITCOIN_PATHS[type]), 'no key');
      return type === 'p2tr' ? taprootSignerOf(key) : signerOf(key);
    },
    gasAccountsFor: (network: GasNetwork, count: number) => {
      assert(PATHS[network].startsWith("m/44'/60'/"), `${network} has no gas accounts`);
      assert(
        count >= 1 && count <= MOST_GAS_ACCOUNTS,
        'the number of gas accounts is out of range',
      );
      return GAS_ACCOUNT_PATHS.slice(0, count).map(signerAt);
    },
  });
}

const GAS_ACCOUNT_PATHS = Array.from(
  { length: MOST_GAS_ACCOUNTS },
  (_, index) => `${GAS_ACCOUNTS_PATH}/${index}`,
);

function deriveKeys(secret: { readonly mnemonic: string; readonly passphrase?: string }): {
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly solana: Uint8Array;
} {
  const phrase = secret.mnemonic.normalize('NFKD').trim().split(/\s+/).join(' ');
  if (!validateMnemonic(phrase, wordlist)) {
    throw new Error('The treasury mnemonic is not valid (BIP-39, English: words or checksum).');
  }
  const seed = mnemonicToSeedSync(phrase, secret.passphrase ?? '');
  const root = HDKey.fromMasterSeed(seed);
  const solana = ed25519KeyAt(seed, SOLANA_PATH);
  seed.fill(0);
  const paths = new Set<string>([
    ...Object.values(PATHS),
    ...Object.values(BITCOIN_PATHS),
    ...GAS_ACCOUNT_PATHS,
  ]);
  const keys = new Map([...paths].map((path) => [path, keyAt(root, path)]));
  root.wipePrivateData();
  return { keys, solana };
}

function keyAt(root: HDKey, path: string): Uint8Array {
  const node = root.derive(path);
  const key = present(node.privateKey, 'the path gives no private key').slice();
  node.wipePrivateData();
  return key;
}

function signerOf(key: Uint8Array): Signer {
  return Object.freeze({
    curve: 'secp256k1' as const,
    publicKey: secp256k1.getPublicKey(key, false),
    sign: async (payload: Uint8Array) => await Promise.resolve(signDigest(payload, key)),
  });
}

/** A key of ed25519 by SLIP-10, all steps of the path hardened. */
export function ed25519KeyAt(seed: Uint8Array, path: readonly number[]): Uint8Array {
  let node = hmac(sha512, new TextEncoder().encode('ed25519 seed'), seed);
  for (const step of path) {
    const data = new Uint8Array(37);
    data.set(node.subarray(0, 32), 1);
    new DataView(data.buffer).setUint32(33, step + 0x80000000);
    const child = hmac(sha512, node.subarray(32), data);
    node.fill(0);
    data.fill(0);
    node = child;
  }
  const key = node.slice(0, 32);
  node.fill(0);
  return key;
}

function ed25519SignerOf(key: Uint8Array): Signer {
  return Object.freeze({
    curve: 'ed25519' as const,
    publicKey: ed25519.getPublicKey(key),
    sign: async (message: Uint8Array) => await Promise.resolve(ed25519.sign(message, key)),
  });
}

/** The key of a taproot output that commits to no scripts (BIP-341, BIP-86). */
function taprootSignerOf(internalKey: Uint8Array): Signer {
  const key = tweak(internalKey);
  return Object.freeze({
    curve: 'bip340' as const,
    publicKey: schnorr.getPublicKey(key),
    sign: async (digest: Uint8Array) => {
      assert(digest.length === 32, 'a digest has 32 bytes');
      // Without auxiliary randomness the same digest has the same signature (BIP-340, default signing).
      return await Promise.resolve(schnorr.sign(digest, key, new Uint8Array(32)));
    },
  });
}

function tweak(internalKey: Uint8Array): Uint8Array {
  const { Fn } = secp256k1.Point;
  const point = secp256k1.Point.fromBytes(secp256k1.getPublicKey(internalKey, true));
  const scalar = Fn.fromBytes(internalKey);
  const even = point.y % 2n === 0n ? scalar : Fn.neg(scalar);
  const hash = schnorr.utils.taggedHash('TapTweak', schnorr.getPublicKey(internalKey));
  const offset = Fn.fromBytes(hash);
  return Fn.toBytes(Fn.add(even, offset));
}

/** Deterministic (RFC 6979), low s (BIP-62). The library puts the recovery id first; we put it last. */
function signDigest(digest: Uint8Array, key: Uint8Array): Uint8Array {
  assert(digest.length === 32, 'a digest has 32 bytes');
  const signed = secp256k1.sign(digest, key, { prehash: false, lowS: true, format: 'recovered' });
  const recoveryId = present(signed[0], 'the signature is empty');
  assert(recoveryId === 0 || recoveryId === 1, 'the recovery id is neither 0 nor 1');
  return Uint8Array.of(...signed.subarray(1), recoveryId);
}

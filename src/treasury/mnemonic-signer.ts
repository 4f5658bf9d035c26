import { secp256k1 } from '@noble/curves/secp256k1.js';
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
} as const satisfies Partial<Record<NetworkId, string>>;

/**
 * Where the gas accounts' keys lie: in an account of their own, so that none of them can ever be the
 * treasury's. The EVM networks share them too.
 */
const GAS_ACCOUNTS_PATH = "m/44'/60'/1'/0";

/** More lanes than that carry nothing faster: a network includes what one account sends in order. */
export const MOST_GAS_ACCOUNTS = 16;

/** The networks that a mnemonic can sign for. */
export type MnemonicNetwork = keyof typeof PATHS;

export interface MnemonicSigner {
  /** Of the treasury. */
  for(network: MnemonicNetwork): Signer;
  /** Of the first `count` gas accounts, 1 to {@link MOST_GAS_ACCOUNTS}, always in this order. */
  gasAccountsFor(network: MnemonicNetwork, count: number): readonly Signer[];
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
  const keys = deriveKeys(secret);
  const signerAt = (path: string): Signer => signerOf(present(keys.get(path), 'no key'));
  return Object.freeze({
    for: (network: MnemonicNetwork) => signerAt(PATHS[network]),
    gasAccountsFor: (network: MnemonicNetwork, count: number) => {
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

function deriveKeys(secret: {
  readonly mnemonic: string;
  readonly passphrase?: string;
}): ReadonlyMap<string, Uint8Array> {
  const phrase = secret.mnemonic.normalize('NFKD').trim().split(/\s+/).join(' ');
  if (!validateMnemonic(phrase, wordlist)) {
    throw new Error('The treasury mnemonic is not valid (BIP-39, English: words or checksum).');
  }
  const seed = mnemonicToSeedSync(phrase, secret.passphrase ?? '');
  const root = HDKey.fromMasterSeed(seed);
  seed.fill(0);
  const paths = new Set<string>([...Object.values(PATHS), ...GAS_ACCOUNT_PATHS]);
  const keys = new Map([...paths].map((path) => [path, keyAt(root, path)]));
  root.wipePrivateData();
  return keys;
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

/** Deterministic (RFC 6979), low s (BIP-62). The library puts the recovery id first; we put it last. */
function signDigest(digest: Uint8Array, key: Uint8Array): Uint8Array {
  assert(digest.length === 32, 'a digest has 32 bytes');
  const signed = secp256k1.sign(digest, key, { prehash: false, lowS: true, format: 'recovered' });
  const recoveryId = present(signed[0], 'the signature is empty');
  assert(recoveryId === 0 || recoveryId === 1, 'the recovery id is neither 0 nor 1');
  return Uint8Array.of(...signed.subarray(1), recoveryId);
}

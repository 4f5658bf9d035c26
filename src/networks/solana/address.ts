import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import { acceptedAddress, refusedAddress, type ParsedAddress } from '../parsed-address.ts';

/** Programs, sysvars and burn addresses: no key behind any of them. */
const PROGRAMS: ReadonlySet<string> = new Set([
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
]);

/** Mints that people paste by mistake: wrapped SOL, USDT, USDC. Some are on the curve. */
const MINTS: ReadonlySet<string> = new Set([
  'So11111111111111111111111111111111111111112',
  'Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB',
  'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v',
]);

/**
 * A wallet or a token account, in base58. Solana addresses have no checksum, so the key is the check where
 * there is one: every key made from a secret lies in the curve's prime-order subgroup, and no other point of
 * the curve is anybody's address. That check costs 0.6 ms. What lies off the curve, half of all 32-byte
 * strings, is what programs derive, token accounts among it: only the chain can tell, and before anything
 * is signed the driver refuses all that is not there (`judge-recipient.ts`).
 */
export function parseSolanaAddress(text: string): ParsedAddress {
  const account = decodeAccount(text);
  if (account === undefined) return refusedAddress(NOT_AN_ACCOUNT);
  if (PROGRAMS.has(text)) return refusedAddress('The address is a Solana program, not a wallet.');
  if (MINTS.has(text)) return refusedAddress('The address is a token, not a wallet.');
  if (isStrangePoint(account)) {
    return refusedAddress('The address is not a wallet: no key can stand behind it.');
  }
  return acceptedAddress(text);
}

/** Whether a key can stand behind the address: it is a public key, and no known program or mint. */
export function isWalletAddress(text: string): boolean {
  const account = decodeAccount(text);
  if (account === undefined || PROGRAMS.has(text) || MINTS.has(text)) return false;
  return isOnCurve(account, false) && !isStrangePoint(account);
}

/** A token's mint: any account that is not a known program. It may lie off the curve. */
export function parseSolanaMint(text: string): ParsedAddress {
  if (decodeAccount(text) === undefined) return refusedAddress(NOT_AN_ACCOUNT);
  if (PROGRAMS.has(text)) return refusedAddress('The address is a Solana program, not a token.');
  return acceptedAddress(text);
}

const NOT_AN_ACCOUNT = 'The address must be 32 bytes in base58: 32 to 44 characters.';

/** The 32 bytes of an account's address. Base58 gives each string of bytes exactly one text. */
function decodeAccount(text: string): Uint8Array | undefined {
  if (!/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(text)) return undefined;
  const bytes = base58.decode(text);
  return bytes.length === 32 ? bytes : undefined;
}

/** On the curve, by the looser decoding that programs derive addresses by, and not a public key (RFC 8032 §5.1.3). */
function isStrangePoint(bytes: Uint8Array): boolean {
  if (!isOnCurve(bytes, true)) return false;
  if (!isOnCurve(bytes, false)) return true;
  const point = ed25519.Point.fromBytes(bytes, false);
  return point.is0() || !point.isTorsionFree();
}

function isOnCurve(bytes: Uint8Array, isLoose: boolean): boolean {
  try {
    ed25519.Point.fromBytes(bytes, isLoose);
    return true;
  } catch {
    return false;
  }
}

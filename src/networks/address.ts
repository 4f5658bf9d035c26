import type { NetworkId } from '../money/asset.ts';
import { parseBitcoinAddress } from './bitcoin/address.ts';
import { evmAddressProblem, parseEvmAddress } from './evm/address.ts';
import { familyOf } from './family.ts';
import { refusedAddress, refusedCharacters, type ParsedAddress } from './parsed-address.ts';
import { parseSolanaAddress, parseSolanaMint } from './solana/address.ts';
import { parseTronAddress } from './tron/address.ts';

/**
 * A recipient's address on a network, in its canonical form: EIP-55, base58check (Tron, Bitcoin),
 * base58 (Solana) or lower-case bech32. Reasons are safe to show to the caller. Whether the
 * address is a token's contract or a wallet of our own is for the caller to ask of `sameAddress`.
 */
export function parseAddress(network: NetworkId, text: string): ParsedAddress {
  const refused = refusedCharacters(text);
  if (refused !== undefined) return refused;
  const family = familyOf(network);
  switch (family) {
    case 'evm':
      return parseEvmAddress(text);
    case 'tron':
      return parseTronAddress(text);
    case 'solana':
      return parseSolanaAddress(text);
    case 'bitcoin':
      return parseBitcoinAddress(text);
  }
}

/** Why an address cannot be paid on a network; undefined where {@link parseAddress} takes it. */
export function addressProblem(network: NetworkId, text: string): string | undefined {
  if (familyOf(network) === 'evm' && refusedCharacters(text) === undefined) {
    return evmAddressProblem(text);
  }
  const parsed = parseAddress(network, text);
  return parsed.ok ? undefined : parsed.reason;
}

/** A token's contract or mint on a network, in its canonical form. A mint needs no key. */
export function parseContract(network: NetworkId, text: string): ParsedAddress {
  const family = familyOf(network);
  switch (family) {
    case 'evm':
    case 'tron':
      return parseAddress(network, text);
    case 'solana':
      return refusedCharacters(text) ?? parseSolanaMint(text);
    case 'bitcoin':
      return refusedAddress('Bitcoin has no token contracts.');
  }
}

/**
 * Whether two addresses of one network name the same account, whatever their spelling.
 * Neither needs to be a possible recipient (a mint, for one), nor is either checked here.
 */
export function sameAddress(network: NetworkId, a: string, b: string): boolean {
  return accountSpelling(network, a) === accountSpelling(network, b);
}

/** One spelling for each account: hexadecimal and bech32 have no case, base58 has. Nothing is checked. */
export function accountSpelling(network: NetworkId, address: string): string {
  const family = familyOf(network);
  switch (family) {
    case 'evm':
      return address.toLowerCase();
    case 'tron':
    case 'solana':
      return address;
    case 'bitcoin':
      return /^(bc|tb|bcrt)1/i.test(address) ? address.toLowerCase() : address;
  }
}

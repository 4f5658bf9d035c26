import { entropyToMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import type { Random } from '../base/random.ts';

/** Twelve new words (BIP-39, English, 128 bits), for worlds that need a treasury of their own. */
export function newMnemonic(random: Random): string {
  return entropyToMnemonic(random.bytes(16), wordlist);
}

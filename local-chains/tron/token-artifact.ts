import { readFileSync } from 'node:fs';
import { hexToBytes } from '@noble/hashes/utils.js';

/** A compiled token, as compile.ts keeps it. */
export interface TokenArtifact {
  readonly abi: readonly AbiEntry[];
  /** By signature: {"transfer(address,uint256)": "a9059cbb"}. */
  readonly selectors: Readonly<Record<string, string>>;
  readonly bytecode: string;
}

interface AbiEntry {
  readonly type: string;
  readonly name?: string;
  readonly stateMutability?: string;
  readonly inputs?: readonly AbiParameter[];
  readonly outputs?: readonly AbiParameter[];
}

interface AbiParameter {
  readonly name: string;
  readonly type: string;
  readonly indexed?: boolean;
}

export function tokenArtifact(symbol: 'USDT' | 'USDC'): TokenArtifact {
  const path = new URL(`artifacts/Local${symbol}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as TokenArtifact;
}

/** The code that a creation runs: the constructor takes the decimals. */
export function creationCode(artifact: TokenArtifact, decimals: number): Uint8Array {
  return hexToBytes(artifact.bytecode + wordOfNumber(BigInt(decimals)));
}

/** Call data for a function of the token. Arguments are addresses (41…), numbers or booleans. */
export function callData(
  artifact: TokenArtifact,
  signature: string,
  values: readonly (string | bigint | boolean)[],
): Uint8Array {
  const selector = artifact.selectors[signature];
  if (selector === undefined) throw new Error(`the token has no ${signature}`);
  return hexToBytes(selector + values.map(wordOfValue).join(''));
}

/** The ABI as Tron's nodes give it. */
export function tronAbi(abi: readonly AbiEntry[]): readonly unknown[] {
  return abi.map((entry) => ({
    ...(entry.inputs === undefined || entry.inputs.length === 0 ? {} : { inputs: entry.inputs }),
    ...(entry.name === undefined ? {} : { name: entry.name }),
    ...(entry.outputs === undefined ? {} : { outputs: entry.outputs }),
    ...(entry.stateMutability === undefined
      ? {}
      : { stateMutability: capitalised(entry.stateMutability) }),
    type: capitalised(entry.type),
  }));
}

function wordOfValue(value: string | bigint | boolean): string {
  if (typeof value === 'string') return value.slice(2).padStart(64, '0');
  return wordOfNumber(BigInt(value));
}

function wordOfNumber(value: bigint): string {
  return value.toString(16).padStart(64, '0');
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

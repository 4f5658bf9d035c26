import type { Hex } from '../../../src/networks/evm/read-answer.ts';

/** The words of the contract ABI, as hex without 0x: 64 digits each. */

export const WORD_LIMIT = 2n ** 256n;

export function wordOf(value: bigint): string {
  return value.toString(16).padStart(64, '0');
}

/** 20 bytes, 12 zero bytes before them. */
export function addressWord(address: Hex): string {
  return `${'0'.repeat(24)}${address.slice(2)}`;
}

/** The selector, lower case, without 0x; null where the calldata is shorter than one. */
export function selectorOf(data: Hex): string | null {
  return data.length < 10 ? null : data.slice(2, 10);
}

export function byteLength(data: Hex): number {
  return (data.length - 2) / 2;
}

/** The argument at `index`. Null where the calldata ends before it does. */
export function argumentAt(data: Hex, index: number): string | null {
  const start = 10 + 64 * index;
  return data.length < start + 64 ? null : data.slice(start, start + 64);
}

/** An address argument. Null where it is not there, or its upper bytes are not zero. */
export function addressAt(data: Hex, index: number): Hex | null {
  const word = argumentAt(data, index);
  return word === null || !word.startsWith('0'.repeat(24)) ? null : `0x${word.slice(24)}`;
}

export function numberAt(data: Hex, index: number): bigint | null {
  const word = argumentAt(data, index);
  return word === null ? null : BigInt(`0x${word}`);
}

/** The ABI encoding of dynamic bytes: length, then the bytes, filled up to whole words. */
export function bytesTail(data: Hex): string {
  const length = byteLength(data);
  const digits = data.slice(2);
  return wordOf(BigInt(length)) + digits.padEnd(Math.ceil(length / 32) * 64, '0');
}

/** Error(string). */
export function errorData(reason: string): Hex {
  const text: Hex = `0x${Buffer.from(reason, 'utf8').toString('hex')}`;
  return `0x08c379a0${wordOf(32n)}${bytesTail(text)}`;
}

/** Panic(uint256). */
export function panicData(code: bigint): Hex {
  return `0x4e487b71${wordOf(code)}`;
}

export function quantity(value: bigint | number): Hex {
  return `0x${value.toString(16)}`;
}

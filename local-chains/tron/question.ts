import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { base58Of, readAddress, type Address } from './address.ts';
import type { ChainCore } from './chain-core.ts';
import type { NodeSelf } from './node-view.ts';
import type { Serial } from './serial.ts';

/** One request to one node. */
export interface Question {
  readonly core: ChainCore;
  readonly node: NodeSelf;
  readonly serial: Serial;
  readonly body: JsonObject;
  /** Addresses in base58 and messages in plain text, not both in hex. */
  readonly visible: boolean;
  /** Asked at /walletsolidity/. */
  readonly solidity: boolean;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** java-tron's own way to say that it could not do it: `{"Error": "class … : …"}` with status 200. */
export class JavaError extends Error {
  override readonly name = 'JavaError';

  constructor(javaClass: string, message: string) {
    super(`class ${javaClass} : ${message}`);
  }
}

export function parseError(message: string): JavaError {
  return new JavaError('org.tron.core.services.http.JsonFormat$ParseException', message);
}

export function asObject(value: unknown): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new JavaError('java.lang.NullPointerException', 'null');
}

/** An address in the request's form; throws {@link JavaError} for any other. */
export function addressIn(body: JsonObject, name: string, visible: boolean): Address {
  const value = body[name];
  const isHex = typeof value === 'string' && value.startsWith('41') && value.length === 42;
  const address = typeof value === 'string' && isHex !== visible ? readAddress(value) : undefined;
  if (address === undefined) throw parseError(`INVALID ${visible ? 'base58' : 'hex'} String`);
  return address;
}

export function showAddress(address: Address, visible: boolean): string {
  return visible ? base58Of(address) : address;
}

/** An amount: a JSON number, or its digits. 0 where it is left out. */
export function integerIn(body: JsonObject, name: string): bigint {
  const value = body[name] ?? 0;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) return BigInt(value);
  throw parseError(`Couldn't parse integer: ${JSON.stringify(value)}`);
}

export function bytesOf(value: unknown): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})*$/i.test(value)) {
    throw parseError('INVALID hex String');
  }
  return hexToBytes(value.toLowerCase());
}

/** Text as the API gives it in a field of bytes. */
export function showText(text: string, visible: boolean): string {
  return visible ? text : bytesToHex(utf8ToBytes(text));
}

/** java-tron writes all digits of a number; what JSON.parse makes of them is what a client here gets. */
export function jsonNumber(value: bigint): number {
  return Number(value);
}

/** protobuf's JSON leaves out what has its default value. */
export function withoutDefaults(fields: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) =>
        value !== undefined &&
        value !== 0 &&
        value !== '' &&
        value !== false &&
        !(Array.isArray(value) && value.length === 0),
    ),
  );
}

import { BitcoinRpcError, type NodeFaults } from './bitcoin-chain.ts';
import { bitcoins } from './check-transaction.ts';
import type { NodeCore } from './node-core.ts';
import type { World } from './world.ts';

/** One call of a node's RPC, and who is asked. */
export interface Question {
  readonly core: NodeCore;
  readonly world: World;
  readonly faults: NodeFaults;
  readonly node: string;
  readonly params: Parameters;
  /** From the path; undefined: the only one that is loaded. */
  readonly wallet: string | undefined;
}

export interface Method {
  /** Of its parameters, in order; several names of one are separated by "|". */
  readonly names: readonly string[];
  readonly answer: (question: Question) => unknown;
}

export type Methods = Readonly<Record<string, Method>>;

/** Parameters by their place, 0 being the first. Null and absent are the same. */
export interface Parameters {
  has(place: number): boolean;
  text(place: number): string;
  textOr(place: number, otherwise: string): string;
  integer(place: number): number;
  integerOr(place: number, otherwise: number): number;
  flagOr(place: number, otherwise: boolean): boolean;
  list(place: number): readonly unknown[];
  record(place: number): Readonly<Record<string, unknown>>;
  raw(place: number): unknown;
  /** 32 bytes in hexadecimal; `name` is for the message. */
  hash(place: number, name: string): string;
  bytes(place: number): string | undefined;
}

export function readParameters(given: readonly unknown[]): Parameters {
  const raw = (place: number): unknown => given[place] ?? null;
  const has = (place: number): boolean => raw(place) !== null;
  const text = (place: number): string => {
    const value = raw(place);
    if (typeof value !== 'string') throw wrongType(value, 'string');
    return value;
  };
  const integer = (place: number): number => {
    const value = raw(place);
    if (typeof value !== 'number') throw wrongType(value, 'number');
    if (!Number.isSafeInteger(value)) throw new BitcoinRpcError(-1, 'JSON integer out of range');
    return value;
  };
  return {
    raw,
    has,
    text,
    textOr: (place, otherwise) => (has(place) ? text(place) : otherwise),
    integer,
    integerOr: (place, otherwise) => (has(place) ? integer(place) : otherwise),
    flagOr(place, otherwise) {
      const value = raw(place);
      if (value === null) return otherwise;
      if (typeof value !== 'boolean') throw wrongType(value, 'bool');
      return value;
    },
    list(place) {
      const value = raw(place);
      if (!Array.isArray(value)) throw wrongType(value, 'array');
      return value as readonly unknown[];
    },
    record(place) {
      const value = raw(place);
      if (!isRecord(value)) throw wrongType(value, 'object');
      return value;
    },
    hash: (place, name) => readHash(text(place), name),
    bytes(place) {
      const value = text(place);
      return /^([0-9a-f]{2})*$/i.test(value) ? value.toLowerCase() : undefined;
    },
  };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function readHash(value: unknown, name: string): string {
  if (typeof value !== 'string') throw wrongType(value, 'string');
  if (value.length !== 64) {
    const message = `${name} must be of length 64 (not ${value.length}, for '${value}')`;
    throw new BitcoinRpcError(-8, message);
  }
  if (!/^[0-9a-f]+$/i.test(value)) {
    throw new BitcoinRpcError(-8, `${name} must be hexadecimal string (not '${value}')`);
  }
  return value.toLowerCase();
}

export function wrongType(value: unknown, expected: string): BitcoinRpcError {
  const given = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  const name = given === 'boolean' ? 'bool' : given;
  const message = `JSON value of type ${name} is not of expected type ${expected}`;
  return new BitcoinRpcError(-3, message);
}

/** A JSON number of bitcoins with all of its eight decimals (TC39 JSON.rawJSON). */
export function amount(units: bigint): object {
  return (JSON as unknown as { rawJSON: (text: string) => object }).rawJSON(bitcoins(units));
}

/** Satoshis of a JSON number or a decimal text, exactly. */
export function readAmount(value: unknown): bigint {
  const text = typeof value === 'number' ? value.toFixed(8) : value;
  const [, whole, fraction = ''] =
    (typeof text === 'string' ? /^(\d+)(?:\.(\d{1,8}))?$/.exec(text) : null) ?? [];
  if (whole === undefined) throw new BitcoinRpcError(-3, 'Invalid amount');
  return BigInt(whole) * 100_000_000n + BigInt(fraction.padEnd(8, '0'));
}

/** Whether this node denies that there is such a transaction. */
export function isDenied({ faults, world }: Question, txid: string): boolean {
  if (!faults.denies.includes(txid)) return false;
  world.count('denied');
  return true;
}

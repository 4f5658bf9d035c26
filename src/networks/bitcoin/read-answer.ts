import { parseUnits } from '../../money/amount.ts';
import { isRecord, RpcFailure } from '../nodes/json-rpc.ts';
import { readTransactionHex, type Transaction } from './transaction.ts';

/**
 * Readers for the values of bitcoind's JSON-RPC. Each gives a value or throws {@link RpcFailure}: a
 * malformed answer is an error, never a value. `what` names the value in the error.
 */

/** A JSON number with a fraction, an exponent or too many digits, by the text that the node wrote. */
export class DecimalText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON without a float: amounts are decimals of bitcoins, and stay the digits that they are. */
export function readExactJson(text: string): unknown {
  const revive = (_key: string, value: unknown, context?: { readonly source: string }): unknown => {
    if (typeof value !== 'number' || context === undefined) return value;
    const isWhole = /^-?\d+$/.test(context.source) && Number.isSafeInteger(value);
    return isWhole ? value : new DecimalText(context.source);
  };
  return JSON.parse(text, revive);
}

const BITCOIN_DECIMALS = 8;
/** 21 million bitcoins in satoshis: no amount is more. */
const MOST_UNITS = 2_100_000_000_000_000n;

/** An amount of bitcoins, as satoshis: not negative. */
export function readUnits(value: unknown, what: string): bigint {
  const text =
    value instanceof DecimalText ? value.text : typeof value === 'number' ? `${value}` : '';
  const units = parseUnits(text, BITCOIN_DECIMALS);
  if (typeof units !== 'bigint' || units < 0n || units > MOST_UNITS) {
    throw new RpcFailure(`${what} is not an amount`);
  }
  return units;
}

/** A whole number that is not negative. */
export function readCount(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new RpcFailure(`${what} is not a count`);
  }
  return value;
}

/** The number of an output in its transaction: 32 bits. */
export function readOutputNumber(value: unknown, what: string): number {
  const number = readCount(value, what);
  if (number > 0xffffffff) throw new RpcFailure(`${what} is not the number of an output`);
  return number;
}

/** A whole number, negative ones too. */
export function readInteger(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new RpcFailure(`${what} is not a whole number`);
  }
  return value;
}

/** 32 bytes, as nodes show hashes. */
export function readHash(value: unknown, what: string): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) {
    throw new RpcFailure(`${what} is malformed`);
  }
  return value;
}

export function readText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new RpcFailure(`${what} is not a text`);
  return value;
}

/** Any number of whole bytes. */
export function readHex(value: unknown, what: string): string {
  if (typeof value !== 'string' || !/^([0-9a-f]{2})*$/.test(value)) {
    throw new RpcFailure(`${what} is malformed`);
  }
  return value;
}

export function readRecord(value: unknown, what: string): Record<string, unknown> {
  if (!isRecord(value)) throw new RpcFailure(`${what} is not an object`);
  return value;
}

export function readList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new RpcFailure(`${what} is not a list`);
  return value as readonly unknown[];
}

/** The script of an output, as `{ "scriptPubKey": { "hex": … } }` holds it. */
export function readScript(holder: Record<string, unknown>, what: string): string {
  return readHex(readRecord(holder['scriptPubKey'], what)['hex'], what);
}

/** The bytes of just this transaction. */
export function readTransactionOf(value: unknown, txid: string): Transaction {
  const transaction = readBytes(readHex(value, 'transaction'));
  if (transaction.txid !== txid) throw new RpcFailure('the node gave another transaction');
  return transaction;
}

function readBytes(hex: string): Transaction {
  try {
    return readTransactionHex(hex);
  } catch {
    throw new RpcFailure('the transaction is malformed');
  }
}

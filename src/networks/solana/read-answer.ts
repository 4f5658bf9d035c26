import { base58, base64 } from '@scure/base';
import type { Json } from '../../base/json.ts';
import { isRecord, RpcFailure } from '../nodes/json-rpc.ts';

/**
 * Readers for the values of Solana's JSON-RPC (solana.com/docs/rpc). Each gives a value or throws
 * {@link RpcFailure}: a malformed answer is an error, never a value. `what` names the value in the error.
 */

export function readRecord(value: unknown, what: string): Record<string, unknown> {
  if (!isRecord(value)) throw new RpcFailure(`${what} is not an object`);
  return value;
}

export function readList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new RpcFailure(`${what} is not a list`);
  return value as readonly unknown[];
}

/** A JSON number without a fraction, small enough to be exact: slots, heights, lamports of one account. */
export function readCount(value: unknown, what: string): bigint {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new RpcFailure(`${what} is not a whole number`);
  }
  return BigInt(value);
}

/** Token units, which come as decimal text because they have 64 bits. */
export function readUnits(value: unknown, what: string): bigint {
  if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,19})$/.test(value)) {
    throw new RpcFailure(`${what} is not a number of units`);
  }
  return BigInt(value);
}

/** 32 bytes in base58: an address or a blockhash. */
export function readKey(value: unknown, what: string): string {
  return readBase58(value, 32, what);
}

/** 64 bytes in base58. */
export function readSignature(value: unknown, what: string): string {
  return readBase58(value, 64, what);
}

function readBase58(value: unknown, bytes: number, what: string): string {
  if (typeof value !== 'string' || value.length > 90 || decodeBase58(value)?.length !== bytes) {
    throw new RpcFailure(`${what} is malformed`);
  }
  return value;
}

function decodeBase58(text: string): Uint8Array | undefined {
  try {
    return base58.decode(text);
  } catch {
    return undefined;
  }
}

/** Bytes as the pair [text, "base64"]. */
export function readBytes(value: unknown, what: string): Uint8Array {
  const [text, encoding] = readList(value, what);
  if (typeof text !== 'string' || encoding !== 'base64') {
    throw new RpcFailure(`${what} is not in base64`);
  }
  try {
    return base64.decode(text);
  } catch {
    throw new RpcFailure(`${what} is not in base64`);
  }
}

/** The value with the slot of the state that it was read in. */
export function readContext(value: unknown, what: string): { slot: bigint; value: unknown } {
  const answer = readRecord(value, what);
  const context = readRecord(answer['context'], `context of ${what}`);
  return { slot: readCount(context['slot'], `slot of ${what}`), value: answer['value'] };
}

export const COMMITMENTS = ['processed', 'confirmed', 'finalized'] as const;
export type Commitment = (typeof COMMITMENTS)[number];

/** A block that lies on the node's chain. */
export interface Block {
  /** The slot. */
  readonly number: bigint;
  readonly hash: string;
  readonly parentSlot: bigint;
  /** How many blocks lie before it: below the slot, since slots are skipped. */
  readonly height: bigint;
  /** Null for blocks so new that the node has not noted it yet. */
  readonly time: Date | null;
  /** First signatures of its transactions; null where they were not asked for. */
  readonly signatures: readonly string[] | null;
}

export function readBlock(value: unknown, slot: bigint): Block {
  const block = readRecord(value, 'block');
  const parentSlot = readCount(block['parentSlot'], 'parent slot');
  if (parentSlot >= slot && slot > 0n) throw new RpcFailure('the parent of a block is before it');
  const signatures = block['signatures'] ?? null;
  const seconds = block['blockTime'] ?? null;
  return {
    number: slot,
    hash: readKey(block['blockhash'], 'blockhash'),
    parentSlot,
    height: readCount(block['blockHeight'], 'block height'),
    time: seconds === null ? null : new Date(Number(readCount(seconds, 'block time')) * 1000),
    signatures:
      signatures === null
        ? null
        : readList(signatures, 'signatures').map((it) => readSignature(it, 'signature')),
  };
}

/** A TransactionError as the node writes it; null where the transaction succeeded. */
export type TransactionError = Json;

/** Text or an object of JSON: what else JSON.parse makes is no TransactionError. */
export function readError(value: unknown, what: string): TransactionError {
  if (value === null || typeof value === 'string' || isRecord(value)) return value as Json;
  throw new RpcFailure(`${what} is malformed`);
}

/** Which instruction of a transaction failed, and how: a name, or a number of the program's own. */
export interface InstructionFailure {
  readonly index: number;
  readonly cause: string | number;
}

/** Null where the error is not of one instruction. */
export function instructionFailureOf(error: TransactionError): InstructionFailure | null {
  const list: unknown = isRecord(error) ? error['InstructionError'] : undefined;
  if (!Array.isArray(list)) return null;
  const [index, cause] = list as readonly unknown[];
  if (typeof index !== 'number' || !Number.isSafeInteger(index)) return null;
  if (typeof cause === 'string') return { index, cause };
  if (!isRecord(cause)) return null;
  const custom = cause['Custom'];
  if (typeof custom === 'number') return { index, cause: custom };
  return { index, cause: Object.keys(cause).join() };
}

/** What a node says of a signature. */
export interface SignatureStatus {
  readonly slot: bigint;
  readonly commitment: Commitment;
  readonly error: TransactionError;
}

export function readSignatureStatus(value: unknown): SignatureStatus | null {
  if (value === null) return null;
  const status = readRecord(value, 'signature status');
  return {
    slot: readCount(status['slot'], 'slot of a status'),
    commitment: readCommitment(status['confirmationStatus']),
    error: readError(status['err'], 'error of a status'),
  };
}

export function readCommitment(value: unknown): Commitment {
  const found = COMMITMENTS.find((it) => it === value);
  if (found === undefined) throw new RpcFailure('the commitment is unknown');
  return found;
}

/** One transaction of an address, by its name. */
export interface ListedSignature {
  readonly signature: string;
  readonly slot: bigint;
}

export function readListedSignature(value: unknown): ListedSignature {
  const listed = readRecord(value, 'listed signature');
  return {
    signature: readSignature(listed['signature'], 'listed signature'),
    slot: readCount(listed['slot'], 'slot of a listed signature'),
  };
}

/** An account as its bytes are. */
export interface Account {
  readonly lamports: bigint;
  /** The program that may change it. */
  readonly owner: string;
  readonly executable: boolean;
  readonly data: Uint8Array;
}

export function readAccount(value: unknown): Account | null {
  if (value === null) return null;
  const account = readRecord(value, 'account');
  if (typeof account['executable'] !== 'boolean') throw new RpcFailure('the account is malformed');
  return {
    lamports: readCount(account['lamports'], 'lamports'),
    owner: readKey(account['owner'], 'owner of an account'),
    executable: account['executable'],
    data: readBytes(account['data'], 'data of an account'),
  };
}

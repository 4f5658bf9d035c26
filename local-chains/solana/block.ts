import { createHash } from 'node:crypto';
import { base58 } from '@scure/base';
import type { SolanaAccount, SolanaBlock, TransactionError } from './chain-interface.ts';
import type { ControlStep } from './control-step.ts';
import type { WireTransaction } from './wire-transaction.ts';

export interface Block {
  readonly slot: number;
  readonly parentSlot: number;
  readonly height: number;
  readonly blockhash: string;
  readonly previousBlockhash: string;
  readonly time: number;
  /** Heights of the newest blocks that were so when this one was made. */
  readonly confirmedHeight: number;
  readonly finalizedHeight: number;
  readonly transactions: readonly Executed[];
  /** What the chain's owner did in it, to be done again where it is dropped. */
  readonly controls: readonly ControlStep[];
}

/** A transaction in a block. */
export interface Executed {
  readonly transaction: WireTransaction;
  readonly keys: LoadedKeys;
  readonly byControl: boolean;
  readonly outcome: Outcome;
  readonly feeLamports: bigint;
  readonly unitPrice: bigint;
  /** Of each key, in order. */
  readonly before: readonly (SolanaAccount | null)[];
  readonly after: readonly (SolanaAccount | null)[];
}

/** All accounts of a transaction: its own, then the writable and the read-only of its look-up tables. */
export interface LoadedKeys {
  readonly all: readonly string[];
  readonly lookedUp: { readonly writable: readonly string[]; readonly readonly: readonly string[] };
  readonly isWritable: (index: number) => boolean;
}

export interface Outcome {
  readonly error: TransactionError | null;
  readonly errorText: string;
  readonly logs: readonly string[];
  /** Of each instruction, what it called. */
  readonly inner: readonly (readonly InnerCall[])[];
  readonly unitsConsumed: bigint;
  readonly returned: { readonly program: string; readonly data: Uint8Array } | null;
}

export interface InnerCall {
  readonly program: number;
  readonly accounts: readonly number[];
  readonly data: Uint8Array;
  readonly stackHeight: number;
}

export function hashBlock(
  parts: Pick<Block, 'slot' | 'height' | 'previousBlockhash' | 'time'>,
  signatures: readonly string[],
): string {
  const { slot, height, previousBlockhash, time } = parts;
  return hashText(JSON.stringify([previousBlockhash, slot, height, time, ...signatures]));
}

/** 32 bytes in base58, as a blockhash or an address. */
export function hashText(text: string): string {
  return base58.encode(createHash('sha256').update(text).digest());
}

export function summarise(block: Block): SolanaBlock {
  const { slot, parentSlot, height, blockhash, previousBlockhash, time, transactions } = block;
  const signatures = transactions.map(({ transaction }) => transaction.signature);
  return { slot, parentSlot, height, blockhash, previousBlockhash, time, signatures };
}

import { base58 } from '@scure/base';
import type { LoadedKeys } from './block.ts';
import type { AccountsView } from './executor.ts';
import type { TransactionErrorName } from './transaction-error.ts';
import type { WireMessage } from './wire-transaction.ts';

const LOOKUP_PROGRAM = 'AddressLookupTab1e1111111111111111111111111';
/** LOOKUP_TABLE_META_SIZE: the addresses follow. */
const TABLE_HEADER_BYTES = 56;

/** All accounts of a message on a fork, or why it cannot have them. */
export function loadKeys(
  message: WireMessage,
  accounts: AccountsView,
): { readonly keys: LoadedKeys } | { readonly error: TransactionErrorName } {
  const writable: string[] = [];
  const readonly: string[] = [];
  for (const lookup of message.lookups) {
    const table = accounts.account(lookup.table);
    if (table === null) return { error: 'AddressLookupTableNotFound' };
    if (table.owner !== LOOKUP_PROGRAM) return { error: 'InvalidAddressLookupTableOwner' };
    const read = (index: number): string | null => {
      const start = TABLE_HEADER_BYTES + 32 * index;
      const bytes = table.data.subarray(start, start + 32);
      return bytes.length === 32 ? base58.encode(bytes) : null;
    };
    for (const [indexes, into] of [
      [lookup.writable, writable],
      [lookup.readonly, readonly],
    ] as const) {
      for (const index of indexes) {
        const address = read(index);
        if (address === null) return { error: 'InvalidAddressLookupTableIndex' };
        into.push(address);
      }
    }
  }
  const all = [...message.keys, ...writable, ...readonly];
  if (new Set(all).size !== all.length) return { error: 'AccountLoadedTwice' };
  if (all.length > MAX_ACCOUNTS) return { error: 'TooManyAccountLocks' };
  const isWritable = writableBy(message, writable.length);
  return { keys: { all, lookedUp: { writable, readonly }, isWritable } };
}

const MAX_ACCOUNTS = 64;

function writableBy(message: WireMessage, lookedUpWritable: number): (index: number) => boolean {
  const { keys, requiredSignatures, readonlySigned, readonlyUnsigned } = message;
  return (index) => {
    if (index >= keys.length) return index < keys.length + lookedUpWritable;
    if (index < requiredSignatures) return index < requiredSignatures - readonlySigned;
    return index < keys.length - readonlyUnsigned;
  };
}

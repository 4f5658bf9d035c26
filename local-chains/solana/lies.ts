import { hashText } from './block.ts';
import type { Json, SolanaAccount, SolanaLie } from './chain-interface.ts';
import type { AccountsView } from './executor.ts';
import { readTokenAccount } from './token-state.ts';

type Fields = { readonly [name: string]: Json | undefined };

/** What a lying node makes of a true answer; the same value where the lie has nothing to say. */
export function tell(lie: SolanaLie, method: string, result: Json): Json {
  switch (lie) {
    case 'denies-statuses':
      if (method === 'getTransaction') return null;
      return withStatuses(method, result, () => null);
    case 'claims-failed':
      if (method === 'getTransaction') return withFailedMeta(result);
      return withStatuses(method, result, (status) => ({ ...status, ...FAILED }));
    case 'claims-finalized':
      return withStatuses(method, result, (status) => ({
        ...status,
        confirmations: null,
        confirmationStatus: 'finalized',
      }));
    case 'other-slots':
      if (method === 'getTransaction') return isFields(result) ? oneSlotLater(result) : result;
      return withStatuses(method, result, oneSlotLater);
    case 'other-blockhashes':
      return withOtherHashes(method, result);
    case 'denies-transfers':
      return withoutTransfers(method, result);
    case 'claims-expired':
      return expired(method, result);
    case 'other-balances':
      // Told where accounts are read: see withLess.
      return result;
  }
}

const ERROR = { InstructionError: [0, { Custom: 1 }] };
const FAILED = { err: ERROR, status: { Err: ERROR } };

/** Accounts of which each has one lamport less, and each token account one unit less. */
export function withLess(accounts: AccountsView): AccountsView {
  return { account: (address) => less(accounts.account(address)) };
}

function less(account: SolanaAccount | null): SolanaAccount | null {
  if (account === null || account.executable) return account;
  const lamports = account.lamports > 1n ? account.lamports - 1n : account.lamports;
  const units = readTokenAccount(account)?.units ?? 0n;
  if (units === 0n) return { ...account, lamports };
  const data = Buffer.from(account.data);
  data.writeBigUInt64LE(units - 1n, 64);
  return { ...account, lamports, data };
}

function withStatuses(method: string, result: Json, change: (status: Fields) => Json): Json {
  if (method !== 'getSignatureStatuses' || !isFields(result)) return result;
  const { value } = result;
  if (!Array.isArray(value)) return result;
  const statuses = value as readonly Json[];
  return { ...result, value: statuses.map((each) => (isFields(each) ? change(each) : each)) };
}

function withFailedMeta(result: Json): Json {
  if (!isFields(result) || !isFields(result['meta'])) return result;
  return { ...result, meta: { ...result['meta'], ...FAILED } };
}

function oneSlotLater(fields: Fields): Json {
  const { slot } = fields;
  return typeof slot === 'number' ? { ...fields, slot: slot + 1 } : fields;
}

function withOtherHashes(method: string, result: Json): Json {
  if (!isFields(result)) return result;
  if (method === 'getBlock') return otherHashes(result);
  if (method !== 'getLatestBlockhash' || !isFields(result['value'])) return result;
  return { ...result, value: otherHashes(result['value']) };
}

function otherHashes(fields: Fields): Json {
  const { blockhash } = fields;
  return typeof blockhash === 'string'
    ? { ...fields, blockhash: hashText(`other ${blockhash}`) }
    : fields;
}

function withoutTransfers(method: string, result: Json): Json {
  if (method === 'getSignaturesForAddress') return [];
  if (method !== 'getBlock' || !isFields(result)) return result;
  const emptied = Object.keys(result).filter((name) => /^(transactions|signatures)$/.test(name));
  return { ...result, ...Object.fromEntries(emptied.map((name) => [name, []])) };
}

const TOO_HIGH = 1_000;

function expired(method: string, result: Json): Json {
  if (method === 'getBlockHeight' && typeof result === 'number') return result + TOO_HIGH;
  if (!isFields(result)) return result;
  const { blockHeight } = result;
  if (method === 'isBlockhashValid') return { ...result, value: false };
  if (method !== 'getEpochInfo' || typeof blockHeight !== 'number') return result;
  return { ...result, blockHeight: blockHeight + TOO_HIGH };
}

function isFields(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

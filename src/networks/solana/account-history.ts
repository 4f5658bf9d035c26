import { RpcFailure } from '../nodes/json-rpc.ts';
import { unitsAround, type ExecutedTransaction } from './executed-transaction.ts';
import { SIGNATURES_A_PAGE, type SolanaNode } from './node.ts';
import type { ListedSignature } from './read-answer.ts';
import { readTokenAccount } from './token-account.ts';

/** A token account, by the mint that it is of. */
export interface TokenPlace {
  readonly account: string;
  readonly mint: string;
}

/** Slots, both ends included. */
export interface Slots {
  readonly from: bigint;
  readonly to: bigint;
}

/** One transaction that names the account, and what the account held around it. */
export interface HistoryEntry {
  readonly signature: string;
  readonly transaction: ExecutedTransaction;
  readonly before: bigint;
  readonly after: bigint;
}

export interface History {
  readonly entries: readonly HistoryEntry[];
  /** What the account held after the last of them; null where that is not told by them. */
  readonly end: bigint | null;
}

/**
 * Every final transaction of the slots that names the account, oldest first. Each begins with what the one
 * before left: one that the node has left out breaks the chain, and is noticed. Throws RpcFailure.
 */
export async function readHistory(
  node: SolanaNode,
  place: TokenPlace,
  slots: Slots,
): Promise<History> {
  if ((await node.firstAvailableSlot()) > slots.from) {
    throw new RpcFailure(`${node.label}: its history does not reach back to slot ${slots.from}`);
  }
  const listed = await listSignatures(node, place.account, slots);
  const entries: HistoryEntry[] = [];
  for (let from = 0; from < listed.length; from += AT_ONCE) {
    const some = listed.slice(from, from + AT_ONCE);
    entries.push(...(await Promise.all(some.map(async (it) => await readEntry(node, place, it)))));
  }
  return { entries, end: endOf(node, entries) };
}

/** So many transactions are asked for together. */
const AT_ONCE = 16;

async function readEntry(
  node: SolanaNode,
  place: TokenPlace,
  { signature, slot }: ListedSignature,
): Promise<HistoryEntry> {
  const transaction = await node.transaction(signature);
  if (transaction?.slot !== slot) {
    throw new RpcFailure(`${node.label}: a listed transaction is not there`);
  }
  return { signature, transaction, ...unitsAround(transaction, place) };
}

/**
 * As {@link readHistory}, and the chain goes on to the transactions next before and next after the slots, or
 * to what the account holds: nothing that moved units in the slots can have been left out.
 */
export async function readWholeHistory(
  node: SolanaNode,
  place: TokenPlace,
  slots: Slots,
): Promise<readonly HistoryEntry[]> {
  const { value, slot } = await node.accounts([place.account], 'finalized');
  const listed = await listSignatures(node, place.account, {
    from: 0n,
    to: slot,
    enough: slots.from,
  });
  const before = listed.findLast((it) => it.slot < slots.from);
  const after = listed.find((it) => it.slot > slots.to);
  const range = { from: before?.slot ?? slots.from, to: after?.slot ?? slot };
  const { entries, end } = await readHistory(node, place, range);
  const [account] = value;
  const held = account === null || account === undefined ? null : readTokenAccount(account);
  if (after === undefined && end !== null && end !== (held?.units ?? 0n)) {
    throw new RpcFailure(`${node.label}: the treasury's account and its transactions differ`);
  }
  return entries.filter(
    ({ transaction }) => transaction.slot >= slots.from && transaction.slot <= slots.to,
  );
}

/** What the account held after the newest transaction up to a slot; null where the node knows none. */
export async function readNewestUnits(
  node: SolanaNode,
  place: TokenPlace,
  upTo: bigint,
): Promise<bigint | null> {
  const newest = (await node.signaturesOf(place.account, null)).find(({ slot }) => slot <= upTo);
  if (newest === undefined) return null;
  return (await readHistory(node, place, { from: newest.slot, to: newest.slot })).end;
}

/**
 * Oldest first, of the pages down to one that is older than `enough`. Within a slot by name, since nodes do
 * not all keep the order of the block.
 */
async function listSignatures(
  node: SolanaNode,
  account: string,
  { from, to, enough = from }: Slots & { readonly enough?: bigint },
): Promise<readonly ListedSignature[]> {
  const found = new Map<string, bigint>();
  let before: string | null = null;
  for (;;) {
    const page = await node.signaturesOf(account, before);
    for (const { signature, slot } of page) {
      if (slot >= from && slot <= to) found.set(signature, slot);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < SIGNATURES_A_PAGE || last.slot < enough) break;
    before = last.signature;
  }
  return [...found]
    .map(([signature, slot]) => ({ signature, slot }))
    .toSorted((a, b) => Number(a.slot - b.slot) || (a.signature < b.signature ? -1 : 1));
}

/**
 * In each slot the transactions are links of one chain, in whatever order: every balance that one leaves is
 * one that another finds, but for the first and the last.
 */
function endOf(node: SolanaNode, entries: readonly HistoryEntry[]): bigint | null {
  let units: bigint | null = null;
  for (const group of Map.groupBy(entries, ({ transaction }) => transaction.slot).values()) {
    const start: bigint | null = units ?? startOf(group);
    // A circle of transactions whose beginning nobody knows ends where it began, wherever that is.
    if (start === null) continue;
    units = endOfSlot(group, start);
    if (units === null) {
      throw new RpcFailure(`${node.label}: a transaction of the treasury's account is missing`);
    }
  }
  return units;
}

/** Null where they are no chain from this start. */
function endOfSlot(group: readonly HistoryEntry[], start: bigint): bigint | null {
  const found = group.map(({ before }) => before);
  const ends: bigint[] = [];
  for (const left of [start, ...group.map(({ after }) => after)]) {
    const index = found.indexOf(left);
    if (index >= 0) found.splice(index, 1);
    else ends.push(left);
  }
  const [end] = ends;
  return ends.length === 1 && end !== undefined ? end : null;
}

/** The balance that one of them finds and none leaves. */
function startOf(group: readonly HistoryEntry[]): bigint | null {
  const afters = group.map(({ after }) => after);
  for (const { before } of group) {
    const index = afters.indexOf(before);
    if (index < 0) return before;
    afters.splice(index, 1);
  }
  return null;
}

import type { Block, Executed } from './block.ts';
import type { SolanaAccount } from './chain-interface.ts';
import type { ForkView } from './lineage.ts';
import { readTokenAccount } from './token-state.ts';

/** A transaction and the block that it is in. */
export interface Place {
  readonly block: Block;
  readonly index: number;
  readonly executed: Executed;
}

interface Version {
  readonly block: Block;
  readonly account: SolanaAccount | null;
}

/**
 * All that ever was in a block of any fork. Nothing is ever taken out: a fork is a view that sees some of
 * the blocks, so that a reorganisation costs nothing.
 */
export interface Archive {
  add(block: Block, changes: ReadonlyMap<string, SolanaAccount | null>): void;
  /** Undefined where nobody has ever touched it on that fork. */
  account(view: ForkView, address: string): SolanaAccount | null | undefined;
  find(view: ForkView, signature: string): Place | null;
  findMessage(view: ForkView, messageHash: string): boolean;
  /** Newest first. */
  placesOf(view: ForkView, address: string): Iterable<Place>;
  blockBySlot(view: ForkView, slot: number): Block | null;
  blockByHash(view: ForkView, blockhash: string): Block | null;
  /** Addresses that on some fork were token accounts of this owner. */
  tokenAccountsOf(owner: string): Iterable<string>;
  /** Every block, in the order in which they were made. */
  blocks(): readonly Block[];
}

/**
 * Of an account's versions the newest stay, at least so many. There is one a block at most, so that a node
 * can be that many blocks behind, less those that were dropped meanwhile.
 */
const KEPT_VERSIONS = 1_024;

export function createArchive(messageHashOf: (executed: Executed) => string): Archive {
  const versions = new Map<string, Version[]>();
  const bySignature = new Map<string, Place[]>();
  const byMessage = new Map<string, Block[]>();
  const byAddress = new Map<string, Place[]>();
  const bySlot = new Map<number, Block>();
  const byHash = new Map<string, Block>();
  const tokenAccounts = new Map<string, Set<string>>();
  const all: Block[] = [];

  const remember = (block: Block, address: string, account: SolanaAccount | null): void => {
    const known = entryOf(versions, address);
    known.push({ block, account });
    if (known.length > 2 * KEPT_VERSIONS) known.splice(0, known.length - KEPT_VERSIONS);
    const owner = readTokenAccount(account)?.owner;
    if (owner === undefined) return;
    const addresses = tokenAccounts.get(owner) ?? new Set();
    tokenAccounts.set(owner, addresses.add(address));
  };
  return {
    add(block, changes) {
      all.push(block);
      bySlot.set(block.slot, block);
      byHash.set(block.blockhash, block);
      for (const [address, account] of changes) remember(block, address, account);
      block.transactions.forEach((executed, index) => {
        const place = { block, index, executed };
        entryOf(bySignature, executed.transaction.signature).push(place);
        entryOf(byMessage, messageHashOf(executed)).push(block);
        for (const address of executed.keys.all) entryOf(byAddress, address).push(place);
      });
    },
    account: (view, address) =>
      versions.get(address)?.findLast(({ block }) => view.holds(block))?.account,
    find: (view, signature) =>
      bySignature.get(signature)?.find(({ block }) => view.holds(block)) ?? null,
    findMessage: (view, messageHash) =>
      byMessage.get(messageHash)?.some((block) => view.holds(block)) === true,
    *placesOf(view, address) {
      const places = byAddress.get(address) ?? [];
      for (let index = places.length - 1; index >= 0; index -= 1) {
        const place = places[index];
        if (place !== undefined && view.holds(place.block)) yield place;
      }
    },
    blockBySlot: (view, slot) => onView(view, bySlot.get(slot)),
    blockByHash(view, blockhash) {
      if (view.head.blockhash === blockhash) return view.head;
      return onView(view, byHash.get(blockhash));
    },
    tokenAccountsOf: (owner) => tokenAccounts.get(owner) ?? [],
    blocks: () => all,
  };
}

function onView(view: ForkView, block: Block | undefined): Block | null {
  return block !== undefined && view.holds(block) ? block : null;
}

function entryOf<K, V>(map: Map<K, V[]>, key: K): V[] {
  const known = map.get(key);
  if (known !== undefined) return known;
  const entry: V[] = [];
  map.set(key, entry);
  return entry;
}

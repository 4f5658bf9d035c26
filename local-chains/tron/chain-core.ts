import { createBlock, type Block, type BlockEntry } from './block.ts';
import { checkAgainst } from './check-transaction.ts';
import type { ForcedResult } from './controls.ts';
import { execute, type Execution } from './execute.ts';
import { Refusal } from './refusal.ts';
import type { ChainState } from './state.ts';
import { readContract, type ContractCall, type Transaction } from './transaction.ts';
import type { VirtualMachine } from './virtual-machine.ts';
import { signWish, type Wish } from './wish.ts';

/** The one truth that all nodes are views of. */
export interface ChainCore {
  readonly machine: VirtualMachine;
  readonly now: () => number;
  readonly blockTimeMs: number;
  readonly solidifiedAfterBlocks: number;
  readonly mostPooled: number;
  /** The branch that stands, by number. */
  readonly blocks: Block[];
  /** Never goes back. */
  solidNumber: number;
  readonly pool: Map<string, PoolEntry>;
  /** Of the controls, for the next block. */
  wishes: Wish[];
  wishesMade: number;
  /** Every block that ever held a transaction, abandoned ones too. */
  readonly homes: Map<string, Block[]>;
  readonly forced: Map<string, ForcedResult>;
  readonly forcedNext: Map<string, ForcedResult[]>;
  readonly heldBack: Set<string>;
  holdsAll: boolean;
  reorganisations: number;
  blocksDropped: number;
  /** State after the head and all that is pooled; made when it is asked for. */
  pending: Promise<ChainState> | undefined;
}

export interface PoolEntry {
  readonly transaction: Transaction;
  readonly call: ContractCall;
  /** The only node that knows it, or null: then every node does that listens. */
  onlyAt: string | null;
  /** What it would do now, as the node shows it before it is in any block. */
  foreseen: Execution | undefined;
}

export function headOf(core: ChainCore): Block {
  const head = core.blocks.at(-1);
  if (head === undefined) throw new Error('the chain has no block');
  return head;
}

/** The block of that number on the branch that leads to `tip`. */
export function ancestorOf(core: ChainCore, tip: Block, number: number): Block | undefined {
  if (number > tip.number) return undefined;
  let block: Block | null = tip;
  while (block !== null && core.blocks[block.number] !== block) {
    if (block.number === number) return block;
    block = block.parent;
  }
  return core.blocks[number];
}

/** The block that holds it on the branch that leads to `tip`. */
export function homeOf(core: ChainCore, tip: Block, txid: string): Block | undefined {
  return core.homes.get(txid)?.find((block) => ancestorOf(core, tip, block.number) === block);
}

/** The last whole slot that has begun, and at least one after the head's. */
export function nextBlockTime(core: ChainCore): number {
  const genesis = core.blocks[0]?.timestampMs ?? 0;
  const slot = Math.floor((core.now() - genesis) / core.blockTimeMs);
  return Math.max(genesis + slot * core.blockTimeMs, headOf(core).timestampMs + core.blockTimeMs);
}

export async function addBlock(core: ChainCore, timestampMs: number): Promise<Block> {
  const parent = headOf(core);
  const wishes = [...core.wishes];
  const draft: Draft = { parent, timestampMs, state: parent.state, entries: [] };
  forgetExpired(core, parent);
  for (const wish of wishes) await grant(core, draft, wish);
  for (const entry of core.pool.values()) {
    if (entry.onlyAt === null && !isHeld(core, entry)) await include(core, draft, entry);
  }
  const { state, entries } = draft;
  const branch = core.reorganisations;
  const block = createBlock({ parent, timestampMs, branch, entries, wishes, state });
  core.wishes = core.wishes.filter((wish) => !wishes.includes(wish));
  append(core, block);
  return block;
}

/** Drops the last blocks. Their wishes are done again; `back` puts their transactions into the pool. */
export function dropBlocks(core: ChainCore, count: number, back: boolean): void {
  const head = headOf(core);
  if (!Number.isSafeInteger(count) || count < 1 || head.number - count < core.solidNumber) {
    throw new Error(`${count} blocks cannot be dropped: ${core.solidNumber} is solidified`);
  }
  const dropped = core.blocks.splice(-count);
  core.wishes = [...dropped.flatMap((block) => block.wishes), ...core.wishes];
  const entries = dropped.flatMap((block) => block.entries).filter((entry) => !entry.ofOwner);
  const waiting = [...core.pool];
  core.pool.clear();
  if (back)
    for (const { transaction, execution } of entries) returnToPool(core, transaction, execution);
  for (const [txid, entry] of waiting) if (!core.pool.has(txid)) core.pool.set(txid, entry);
  core.reorganisations += 1;
  core.blocksDropped += count;
  core.pending = undefined;
}

/** The state on which a node judges the next transaction: the pooled ones have been carried out in it. */
export async function pendingState(core: ChainCore): Promise<ChainState> {
  core.pending ??= foresee(core);
  return await core.pending;
}

interface Draft {
  readonly parent: Block;
  readonly timestampMs: number;
  state: ChainState;
  readonly entries: BlockEntry[];
}

async function grant(core: ChainCore, draft: Draft, wish: Wish): Promise<void> {
  if (wish.kind === 'setting') {
    draft.state = wish.change(draft.state);
    return;
  }
  const transaction = signWish(wish, draft.parent);
  const { state, execution } = await execute(core.machine, draft.state, {
    transaction,
    call: wish.call,
    block: { number: draft.parent.number + 1, timestampMs: draft.timestampMs },
    forced: undefined,
  });
  draft.state = state;
  draft.entries.push({ transaction, execution, ofOwner: true });
}

/** Held back or known to one node alone, it expires all the same. */
function forgetExpired(core: ChainCore, head: Block): void {
  for (const [txid, { transaction }] of core.pool) {
    if (transaction.raw.expiration <= BigInt(head.timestampMs)) core.pool.delete(txid);
  }
}

/** As a witness does: what cannot be in the block is forgotten, and the rest goes on. */
async function include(core: ChainCore, draft: Draft, entry: PoolEntry): Promise<void> {
  const { transaction, call } = entry;
  try {
    checkAgainst(transaction, draft.parent, (number) => ancestorOf(core, draft.parent, number));
    const { state, execution } = await execute(core.machine, draft.state, {
      transaction,
      call,
      block: { number: draft.parent.number + 1, timestampMs: draft.timestampMs },
      forced: forcedResultOf(core, transaction.txid, call),
    });
    draft.state = state;
    draft.entries.push({ transaction, execution, ofOwner: false });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    core.pool.delete(transaction.txid);
  }
}

function forcedResultOf(
  core: ChainCore,
  txid: string,
  call: ContractCall,
): ForcedResult | undefined {
  const known = core.forced.get(txid);
  if (known !== undefined || call.kind !== 'TriggerSmartContract') return known;
  const next = core.forcedNext.get(call.contract)?.shift();
  if (next !== undefined) core.forced.set(txid, next);
  return next;
}

function isHeld(core: ChainCore, entry: PoolEntry): boolean {
  return core.holdsAll || core.heldBack.has(entry.transaction.txid);
}

function append(core: ChainCore, block: Block): void {
  core.blocks.push(block);
  core.solidNumber = Math.max(core.solidNumber, block.number - core.solidifiedAfterBlocks);
  for (const { transaction } of block.entries) {
    core.pool.delete(transaction.txid);
    core.homes.set(transaction.txid, [...(core.homes.get(transaction.txid) ?? []), block]);
  }
  core.pending = undefined;
}

function returnToPool(core: ChainCore, transaction: Transaction, foreseen: Execution): void {
  const [contract] = transaction.raw.contracts;
  const call = contract === undefined ? undefined : readContract(contract);
  if (call === undefined) throw new Error('a block held what the chain cannot execute');
  core.pool.set(transaction.txid, { transaction, call, onlyAt: null, foreseen });
}

async function foresee(core: ChainCore): Promise<ChainState> {
  const head = headOf(core);
  let { state } = head;
  for (const entry of core.pool.values()) {
    if (entry.onlyAt !== null) continue;
    const order = {
      transaction: entry.transaction,
      call: entry.call,
      block: { number: head.number + 1, timestampMs: head.timestampMs },
      forced: core.forced.get(entry.transaction.txid),
    };
    try {
      const done = await execute(core.machine, state, order);
      state = done.state;
      entry.foreseen = done.execution;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  return state;
}

import type { Block } from './block.ts';
import {
  ancestorOf,
  headOf,
  homeOf,
  pendingState,
  type ChainCore,
  type PoolEntry,
} from './chain-core.ts';
import type { NodeSwitches } from './node-switches.ts';
import type { ChainState } from './state.ts';

/** What a node has of its own. */
export interface NodeSelf {
  readonly name: string;
  switches: NodeSwitches;
  /** Where it stood when it was frozen. */
  frozenAt: { readonly tip: Block; readonly solidNumber: number } | null;
  /** Transactions that it took itself, whatever became of them. */
  readonly taken: Map<string, PoolEntry>;
  readonly refused: Set<string>;
  /** How many answers it has garbled: they differ, and repeat with the same calls. */
  garbled: number;
}

export const HONEST: NodeSwitches = {
  lagBlocks: 0,
  solidityLagBlocks: 0,
  stateLagBlocks: 0,
  frozen: false,
  manners: 'well',
  afterAccept: 'says so',
  refuses: null,
  remembersRefused: false,
  losesBroadcasts: false,
  keepsToItself: false,
  clockAheadMs: 0,
  deafToGossip: false,
  denies: [],
  deniesSolid: [],
  deniesAll: false,
  forgetsBelow: 0,
  withoutInfo: false,
};

/** The block that the node takes for the head, or at /walletsolidity/ for the last solidified one. */
export function tipOf(core: ChainCore, node: NodeSelf, solidity: boolean): Block {
  const truth = node.frozenAt ?? { tip: headOf(core), solidNumber: core.solidNumber };
  const { lagBlocks, solidityLagBlocks } = node.switches;
  const number = solidity
    ? Math.min(truth.tip.number - lagBlocks, truth.solidNumber - lagBlocks - solidityLagBlocks)
    : truth.tip.number - lagBlocks;
  return blockAt(core, truth.tip, number);
}

/** The block of that number on the node's branch; undefined above its tip and where it has forgotten. */
export function knownBlock(
  core: ChainCore,
  node: NodeSelf,
  about: { readonly number: number; readonly solidity: boolean },
): Block | undefined {
  if (about.number < node.switches.forgetsBelow) return undefined;
  return ancestorOf(core, tipOf(core, node, about.solidity), about.number);
}

/** The block that holds it, as the node tells. */
export function knownHome(
  core: ChainCore,
  node: NodeSelf,
  about: { readonly txid: string; readonly solidity: boolean },
): Block | undefined {
  if (isDenied(node, about)) return undefined;
  const home = homeOf(core, tipOf(core, node, about.solidity), about.txid);
  return home === undefined || home.number < node.switches.forgetsBelow ? undefined : home;
}

/** A transaction that waits, as far as the node knows: never one that its own branch holds. */
export function knownPooled(core: ChainCore, node: NodeSelf, txid: string): PoolEntry | undefined {
  if (isDenied(node, { txid, solidity: false })) return undefined;
  const tip = tipOf(core, node, false);
  if (homeOf(core, tip, txid) !== undefined) return undefined;
  const own = node.taken.get(txid);
  const pooled = core.pool.get(txid);
  if (pooled === undefined) {
    // In a block that this node has not seen, it is still waiting here.
    return own !== undefined && homeOf(core, headOf(core), txid) !== undefined ? own : undefined;
  }
  if (pooled.onlyAt !== null) return pooled.onlyAt === node.name ? pooled : undefined;
  return own !== undefined || !node.switches.deafToGossip ? pooled : undefined;
}

export function allPooled(core: ChainCore, node: NodeSelf): readonly PoolEntry[] {
  const txids = new Set([...core.pool.keys(), ...node.taken.keys()]);
  return [...txids].flatMap((txid) => knownPooled(core, node, txid) ?? []);
}

/** Accounts as the node shows them: with what is pooled where it is in step, as java-tron's head is. */
export async function shownState(
  core: ChainCore,
  node: NodeSelf,
  solidity: boolean,
): Promise<ChainState> {
  const tip = tipOf(core, node, solidity);
  const { stateLagBlocks, deafToGossip } = node.switches;
  if (stateLagBlocks > 0) return blockAt(core, tip, tip.number - stateLagBlocks).state;
  if (solidity || tip !== headOf(core) || deafToGossip) return tip.state;
  return await pendingState(core);
}

/** Whether the node behaves as if the transaction were nowhere. */
export function isDenied(
  { switches }: NodeSelf,
  { txid, solidity }: { readonly txid: string; readonly solidity: boolean },
): boolean {
  if (switches.deniesAll || switches.denies.includes(txid)) return true;
  return solidity && switches.deniesSolid.includes(txid);
}

function blockAt(core: ChainCore, tip: Block, number: number): Block {
  const block = ancestorOf(core, tip, Math.max(0, number));
  if (block === undefined) throw new Error(`block ${number} is missing`);
  return block;
}

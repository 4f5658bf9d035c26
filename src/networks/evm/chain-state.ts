import type { Asset } from '../../money/asset.ts';
import type { BlockReference, ChainHead, SequenceCounts } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { hearQuorum, reachedByQuorum } from '../nodes/hear-quorum.ts';
import { readFinalized } from './finality.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmPool } from './nodes.ts';
import type { Block, Hex } from './read-answer.ts';
import { contractOf, lowerAddress, readBalance } from './token.ts';

/** Where the chain stands, by its newest and its finalized block. */
export interface Head {
  readonly latest: Block;
  readonly final: Block;
}

/**
 * Nodes are not at the same block at the same moment. This is the furthest point that a quorum of them
 * has reached. Throws RpcFailure where fewer answer.
 */
export async function readHead(pool: EvmPool): Promise<Head> {
  const heads = await hearQuorum(pool, async (node) => {
    // The newest first, so that it is not before the finalized one.
    const latest = await node.latestBlock();
    return { latest, final: await readFinalized(node) };
  });
  return reachedByQuorum(pool, heads, (a, b) => compare(a.final.number, b.final.number));
}

/** Also looks after the nodes' newest blocks: this is asked for as long as a network is settled. */
export async function headOf(pool: EvmPool): Promise<ChainHead> {
  await pool.watch();
  const { latest, final } = await readHead(pool);
  return {
    latest: referenceOf(latest),
    final: referenceOf(final),
    finalTime: new Date(Number(final.timestamp) * 1000),
  };
}

/** Counts that a quorum of nodes has reached, so that no single node moves a lane. */
export async function sequencesOf(pool: EvmPool, sender: string): Promise<SequenceCounts> {
  const from = lowerAddress(sender);
  const counts = await hearQuorum(pool, async (node) => {
    const finalized = await readFinalized(node);
    const final = await node.transactionCount(from, finalized.number);
    return { final, latest: await node.transactionCount(from, 'latest') };
  });
  return {
    final: reachedByQuorum(pool, counts, (a, b) => compare(a.final, b.final)).final,
    latest: reachedByQuorum(pool, counts, (a, b) => compare(a.latest, b.latest)).latest,
  };
}

/**
 * A node that has not come to the block's height yet says nothing about it. Nodes deny it together only
 * where they hold one and the same other block there: one that lies and one that is late do not.
 */
export async function holdsBlock(
  pool: EvmPool,
  block: BlockReference,
): Promise<'yes' | 'no' | 'unknown'> {
  const said = await askQuorum(
    pool,
    async (node) => {
      const found = await node.blockAt(block.number);
      if (found === null) throw new RpcFailure(`${node.label} has no block ${block.number}`);
      return found.hash;
    },
    (a, b) => a === b,
  );
  if (said.kind !== 'agreed') return 'unknown';
  return said.value === block.hash ? 'yes' : 'no';
}

/** The balance that a quorum of nodes reads at that block. Throws RpcFailure where there is none. */
export async function unitsAt(
  pool: EvmPool,
  question: { readonly asset: Asset; readonly owner: Hex; readonly blockNumber: bigint },
): Promise<bigint> {
  const { asset, owner, blockNumber } = question;
  const said = await askQuorum(
    pool,
    async (node) => await readBalance(node, { contract: contractOf(asset), owner }, blockNumber),
    (a, b) => a === b,
  );
  if (said.kind === 'agreed') return said.value;
  const detail = said.kind === 'not enough' ? said.reasons.join('; ') : 'the nodes do not agree';
  throw new RpcFailure(`no quorum for the balance at block ${blockNumber}: ${detail}`);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function referenceOf({ number, hash }: Block): BlockReference {
  return { number, hash };
}

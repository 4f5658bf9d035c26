import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import type { BlockReference, ChainHead } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { hearQuorum, reachedByQuorum } from '../nodes/hear-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { finalHeightOf } from './finality.ts';
import { changeOf } from './movements.ts';
import type { BitcoinNode, Header } from './node.ts';
import type { BitcoinPool } from './nodes.ts';
import type { Payer } from './payer.ts';
import { unitsAtTip } from './wallet.ts';

/** Where the chain stands: the furthest points that a quorum of the nodes has reached. */
export interface Head {
  readonly latest: Header;
  readonly final: Header;
}

/** Throws RpcFailure where fewer nodes than a quorum answer. */
export async function readHead(pool: BitcoinPool, confirmations: number): Promise<Head> {
  const heads = await hearQuorum(pool, async (node) => {
    const latest = await node.tip();
    return { latest, final: await finalBlockOf(node, latest, confirmations) };
  });
  return reachedByQuorum(pool, heads, (a, b) => a.latest.height - b.latest.height);
}

/** A chain that is shorter than that has its first block, which nothing can undo. */
async function finalBlockOf(
  node: BitcoinNode,
  { height }: Header,
  confirmations: number,
): Promise<Header> {
  const hash = await node.hashAt(Math.max(finalHeightOf(height, confirmations), 0));
  const header = hash === null ? null : await node.header(hash);
  if (header === null) throw new RpcFailure(`${node.label}: the chain has changed meanwhile`);
  return header;
}

/** Also looks after the nodes' newest blocks: this is asked for as long as a network is settled. */
export async function headOf({ pool, confirmations }: Payer): Promise<ChainHead> {
  await pool.watch();
  const { latest, final } = await readHead(pool, confirmations);
  return {
    latest: referenceOf(latest),
    final: referenceOf(final),
    finalTime: new Date(final.time * 1000),
  };
}

function referenceOf({ height, hash }: Header): BlockReference {
  return { number: BigInt(height), hash };
}

/**
 * A node that has not come to the block's height yet says nothing about it. Nodes deny it together only
 * where they hold one and the same other block there: one that lies and one that is late do not.
 */
export async function holdsBlock(
  pool: BitcoinPool,
  block: BlockReference,
): Promise<'yes' | 'no' | 'unknown'> {
  const said = await askQuorum(
    pool,
    async (node) => {
      const found = await node.hashAt(Number(block.number));
      if (found === null) throw new RpcFailure(`${node.label} has no block ${block.number}`);
      return found;
    },
    (a, b) => a === b,
  );
  if (said.kind !== 'agreed') return 'unknown';
  return said.value === block.hash ? 'yes' : 'no';
}

/**
 * What the treasury had at the end of a block, by a quorum of the nodes: what the node's wallet calls unspent
 * now, less what the blocks since then have changed. Throws RpcFailure where there is no quorum.
 */
export async function unitsAt(payer: Payer, asset: Asset, blockNumber: bigint): Promise<bigint> {
  assert(asset.token === 'BTC', 'the asset is bitcoin');
  const height = Number(blockNumber);
  const said = await askQuorum(
    payer.pool,
    async (node) => await unitsOnNode(payer, node, height),
    (a, b) => a === b,
  );
  if (said.kind === 'agreed') return said.value;
  const detail = said.kind === 'not enough' ? said.reasons.join('; ') : 'the nodes do not agree';
  throw new RpcFailure(`no quorum for the balance at block ${blockNumber}: ${detail}`);
}

/** Blocks come in between now and then; all answers have to be of one chain. */
const MOST_TRIES = 3;

async function unitsOnNode(payer: Payer, node: BitcoinNode, height: number): Promise<bigint> {
  const { script } = payer.key;
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const tip = await node.tip();
    if (tip.height < height) throw new RpcFailure(`${node.label} has no block ${height}`);
    const wallet = payer.wallets.of(node);
    const units = await unitsAtTip(node, wallet, { script, tip });
    const since = await changeSince(node, { script, tip, height });
    if ((await node.tip()).hash === tip.hash) return units - since;
  }
  throw new RpcFailure(`${node.label}: a block came while the balance was read`);
}

async function changeSince(
  node: BitcoinNode,
  question: { readonly script: string; readonly tip: Header; readonly height: number },
): Promise<bigint> {
  const { script, tip, height } = question;
  let { hash } = tip;
  let change = 0n;
  for (let at = tip.height; at > height; at -= 1) {
    const block = await node.activities.of(hash, script);
    if (block.height !== at || block.parentHash === null) {
      throw new RpcFailure(`${node.label} shows another block`);
    }
    for (const found of block.transactions) change += changeOf(found, script);
    hash = block.parentHash;
  }
  return change;
}

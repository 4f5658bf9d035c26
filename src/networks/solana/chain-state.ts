import { assert, present } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import type { BlockReference, ChainHead } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { readHistory, readNewestUnits } from './account-history.ts';
import { placeOf } from './movements.ts';
import type { SolanaNode } from './node.ts';
import type { SolanaPool } from './nodes.ts';
import type { Block } from './read-answer.ts';
import { readTokenAccount } from './token-account.ts';

/**
 * Nodes are not at the same block at the same moment. This is the furthest point that a quorum of them has
 * reached. Also looks after the nodes' newest blocks: this is asked for as long as a network is settled.
 * Throws RpcFailure where fewer answer.
 */
export async function headOf(pool: SolanaPool): Promise<ChainHead> {
  await pool.watch();
  const heard = await pool.hearAll(async (node) => {
    // The newest first, so that it is not before the finalized one.
    const latest = await node.latestBlock();
    return { latest, final: await node.finalizedBlock() };
  });
  const heads = heard.flatMap((it) =>
    it.kind === 'heard' && pool.counts(it.node) ? [it.value] : [],
  );
  if (heads.length < pool.quorum) {
    const reasons = heard.flatMap((it) => (it.kind === 'failed' ? [it.reason] : []));
    throw new RpcFailure(`fewer nodes than a quorum answer: ${reasons.join('; ')}`);
  }
  const falling = heads.toSorted((a, b) => Number(b.final.number - a.final.number));
  const { latest, final } = present(falling[pool.quorum - 1], 'a quorum was heard');
  if (final.time === null) throw new RpcFailure(`block ${final.number} has no time yet`);
  return { latest: referenceOf(latest), final: referenceOf(final), finalTime: final.time };
}

/**
 * A node that has not come to the slot yet says nothing about it. Nodes deny the block together only where
 * they show one and the same other one there, or one and the same next block whose parent lies before it.
 */
export async function holdsBlock(
  pool: SolanaPool,
  block: BlockReference,
): Promise<'yes' | 'no' | 'unknown'> {
  const said = await askQuorum(
    pool,
    async (node) => await readWhatIsAt(node, block.number),
    Object.is,
  );
  if (said.kind !== 'agreed') return 'unknown';
  return said.value === block.hash ? 'yes' : 'no';
}

/** The hash of the block, or what shows that the slot was skipped: "skipped by 1235 <hash>". */
async function readWhatIsAt(node: SolanaNode, slot: bigint): Promise<string> {
  const block = await node.blockAt(slot);
  if (block !== null) return block.hash;
  // A node without the block may only have lost it. A final block after it that does not build on it tells.
  const [next] = await node.finalizedSlots(slot, 1);
  const after = next === undefined ? null : await node.blockAt(next);
  if (after === null || after.number <= slot || after.parentSlot >= slot) {
    throw new RpcFailure(`${node.label} does not tell what lies in slot ${slot}`);
  }
  return `skipped by ${after.number} ${after.hash}`;
}

/**
 * The units of the treasury's account at the end of a final slot, as a quorum of the nodes reads them. No
 * node answers for an old state: the newest final one is taken, and what was moved since is taken back.
 * Throws RpcFailure where there is no quorum.
 */
export async function unitsAt(
  pool: SolanaPool,
  question: { readonly asset: Asset; readonly treasury: string; readonly slot: bigint },
): Promise<bigint> {
  const { slot } = question;
  assert(slot >= 0n, 'the slot is below zero');
  const said = await askQuorum(
    pool,
    async (node) => await readUnitsAt(node, question),
    (a, b) => a === b,
  );
  if (said.kind === 'agreed') return said.value;
  const detail = said.kind === 'not enough' ? said.reasons.join('; ') : 'the nodes do not agree';
  throw new RpcFailure(`no quorum for the balance at slot ${slot}: ${detail}`);
}

async function readUnitsAt(
  node: SolanaNode,
  { asset, treasury, slot }: { asset: Asset; treasury: string; slot: bigint },
): Promise<bigint> {
  const place = placeOf(asset, treasury);
  const now = await node.accounts([place.account], 'finalized');
  if (now.slot < slot) throw new RpcFailure(`${node.label}: slot ${slot} is not final`);
  const [account] = now.value;
  const token = account === null || account === undefined ? null : readTokenAccount(account);
  if (token !== null && token.mint !== place.mint) {
    throw new RpcFailure(`${node.label}: the treasury's account is of another token`);
  }
  const held = token?.units ?? 0n;
  const since = await readHistory(node, place, { from: slot + 1n, to: now.slot });
  // State and transactions come from two places of a node, which may not be equally far.
  const shown = since.entries.length > 0 ? since.end : await readNewestUnits(node, place, now.slot);
  if (shown !== null && shown !== held) {
    throw new RpcFailure(`${node.label}: the treasury's account and its transactions differ`);
  }
  return since.entries.reduce((units, { before, after }) => units - after + before, held);
}

function referenceOf({ number, hash }: Block): BlockReference {
  return { number, hash };
}

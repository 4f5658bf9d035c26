import type { Sighting } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { NodeSighting } from '../nodes/sight-on-nodes.ts';
import { outputsOf, type FollowedAttempt } from './attempt.ts';
import type { TreasuryTransaction } from './block-activity.ts';
import { findSpender, type Spender } from './find-spender.ts';
import type { BitcoinNode } from './node.ts';

/** How deep a block has to lie: with 6, five blocks lie on it. */
export interface SightRules {
  readonly confirmations: number;
}

/**
 * What one node says of one attempt. Whether a block holds a version, or something that excludes all
 * versions, shows in the coins of the first one: all versions spend them, so while they are unspent neither
 * is there, and else the blocks say by what they were spent. Throws RpcFailure where the node fails.
 */
export async function sight(
  node: BitcoinNode,
  attempt: FollowedAttempt,
  rules: SightRules,
): Promise<NodeSighting> {
  const tip = await node.tip();
  const spentCoin = await node.firstSpent(attempt.coins, tip);
  if (spentCoin === null) {
    return { sighting: await sightInMempool(node, attempt.versions), block: null };
  }
  const question = { coin: spentCoin, script: attempt.treasuryScript, tip };
  const spender = await findSpender(node, { ...question, sinceHeight: attempt.sinceHeight });
  const isFinal = await isBuried(node, spender, rules);
  const sighting = attempt.isCarriedOutBy(spender.found.transaction)
    ? sightLanded(attempt, spender, isFinal)
    : sightConflict(attempt, { spender, coin: spentCoin }, isFinal);
  return { sighting, block: isFinal ? spender.block : null };
}

/** Asked at the end, so that the block still is the chain's own after all else was read. */
async function isBuried(
  node: BitcoinNode,
  { block }: Spender,
  { confirmations }: SightRules,
): Promise<boolean> {
  const header = await node.header(block.hash);
  if (header === null || header.confirmations < 1) {
    throw new RpcFailure(`${node.label}: the chain has left a block meanwhile`);
  }
  return header.confirmations >= confirmations;
}

function sightLanded(
  attempt: FollowedAttempt,
  { found, block }: Spender,
  isFinal: boolean,
): Sighting {
  if (!isFinal) return { kind: 'included', block };
  const { transaction, spent } = found;
  const inUnits = spent.reduce((sum, { units }) => sum + units, 0n);
  const outUnits = transaction.outputs.reduce((sum, { units }) => sum + units, 0n);
  const places = placesOf(found, attempt);
  return {
    kind: 'final',
    transactionHash: transaction.txid,
    block,
    feeUnits: inUnits - outUnits,
    fates: attempt.orders.map(({ payoutId, units, toAddress }, index) => ({
      kind: 'paid',
      payoutId,
      proof: {
        transactionHash: transaction.txid,
        blockNumber: block.number.toString(),
        blockHash: block.hash,
        output: places[index] ?? -1,
        units: units.toString(),
        toAddress,
      },
    })),
  };
}

/** The outputs that pay the orders, by their numbers. The hash has shown that they are just these. */
function placesOf(
  { transaction }: TreasuryTransaction,
  { orders, treasuryScript }: FollowedAttempt,
): readonly number[] {
  const places = transaction.outputs.flatMap(({ script }, index) =>
    script === treasuryScript ? [] : [index],
  );
  const meant = outputsOf(orders);
  const pays = meant.every(({ units, script }, index) => {
    const output = transaction.outputs[places[index] ?? -1];
    return output?.units === units && output.script === script;
  });
  if (!pays || places.length !== meant.length) {
    throw new RpcFailure('a transaction that carries the attempt does not pay its orders');
  }
  return places;
}

/** Something else has spent a coin of every version. Until that is final it may be undone. */
function sightConflict(
  attempt: FollowedAttempt,
  { spender, coin }: { readonly spender: Spender; readonly coin: string },
  isFinal: boolean,
): Sighting {
  if (!isFinal) return { kind: 'unseen' };
  const { block, found } = spender;
  const { txid } = found.transaction;
  return {
    kind: 'dead',
    reason: 'Another transaction has spent a coin that every version of it spends.',
    proof: {
      coin,
      spentBy: txid,
      blockNumber: block.number.toString(),
      blockHash: block.hash,
      fence: attempt.fence,
    },
    takenBy: txid,
  };
}

/** What one node's mempool says of transactions that no block holds. */
async function sightInMempool(
  node: BitcoinNode,
  versions: readonly string[],
): Promise<Extract<Sighting, { kind: 'waiting' | 'unseen' }>> {
  for (const txid of versions) {
    if ((await node.mempoolEntry(txid)) !== null) return { kind: 'waiting' };
  }
  return { kind: 'unseen' };
}

import type { SignedTransaction, Sighting, TransactionSighting } from '../network.ts';
import { sightOnNodes } from '../nodes/sight-on-nodes.ts';
import { carriedBy, type FollowedAttempt } from './attempt.ts';
import type { Payer } from './payer.ts';
import { sight } from './sight.ts';
import { readTransaction } from './transaction.ts';

/**
 * What became of just this transaction: another version of it, which spends the same coins, has replaced it.
 * Asked about chores, which carry no payouts.
 */
export async function trackTransaction(
  { pool, key, confirmations }: Payer,
  { rawTransaction, transactionHash }: SignedTransaction,
): Promise<TransactionSighting> {
  const said = readTransaction(rawTransaction);
  const followed: FollowedAttempt = {
    ...carriedBy(said, key.script),
    treasuryScript: key.script,
    coins: said.spends,
    versions: [transactionHash],
    orders: [],
    // It is asked about often, so that only the newest blocks are ever looked at.
    sinceHeight: 0,
    isCarriedOutBy: ({ txid }) => txid === transactionHash,
  };
  return asTransactionSighting(
    await sightOnNodes(pool, {
      sight: async (node) => await sight(node, followed, { confirmations }),
      hashAt: async (node, number) => await node.hashAt(Number(number)),
    }),
  );
}

function asTransactionSighting(sighting: Sighting): TransactionSighting {
  switch (sighting.kind) {
    case 'final': {
      const { block, feeUnits } = sighting;
      return { kind: 'final', block, feeUnits, succeeded: true };
    }
    case 'dead':
      return { kind: 'replaced', takenBy: sighting.takenBy };
    case 'unknown':
      return { kind: 'unknown', reason: sighting.reason };
    case 'included':
    case 'waiting':
    case 'unseen':
      return sighting;
  }
}

import { bytesToHex } from '@noble/hashes/utils.js';
import type { BroadcastAnswer } from '../network.ts';
import type { BitcoinPool } from './nodes.ts';
import { readTransaction } from './transaction.ts';

/**
 * To all nodes at once. Only the exact id from one of them is acceptance; whatever else they say
 * ("txn-already-known", "txn-mempool-conflict", "insufficient fee", "already in utxo set", nothing) means look.
 */
export async function broadcast(
  pool: BitcoinPool,
  rawTransaction: Uint8Array,
): Promise<BroadcastAnswer> {
  const { txid } = readTransaction(rawTransaction);
  const raw = bytesToHex(rawTransaction);
  const answers = await pool.hearAll(async (node) => await node.send(raw));
  const reasons = answers.map((answer) => {
    if (answer.kind === 'failed') return answer.reason;
    return answer.value === txid ? null : `${answer.node.label} answered with another id`;
  });
  if (reasons.includes(null)) return { kind: 'accepted' };
  return { kind: 'look', reason: reasons.join('; ') };
}

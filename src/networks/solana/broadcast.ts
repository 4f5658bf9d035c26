import { present } from '../../base/assert.ts';
import type { BroadcastAnswer } from '../network.ts';
import { parseTransaction } from './message.ts';
import type { SolanaPool } from './nodes.ts';

/**
 * To all nodes at once. Only the exact signature from one of them is acceptance, and even that only says
 * that it was passed on; whatever else they say ("already processed", "blockhash not found", nothing)
 * means look.
 */
export async function broadcast(
  pool: SolanaPool,
  rawTransaction: Uint8Array,
): Promise<BroadcastAnswer> {
  const { signatures } = parseTransaction(rawTransaction);
  const expected = present(signatures[0], 'a transaction is signed');
  const answers = await pool.hearAll(async (node) => await node.send(rawTransaction));
  const reasons = answers.map((answer) => {
    if (answer.kind === 'failed') return answer.reason;
    return answer.value === expected ? null : `${answer.node.label} answered another signature`;
  });
  if (reasons.includes(null)) return { kind: 'accepted' };
  return { kind: 'look', reason: reasons.join('; ') };
}

import { bytesToHex } from '@noble/hashes/utils.js';
import type { BroadcastAnswer } from '../network.ts';
import { hashOf } from './lane-transaction.ts';
import type { EvmPool } from './nodes.ts';
import type { Hex } from './read-answer.ts';

/**
 * To all nodes at once. Only the exact hash from one of them is acceptance; whatever else they say
 * ("already known", "nonce too low", "replacement underpriced", nothing) means look.
 */
export async function broadcast(
  pool: EvmPool,
  rawTransaction: Uint8Array,
): Promise<BroadcastAnswer> {
  const expected = hashOf(rawTransaction);
  const raw: Hex = `0x${bytesToHex(rawTransaction)}`;
  const answers = await pool.hearAll(async (node) => await node.sendRaw(raw));
  const reasons = answers.map((answer) => {
    if (answer.kind === 'failed') return answer.reason;
    return answer.value === expected ? null : `${answer.node.label} answered with another hash`;
  });
  if (reasons.includes(null)) return { kind: 'accepted' };
  return { kind: 'look', reason: reasons.join('; ') };
}

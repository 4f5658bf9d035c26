import { bytesToHex } from '@noble/hashes/utils.js';
import type { BroadcastAnswer } from '../network.ts';
import { readSignedTransfer } from './followed-transfer.ts';
import type { TronPool } from './nodes.ts';

/**
 * To all nodes at once. Only the exact id from one of them is acceptance; whatever else they say means look:
 * DUP_TRANSACTION_ERROR may be an older broadcast, SERVER_BUSY can come after the transaction was passed on,
 * and TRANSACTION_EXPIRATION_ERROR or TAPOS_ERROR may be one node's own view.
 */
export async function broadcast(
  pool: TronPool,
  rawTransaction: Uint8Array,
): Promise<BroadcastAnswer> {
  const { txid } = readSignedTransfer(rawTransaction);
  const hex = bytesToHex(rawTransaction);
  const answers = await pool.hearAll(async (node) => await node.sendRaw(hex));
  const reasons = answers.map((answer) => {
    if (answer.kind === 'failed') return answer.reason;
    return answer.value === txid ? null : `${answer.node.label} answered with another id`;
  });
  if (reasons.includes(null)) return { kind: 'accepted' };
  return { kind: 'look', reason: reasons.join('; ') };
}

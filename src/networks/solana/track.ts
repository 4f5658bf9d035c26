import { ed25519 } from '@noble/curves/ed25519.js';
import { base58 } from '@scure/base';
import { isDeepStrictEqual } from 'node:util';
import { assert, present } from '../../base/assert.ts';
import type { SignedTransaction, TransactionSighting } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { readChoreMessage } from './chore-message.ts';
import { parseTransaction } from './message.ts';
import type { SolanaNode } from './node.ts';
import type { SolanaPool } from './nodes.ts';
import { addressBytes } from './programs.ts';
import { reasonOf } from './reader.ts';

/**
 * What became of a chore. Final and expired are for ever, so a quorum has to say them; the rest is believed
 * of one node. It decides about no payout: a chore that was done twice has cost a fee.
 */
export async function trackChore(
  pool: SolanaPool,
  transaction: SignedTransaction,
): Promise<TransactionSighting> {
  try {
    const tracked = readTracked(transaction);
    const heard = await pool.hearAll(async (node) => await trackOnNode(node, tracked));
    const counted = heard.flatMap((it) =>
      it.kind === 'heard' && pool.counts(it.node) ? [it.value] : [],
    );
    for (const said of counted) {
      const isForGood = said.kind === 'final' || said.kind === 'replaced';
      const agreeing = counted.filter((it) => isDeepStrictEqual(it, said));
      if (isForGood && agreeing.length >= pool.quorum) return said;
    }
    const passing = (['included', 'waiting', 'unseen'] as const).flatMap((kind) =>
      counted.filter((it) => it.kind === kind),
    );
    const failures = heard.flatMap((it) => (it.kind === 'failed' ? [it.reason] : []));
    const reason = [...failures, 'no quorum of the nodes says what became of it'].join('; ');
    return passing[0] ?? { kind: 'unknown', reason };
  } catch (error) {
    return { kind: 'unknown', reason: reasonOf(error) };
  }
}

interface TrackedChore {
  readonly signature: string;
  readonly validUntilBlock: bigint;
}

function readTracked({ rawTransaction, transactionHash, sender }: SignedTransaction): TrackedChore {
  const { signatures, messageBytes } = parseTransaction(rawTransaction);
  const signature = present(signatures[0], 'a transaction is signed');
  const { treasury, validUntilBlock } = readChoreMessage(messageBytes);
  const isSigned = ed25519.verify(base58.decode(signature), messageBytes, addressBytes(sender), {
    zip215: false,
  });
  assert(
    signature === transactionHash && treasury === sender && isSigned,
    'the stored transaction is of its bytes',
  );
  return { signature, validUntilBlock };
}

async function trackOnNode(
  node: SolanaNode,
  { signature, validUntilBlock }: TrackedChore,
): Promise<TransactionSighting> {
  const finalized = await node.finalizedBlock();
  const { slot, value: status } = await node.signatureStatus(signature);
  if (status === null) {
    if (finalized.height <= validUntilBlock) return { kind: 'unseen' };
    if (slot < finalized.number) {
      throw new RpcFailure(`${node.label}: its statuses are older than its final block`);
    }
    return { kind: 'replaced', takenBy: null };
  }
  if (status.commitment === 'processed') return { kind: 'waiting' };
  const block = await node.blockAt(status.slot);
  if (block === null) return { kind: 'waiting' };
  const reference = { number: block.number, hash: block.hash };
  if (status.commitment === 'confirmed') return { kind: 'included', block: reference };
  const transaction = await node.transaction(signature);
  if (transaction?.slot !== status.slot) {
    throw new RpcFailure(`${node.label}: a final transaction is not there`);
  }
  const { before, after } = transaction.lamportsOf(0);
  const succeeded = transaction.error === null;
  // With the rent of what was opened.
  return { kind: 'final', block: reference, succeeded, feeUnits: before - after };
}

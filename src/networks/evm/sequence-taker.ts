import { isRecord, RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNode } from './node.ts';
import type { EvmPool } from './nodes.ts';
import { proveTransaction, type ProvenTransaction } from './proven-transaction.ts';
import type { Block, Hex } from './read-answer.ts';

/** The nonce of an account that is looked for, on a chain. */
export interface TakenSequence {
  readonly chainId: number;
  readonly sender: Hex;
  readonly nonce: bigint;
}

/**
 * The transaction that took a nonce up to a final block, proved by its own signature. Null where it
 * cannot be named: nodes have forgotten the sender's count at old blocks, or the nonce went otherwise
 * (an EIP-7702 authorisation takes one too).
 */
export async function nameTaker(
  pool: EvmPool,
  sequence: TakenSequence,
  finalizedNumber: bigint,
): Promise<Hex | null> {
  try {
    return await pool.onOne(async (node) => {
      const number = await findConsumingBlock(node, sequence, finalizedNumber);
      const block = await node.fullBlockAt(number);
      if (block === null) throw new RpcFailure(`${node.label}: a finalized block is missing`);
      return await findTaker(block, sequence);
    });
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    return null;
  }
}

/**
 * The block in which the sender's count passed the nonce, by doubling steps back from the
 * finalized block (a node keeps recent states longest) and then by halves.
 */
async function findConsumingBlock(
  node: EvmNode,
  { sender, nonce }: TakenSequence,
  finalizedNumber: bigint,
): Promise<bigint> {
  const isConsumedAt = async (number: bigint): Promise<boolean> =>
    (await node.transactionCount(sender, number)) > nonce;
  if (!(await isConsumedAt(finalizedNumber))) {
    throw new RpcFailure(`${node.label}: two answers about the sender's count disagree`);
  }
  let consumed = finalizedNumber;
  let free = finalizedNumber;
  for (let step = 1n; free === consumed; step *= 2n) {
    if (consumed === 0n) throw new RpcFailure(`${node.label}: the nonce was consumed at genesis`);
    free = consumed > step ? consumed - step : 0n;
    if (await isConsumedAt(free)) consumed = free;
  }
  while (consumed - free > 1n) {
    const middle: bigint = (consumed + free) / 2n;
    if (await isConsumedAt(middle)) consumed = middle;
    else free = middle;
  }
  return consumed;
}

async function findTaker(block: Block, sequence: TakenSequence): Promise<Hex | null> {
  const { chainId, sender, nonce } = sequence;
  const quantity = `0x${nonce.toString(16)}`;
  for (const transaction of block.transactions) {
    if (!isRecord(transaction)) throw new RpcFailure('the block holds no whole transactions');
    const { from } = transaction;
    if (typeof from !== 'string' || from.toLowerCase() !== sender) continue;
    if (transaction['nonce'] !== quantity) continue;
    const proven = await provenOrNull(transaction);
    const fits =
      proven?.sender === sender &&
      proven.nonce === nonce &&
      (proven.chainId === chainId || proven.chainId === null);
    if (fits) return proven.hash;
  }
  return null;
}

async function provenOrNull(
  transaction: Readonly<Record<string, unknown>>,
): Promise<ProvenTransaction | null> {
  try {
    return await proveTransaction(transaction);
  } catch {
    return null;
  }
}

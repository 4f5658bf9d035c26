import type { BlockReference } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { TreasuryTransaction } from './block-activity.ts';
import type { BitcoinNode, Header } from './node.ts';

/** What spent a coin, and the block that holds it. */
export interface Spender {
  readonly found: TreasuryTransaction;
  readonly block: BlockReference;
}

/**
 * So many blocks are looked at for one question. What was read is kept, so that after a long pause of the
 * worker the next question goes on where this one had to stop.
 */
const MOST_BLOCKS = 144;

/**
 * The transaction of the node's chain that spends a coin of the treasury's: looked for from the newest block
 * backwards, each block found by its child's word, so that all are of one chain. A node that has pruned the
 * block of it proves nothing. Throws RpcFailure where it is not found.
 */
export async function findSpender(
  node: BitcoinNode,
  question: {
    readonly coin: string;
    readonly script: string;
    readonly tip: Header;
    readonly sinceHeight: number;
  },
): Promise<Spender> {
  const { coin, script, tip, sinceHeight } = question;
  let hash = tip.hash;
  let height = tip.height;
  let read = 0;
  while (height >= sinceHeight) {
    if (!node.activities.has(hash, script)) read += 1;
    if (read > MOST_BLOCKS) break;
    const block = await node.activities.of(hash, script);
    if (block.height !== height) throw new RpcFailure(`${node.label} shows another block`);
    const found = block.transactions.find(({ transaction }) => transaction.spends.includes(coin));
    if (found !== undefined) return { found, block: { number: BigInt(height), hash } };
    if (block.parentHash === null) break;
    hash = block.parentHash;
    height -= 1;
  }
  throw new RpcFailure(
    `${node.label}: a coin is spent, and no block from ${height + 1} to ${tip.height} tells by what`,
  );
}

import { isDeepStrictEqual } from 'node:util';
import { assert } from '../../base/assert.ts';
import type { BlockReference, SignedTransaction, TransactionSighting } from '../network.ts';
import { readFinalized } from './finality.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { readLaneTransaction } from './lane-transaction.ts';
import type { EvmNode } from './node.ts';
import type { Heard } from '../nodes/node-pool.ts';
import type { EvmPool } from './nodes.ts';
import type { Hex, KnownTransaction, Receipt } from './read-answer.ts';
import { reasonOf } from './reader.ts';
import { nameTaker } from './sequence-taker.ts';
import { lowerAddress } from './token.ts';

/**
 * What became of one transaction of a lane. Final and replaced are for ever, so a quorum has to say
 * them; the rest is believed of one node. It decides about a nonce, never about a payout.
 */
export async function trackTransaction(
  pool: EvmPool,
  transaction: SignedTransaction,
): Promise<TransactionSighting> {
  try {
    const tracked = await readTracked(transaction);
    const heard = await pool.hearAll(async (node) => await trackOnNode(node, tracked));
    return await weighTracks(pool, tracked, heard);
  } catch (error) {
    return { kind: 'unknown', reason: reasonOf(error) };
  }
}

/** A transaction whose bytes say what its row says. Addresses in lower case. */
export interface TrackedTransaction {
  readonly chainId: number;
  readonly hash: Hex;
  readonly sender: Hex;
  readonly nonce: bigint;
}

async function readTracked(transaction: SignedTransaction): Promise<TrackedTransaction> {
  const bytes = await readLaneTransaction(transaction.rawTransaction);
  const isOfBytes =
    bytes.transactionHash === transaction.transactionHash.toLowerCase() &&
    bytes.sender === lowerAddress(transaction.sender) &&
    bytes.nonce === transaction.sequence;
  assert(isOfBytes, 'the stored transaction is not of its bytes');
  const { chainId, transactionHash: hash, sender, nonce } = bytes;
  return { chainId, hash, sender, nonce };
}

/** What one node says. `gone`: at a final block the nonce is taken, and it knows no receipt. */
type Track =
  | Exclude<TransactionSighting, { kind: 'replaced' | 'unknown' }>
  | { readonly kind: 'gone'; readonly finalized: bigint };

async function trackOnNode(node: EvmNode, tracked: TrackedTransaction): Promise<Track> {
  const receipt = await node.receipt(tracked.hash);
  if (receipt !== null) return await trackReceipt(node, tracked, receipt);
  const known = await node.transaction(tracked.hash);
  if (known !== null) return await trackKnown(node, tracked, known);
  const finalized = await readFinalized(node);
  const count = await node.transactionCount(tracked.sender, finalized.number);
  if (count <= tracked.nonce) return { kind: 'unseen' };
  // It may have become final while the questions were asked.
  if ((await node.receipt(tracked.hash)) !== null) {
    throw new RpcFailure(`${node.label}: knows the transaction after all`);
  }
  if ((await node.blockAt(finalized.number))?.hash !== finalized.hash) {
    throw new RpcFailure(`${node.label}: a finalized block has changed`);
  }
  return { kind: 'gone', finalized: finalized.number };
}

async function trackReceipt(
  node: EvmNode,
  tracked: TrackedTransaction,
  receipt: Receipt,
): Promise<Track> {
  if (receipt.from !== tracked.sender) {
    throw new RpcFailure(`${node.label}: the receipt has another sender`);
  }
  const finalized = await readFinalized(node);
  const block = { number: receipt.blockNumber, hash: receipt.blockHash };
  if (!(await holdsIt(node, block, tracked))) return { kind: 'unseen' };
  if (receipt.blockNumber > finalized.number) return { kind: 'included', block };
  if (!isDeepStrictEqual(await node.receipt(tracked.hash), receipt)) {
    throw new RpcFailure(`${node.label}: a final receipt has changed`);
  }
  const feeUnits = receipt.gasUsed * receipt.gasPriceWei;
  return { kind: 'final', block, succeeded: receipt.succeeded, feeUnits };
}

/** Known without a receipt: waiting, or in a block so new that the receipt is not indexed yet. */
async function trackKnown(
  node: EvmNode,
  tracked: TrackedTransaction,
  known: KnownTransaction,
): Promise<Track> {
  if (known.from !== tracked.sender || known.nonce !== tracked.nonce) {
    throw new RpcFailure(`${node.label}: the transaction has another sender or nonce`);
  }
  if (known.block === null) return { kind: 'waiting' };
  const finalized = await readFinalized(node);
  if (!(await holdsIt(node, known.block, tracked))) return { kind: 'unseen' };
  if (known.block.number <= finalized.number) {
    throw new RpcFailure(`${node.label}: a final transaction has no receipt`);
  }
  return { kind: 'included', block: known.block };
}

/** False where the chain has left the block. Throws where the block is there without the transaction. */
async function holdsIt(
  node: EvmNode,
  block: BlockReference,
  { hash }: TrackedTransaction,
): Promise<boolean> {
  const canonical = await node.blockAt(block.number);
  if (canonical?.hash !== block.hash) return false;
  const holds = canonical.transactions.some(
    (it) => typeof it === 'string' && it.toLowerCase() === hash,
  );
  if (!holds) throw new RpcFailure(`${node.label}: the receipt's block does not hold it`);
  return true;
}

async function weighTracks(
  pool: EvmPool,
  tracked: TrackedTransaction,
  heard: readonly Heard<EvmNode, Track>[],
): Promise<TransactionSighting> {
  const voices = heard.flatMap((it) => (it.kind === 'heard' ? [it] : []));
  const counted = voices.flatMap(({ node, value }) => (pool.counts(node) ? [value] : []));
  const finals = counted.filter((it) => it.kind === 'final');
  for (const final of finals) {
    const agreeing = finals.filter((it) => isDeepStrictEqual(it, final));
    if (agreeing.length < pool.quorum) continue;
    for (const { node, value } of voices) weighFinal(pool, node, { value, final });
    return final;
  }
  const gone = counted.filter((it) => it.kind === 'gone');
  const isKnown = counted.some(({ kind }) => kind === 'final' || kind === 'included');
  if (gone.length >= pool.quorum && !isKnown) return await nameReplacement(pool, tracked, gone);
  if (finals.length > 0 && (gone.length > 0 || finals.length > 1)) {
    return unknown(`the nodes do not agree on what became of ${tracked.hash}`);
  }
  for (const kind of ['included', 'waiting', 'unseen'] as const) {
    const found = counted.find((it) => it.kind === kind);
    if (found !== undefined && isOnTheWay(found)) return found;
  }
  const failures = heard.flatMap((it) => (it.kind === 'failed' ? [it.reason] : []));
  return unknown([...failures, 'no quorum of the nodes says what became of it'].join('; '));
}

function isOnTheWay(track: Track): track is Exclude<Track, { kind: 'final' | 'gone' }> {
  return track.kind !== 'final' && track.kind !== 'gone';
}

function unknown(reason: string): TransactionSighting {
  return { kind: 'unknown', reason };
}

/** A node that shows another final receipt lies; one that shows none may have forgotten or be late. */
function weighFinal(
  pool: EvmPool,
  node: EvmNode,
  { value, final }: { readonly value: Track; readonly final: Track & { kind: 'final' } },
): void {
  if (value.kind !== 'final') return;
  const agrees = isDeepStrictEqual(value, final);
  pool.weigh(node, agrees);
  if (!agrees) pool.quarantine(node, `another final receipt than a quorum of the nodes has`);
}

/** The name is proved by its signature, so one node may tell it; that it is needed, a quorum has said. */
async function nameReplacement(
  pool: EvmPool,
  tracked: TrackedTransaction,
  gone: readonly Extract<Track, { kind: 'gone' }>[],
): Promise<TransactionSighting> {
  const [first] = gone.map(({ finalized }) => finalized).toSorted((a, b) => Number(a - b));
  assert(first !== undefined, 'a quorum is at least one');
  const takenBy = await nameTaker(pool, tracked, first);
  if (takenBy === tracked.hash)
    return unknown('a final block holds it, and no node has its receipt');
  return { kind: 'replaced', takenBy };
}

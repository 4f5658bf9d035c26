import { isDeepStrictEqual } from 'node:util';
import { sha256 } from '@noble/hashes/sha2.js';
import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Asset } from '../../money/asset.ts';
import type { BlockReference, Movement, NetworkDriver } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { readSolid, referenceOf } from './chain-state.ts';
import { NodeBusy } from './endpoint.ts';
import { base58Address, recoverSigner, type HexAddress } from './hex-address.ts';
import type { TronNode } from './node.ts';
import type { Payer } from './payer.ts';
import type { TransactionInfo } from './read-answer.ts';
import { contractOf, transfersOf, type TransferEvent } from './token.ts';

/** So many blocks of a range are asked for at once. */
const BLOCKS_AT_ONCE = 8;

/** So long is a busy node left alone before it is asked for a block again: a range can be a thousand of them. */
const BUSY_WAITS_MS = [1_000, 2_000, 4_000, 8_000] as const;

/**
 * What a driver answers for `movements`: what a quorum of the nodes says, in the order of the chain.
 * A transfer of nothing is left out: anyone may have a token announce one out of any account. One of
 * the treasury to itself is an outgoing and an incoming one. Throws RpcFailure where no quorum agrees.
 */
export function createMovements({
  pool,
  treasury,
  clock,
}: Pick<Payer, 'pool' | 'treasury' | 'clock'>): NetworkDriver['movements'] {
  return async (asset, blocks) => {
    assert(asset.network === 'TRON_MAINNET', 'the asset is not of TRON_MAINNET');
    assert(blocks.from >= 0n, 'the first block is below zero');
    if (blocks.to < blocks.from) return [];
    const question = { asset, treasury, blocks, clock };
    const answer = await askQuorum(
      pool,
      async (node) => await readMovements(node, question),
      isDeepStrictEqual,
    );
    switch (answer.kind) {
      case 'agreed':
        // The range is final on every node that answers, so lateness is no excuse.
        for (const { node } of answer.against) {
          const range = `blocks ${blocks.from} to ${blocks.to}`;
          pool.quarantine(node, `other transfers in ${range} than ${answer.by.join(' and ')}`);
        }
        return answer.value;
      case 'contradicted':
        throw new RpcFailure('the nodes show different transfers of the treasury');
      case 'not enough':
        throw new RpcFailure(answer.reasons.join('; '));
    }
  };
}

export interface MovementsQuestion {
  readonly asset: Asset;
  readonly treasury: HexAddress;
  /** Both ends included. */
  readonly blocks: { readonly from: bigint; readonly to: bigint };
  readonly clock: Clock;
}

/** What one node says. Throws RpcFailure where the range is not final on it, or it fails. */
export async function readMovements(
  node: TronNode,
  question: MovementsQuestion,
): Promise<readonly Movement[]> {
  const { from, to } = question.blocks;
  const solid = await readSolid(node);
  if (solid.number < to) throw new RpcFailure(`${node.label}: block ${to} is not final`);
  const movements: Movement[] = [];
  for (let first = from; first <= to; first += BigInt(BLOCKS_AT_ONCE)) {
    const rest = Number(to - first) + 1;
    const numbers = Array.from(
      { length: Math.min(BLOCKS_AT_ONCE, rest) },
      (_, index) => first + BigInt(index),
    );
    const chunk = await Promise.all(
      numbers.map(async (number) => await readPatiently(node, question, number)),
    );
    movements.push(...chunk.flat());
  }
  return movements;
}

/** Asks a node that is busy again, so that a long range is not begun anew for one block of it. */
async function readPatiently(
  node: TronNode,
  question: MovementsQuestion,
  number: bigint,
): Promise<Movement[]> {
  for (const waitMs of BUSY_WAITS_MS) {
    try {
      return await readBlockMovements(node, question, number);
    } catch (error) {
      if (!(error instanceof NodeBusy)) throw error;
      await question.clock.sleep(waitMs);
    }
  }
  return await readBlockMovements(node, question, number);
}

async function readBlockMovements(
  node: TronNode,
  { asset, treasury }: MovementsQuestion,
  number: bigint,
): Promise<Movement[]> {
  const contract = contractOf(asset);
  const infos = await readWholeBlock(node, number);
  const found = infos.flatMap((info) =>
    transfersOf(contract, info.logs)
      .filter(({ from, to, units }) => units > 0n && (from === treasury || to === treasury))
      .map((event) => ({ info, event })),
  );
  if (found.length === 0) return [];
  const block = await node.blockAt(number);
  if (block === null) throw new RpcFailure(`${node.label}: has no block ${number}`);
  const movements: Movement[] = [];
  for (const { info, event } of found) {
    movements.push(...(await movementsOf(node, treasury, { info, event, block })));
  }
  return movements;
}

/**
 * A node that keeps no infos answers with an empty list, as one does for a block without transactions: the
 * header tells them apart.
 */
async function readWholeBlock(node: TronNode, number: bigint): Promise<TransactionInfo[]> {
  const infos = await node.infosOf(number);
  if (infos.length > 0) return infos;
  const block = await node.blockAt(number);
  if (block?.isEmpty !== true) {
    throw new RpcFailure(`${node.label}: keeps no infos of block ${number}`);
  }
  return infos;
}

async function movementsOf(
  node: TronNode,
  treasury: HexAddress,
  {
    info,
    event,
    block,
  }: {
    readonly info: TransactionInfo;
    readonly event: TransferEvent;
    readonly block: BlockReference;
  },
): Promise<Movement[]> {
  const { from, to, units, logIndex } = event;
  const common = {
    kind: 'transfer',
    units,
    transactionHash: info.txid,
    logIndex,
    block: referenceOf(block),
  } as const;
  const movements: Movement[] = [];
  if (from === treasury) {
    const carried = await carrierOf(node, treasury, info.txid);
    const counterparty = base58Address(to);
    movements.push({ ...common, direction: 'out', counterparty, carried });
  }
  if (to === treasury) {
    const counterparty = base58Address(from);
    movements.push({ ...common, direction: 'in', counterparty, carried: null });
  }
  return movements;
}

/** A transaction that the treasury's key has signed is its own attempt; another's was allowed to spend. */
async function carrierOf(
  node: TronNode,
  treasury: HexAddress,
  txid: string,
): Promise<Movement['carried']> {
  const transaction = await node.transaction(txid, 'solid');
  if (transaction === null) {
    throw new RpcFailure(`${node.label}: a transaction has an info and is not there`);
  }
  const digest = sha256(transaction.rawData);
  const isOwn = transaction.signatures.some(
    (signature) => recoverSigner(digest, signature) === treasury,
  );
  return isOwn ? { fence: txid, authorityHash: txid } : null;
}

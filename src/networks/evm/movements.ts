import { isDeepStrictEqual } from 'node:util';
import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import type { Movement, NetworkDriver } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { fenceOf, type TreasuryPlace } from './batch.ts';
import type { EvmNetworkId } from './evm-network.ts';
import { readFinalized } from './finality.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { logsInChunks } from './logs-in-chunks.ts';
import type { EvmNode } from './node.ts';
import type { EvmPool } from './nodes.ts';
import type { EventLog, Hex, Receipt } from './read-answer.ts';
import { addressTopic, contractOf, TRANSFER_TOPIC, transfersOf } from './token.ts';
import { treasuryEventsOf, type TreasuryEvent } from './treasury-events.ts';

/**
 * What a driver answers for `movements`: what a quorum of the nodes says, in the order of the chain.
 * A transfer of nothing is left out: anyone may have a token announce one out of any account. One of
 * the treasury to itself is an outgoing and an incoming one. Throws RpcFailure where no quorum agrees.
 */
export function createMovements({
  network,
  pool,
  place,
}: {
  readonly network: EvmNetworkId;
  readonly pool: EvmPool;
  readonly place: TreasuryPlace;
}): NetworkDriver['movements'] {
  return async (asset, blocks) => {
    assert(asset.network === network, `the asset is not of ${network}`);
    assert(blocks.from >= 0n, 'the first block is below zero');
    if (blocks.to < blocks.from) return [];
    const question = { asset, place, blocks };
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

interface Question {
  readonly asset: Asset;
  readonly place: TreasuryPlace;
  readonly blocks: { readonly from: bigint; readonly to: bigint };
}

/** What one node says. Throws RpcFailure where the range is not final on it, or it fails. */
async function readMovements(
  node: EvmNode,
  { asset, place, blocks }: Question,
): Promise<readonly Movement[]> {
  const finalized = await readFinalized(node);
  if (finalized.number < blocks.to) {
    throw new RpcFailure(`${node.label}: block ${blocks.to} is not final`);
  }
  const own = addressTopic(place.treasury);
  const range = { ...blocks, address: contractOf(asset) };
  const movements: Movement[] = [];
  for await (const logs of logsInChunks(node, { ...range, topics: [TRANSFER_TOPIC, own] })) {
    movements.push(...(await readOutgoing(node, place, logs)));
  }
  for await (const logs of logsInChunks(node, { ...range, topics: [TRANSFER_TOPIC, null, own] })) {
    movements.push(...logs.flatMap((log) => movementOf(log, 'in')));
  }
  return movements.toSorted(
    (a, b) => Number(a.block.number - b.block.number) || Number(a.logIndex - b.logIndex),
  );
}

/** Each with the batch that carried it out, which the other events of its transaction tell. */
async function readOutgoing(
  node: EvmNode,
  { treasury }: TreasuryPlace,
  logs: readonly EventLog[],
): Promise<Movement[]> {
  const movements: Movement[] = [];
  let receipt: Receipt | null = null;
  for (const log of logs) {
    const [movement] = movementOf(log, 'out');
    if (movement === undefined) continue;
    if (receipt?.transactionHash !== log.transactionHash) {
      receipt = await node.receipt(log.transactionHash);
    }
    const isThere = receipt?.logs.some((own) => isDeepStrictEqual(own, log)) ?? false;
    if (receipt === null || !isThere) {
      throw new RpcFailure(`${node.label}: an event is not in the receipt of its transaction`);
    }
    movements.push({ ...movement, carried: carrierOf(log, treasury, receipt) });
  }
  return movements;
}

/**
 * One transaction can carry out several batches, one after the other; each ends with its
 * BatchExecuted. What comes after the last was carried out by none.
 */
function carrierOf(log: EventLog, treasury: Hex, receipt: Receipt): Movement['carried'] {
  const executed = treasuryEventsOf(treasury, receipt.logs)
    .filter((event): event is Executed => event.kind === 'executed')
    .toSorted((a, b) => Number(a.logIndex - b.logIndex))
    .find(({ logIndex }) => logIndex > log.logIndex);
  if (executed === undefined) return null;
  return { fence: fenceOf(treasury, executed.batchId), authorityHash: executed.digest };
}

type Executed = Extract<TreasuryEvent, { kind: 'executed' }>;

/** None for a transfer of nothing. */
function movementOf(log: EventLog, direction: Movement['direction']): Movement[] {
  return transfersOf(log.address, [log])
    .filter(({ units }) => units > 0n)
    .map(({ from, to, units }) => ({
      kind: 'transfer',
      direction,
      units,
      counterparty: direction === 'out' ? to : from,
      transactionHash: log.transactionHash,
      logIndex: log.logIndex,
      block: { number: log.blockNumber, hash: log.blockHash },
      carried: null,
    }));
}

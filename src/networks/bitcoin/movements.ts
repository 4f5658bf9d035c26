import { isDeepStrictEqual } from 'node:util';
import { assert } from '../../base/assert.ts';
import type { BlockReference, Movement, NetworkDriver } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { carriedBy } from './attempt.ts';
import type { TreasuryTransaction } from './block-activity.ts';
import { finalHeightOf } from './finality.ts';
import type { BitcoinNode } from './node.ts';
import type { Payer } from './payer.ts';
import { addressOfScript } from './script.ts';

/**
 * What a driver answers for `movements`: what a quorum of the nodes says, in the order of the chain. Throws
 * RpcFailure where no quorum agrees.
 */
export function createMovements(payer: Payer): NetworkDriver['movements'] {
  const { pool } = payer;
  return async (asset, blocks) => {
    assert(asset.token === 'BTC', 'the asset is bitcoin');
    assert(blocks.from >= 0n, 'the first block is below zero');
    if (blocks.to < blocks.from) return [];
    const range = { from: Number(blocks.from), to: Number(blocks.to) };
    const answer = await askQuorum(
      pool,
      async (node) => await readMovements(payer, node, range),
      isDeepStrictEqual,
    );
    switch (answer.kind) {
      case 'agreed':
        // The range is final on every node that answers, so lateness is no excuse.
        for (const { node } of answer.against) {
          const words = `blocks ${range.from} to ${range.to}`;
          pool.quarantine(node, `other transfers in ${words} than ${answer.by.join(' and ')}`);
        }
        return answer.value;
      case 'contradicted':
        throw new RpcFailure('the nodes show different transfers of the treasury');
      case 'not enough':
        throw new RpcFailure(answer.reasons.join('; '));
    }
  };
}

/** What one node says. Throws RpcFailure where the range is not final on it, or it fails. */
async function readMovements(
  { key, confirmations }: Payer,
  node: BitcoinNode,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly Movement[]> {
  const tip = await node.tip();
  if (finalHeightOf(tip.height, confirmations) < to) {
    throw new RpcFailure(`${node.label}: block ${to} is not final`);
  }
  const movements: Movement[] = [];
  let parentHash: string | null = null;
  for (let height = from; height <= to; height += 1) {
    const hash = await node.hashAt(height);
    if (hash === null) throw new RpcFailure(`${node.label} has no block ${height}`);
    const block = await node.activities.of(hash, key.script);
    const isNext = parentHash === null || block.parentHash === parentHash;
    if (block.height !== height || !isNext) {
      throw new RpcFailure(`${node.label}: the chain has changed meanwhile`);
    }
    const reference = { number: BigInt(height), hash };
    for (const found of block.transactions) {
      movements.push(...movementsOf(found, key.script, reference));
    }
    parentHash = hash;
  }
  return movements;
}

/** What a transaction changes of what the treasury holds. */
export function changeOf({ transaction, spent }: TreasuryTransaction, script: string): bigint {
  const own = (outputs: readonly { units: bigint; script: string }[]): bigint =>
    outputs.reduce((sum, each) => (each.script === script ? sum + each.units : sum), 0n);
  return own(transaction.outputs) - own(spent);
}

/**
 * A transaction that spends nothing of the treasury's pays into it. One that does pays out of it, and what
 * comes back is change, which is no movement; its fee goes out, and what others put into it comes in. So
 * what comes in less what goes out is what changes of the treasury's coins, in every case.
 */
export function movementsOf(
  found: TreasuryTransaction,
  script: string,
  block: BlockReference,
): readonly Movement[] {
  const { transaction, spent } = found;
  const common = { transactionHash: transaction.txid, block };
  if (!spent.some((coin) => coin.script === script)) return depositsOf(found, script, block);
  const carried = carriedBy(transaction, script);
  const outgoing = transaction.outputs.flatMap((output, index): Movement[] =>
    output.script === script
      ? []
      : [
          {
            ...common,
            kind: 'transfer',
            direction: 'out',
            units: output.units,
            counterparty: nameOf(output.script),
            logIndex: BigInt(index),
            carried,
          },
        ],
  );
  const fee: Movement = {
    ...common,
    kind: 'fee',
    direction: 'out',
    units: sumOf(spent) - sumOf(transaction.outputs),
    counterparty: '',
    logIndex: BigInt(transaction.outputs.length),
    carried,
  };
  return [...outgoing, fee, ...contributionsOf(found, script, block)];
}

function depositsOf(
  { transaction, spent }: TreasuryTransaction,
  script: string,
  block: BlockReference,
): readonly Movement[] {
  // Whose coins they were is a guess; where there are several, the first is as good as another.
  const payer = spent[0] === undefined ? NEW_COINS : nameOf(spent[0].script);
  return transaction.outputs.flatMap((output, index): Movement[] =>
    output.script === script
      ? [
          {
            kind: 'transfer',
            direction: 'in',
            units: output.units,
            counterparty: payer,
            transactionHash: transaction.txid,
            logIndex: BigInt(index),
            block,
            carried: null,
          },
        ]
      : [],
  );
}

/** What others put into a transaction that spends coins of the treasury too. None of Knit's own is like that. */
function contributionsOf(
  { transaction, spent }: TreasuryTransaction,
  script: string,
  block: BlockReference,
): readonly Movement[] {
  return spent.flatMap((coin, index): Movement[] =>
    coin.script === script
      ? []
      : [
          {
            kind: 'transfer',
            direction: 'in',
            units: coin.units,
            counterparty: nameOf(coin.script),
            transactionHash: transaction.txid,
            logIndex: BigInt(index),
            block,
            carried: null,
          },
        ],
  );
}

/** A block's reward has no sender. */
const NEW_COINS = 'coinbase';

/** The address of the main network, or the script where no address stands for it. */
function nameOf(script: string): string {
  return addressOfScript(script) ?? `script:${script}`;
}

function sumOf(outputs: readonly { readonly units: bigint }[]): bigint {
  return outputs.reduce((sum, { units }) => sum + units, 0n);
}

import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { readSolid } from './chain-state.ts';
import type { HexAddress } from './hex-address.ts';
import { readMovements, type MovementsQuestion } from './movements.ts';
import type { TronNode } from './node.ts';
import type { Payer } from './payer.ts';
import type { Block } from './read-answer.ts';
import { contractOf, readUnits } from './token.ts';

/** A block comes every 3 s, and a balance and two heads are asked for between two of them. */
const MOST_READINGS = 5;

/** The blocks of an hour: what is asked about is the newest solidified block of a moment ago. */
const MOST_BLOCKS_BACK = 1_200n;

/**
 * What the treasury holds of the asset at the end of a solidified block, as a quorum of nodes has it. Full nodes
 * keep no old states: each reads the balance at its newest solidified block, and takes back what moved since
 * the block that was asked for. Throws RpcFailure where no quorum agrees.
 */
export async function unitsAt(
  { pool, treasury, clock }: Pick<Payer, 'pool' | 'treasury' | 'clock'>,
  question: { readonly asset: Asset; readonly blockNumber: bigint },
): Promise<bigint> {
  assert(question.asset.network === 'TRON_MAINNET', 'the asset is not of TRON_MAINNET');
  const subject = { ...question, treasury, clock };
  const said = await askQuorum(pool, async (node) => await unitsOn(node, subject), Object.is);
  if (said.kind === 'agreed') return said.value;
  const detail = said.kind === 'not enough' ? said.reasons.join('; ') : 'the nodes do not agree';
  throw new RpcFailure(`no quorum for the balance at block ${question.blockNumber}: ${detail}`);
}

async function unitsOn(
  node: TronNode,
  {
    asset,
    treasury,
    clock,
    blockNumber,
  }: Omit<MovementsQuestion, 'blocks'> & { readonly blockNumber: bigint },
): Promise<bigint> {
  const { units, block } = await readSolidUnits(node, { asset, owner: treasury });
  if (block.number < blockNumber) {
    throw new RpcFailure(`${node.label}: block ${blockNumber} is not final`);
  }
  if (block.number - blockNumber > MOST_BLOCKS_BACK) {
    throw new RpcFailure(`the balance at block ${blockNumber} is too far back`);
  }
  const blocks = { from: blockNumber + 1n, to: block.number };
  const movements = await readMovements(node, { asset, treasury, blocks, clock });
  return movements.reduce(
    (held, { direction, units }) => (direction === 'in' ? held - units : held + units),
    units,
  );
}

/** A balance, and the block of which it is: no other was solidified while it was read. */
async function readSolidUnits(
  node: TronNode,
  { asset, owner }: { readonly asset: Asset; readonly owner: HexAddress },
): Promise<{ readonly units: bigint; readonly block: Block }> {
  let before = await readSolid(node);
  for (let readings = 0; readings < MOST_READINGS; readings += 1) {
    const units = await readUnits(node, { contract: contractOf(asset), owner }, 'solid');
    const after = await readSolid(node);
    if (after.hash === before.hash) return { units, block: after };
    before = after;
  }
  throw new RpcFailure(`${node.label}: no balance is of one solidified block`);
}

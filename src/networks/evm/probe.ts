import { decodeFunctionResult, encodeFunctionData, parseAbi } from 'viem';
import artifact from '../../../contracts/artifacts/Probe.json' with { type: 'json' };
import { packItem, type BatchItem } from './batch.ts';
import { TRANSACTION_GAS_CAP } from './fees.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNode } from './node.ts';
import type { Hex } from './read-answer.ts';

/** contracts/Probe.sol */
const probeAbi = parseAbi([
  'struct Outcome { bool paid; bool reverted; bool listed; uint256 gasUsed; bytes reason; }',
  'function probe(address token, uint256 gasPerItem, bytes32[] items) returns (Outcome[] outcomes)',
]);

/** What would come of one item of a batch in the next block. */
export interface ProbedItem {
  /** By the treasury's own rule. */
  readonly paid: boolean;
  readonly reverted: boolean;
  /** The token names the recipient on a blacklist, whether or not it would pay. */
  readonly listed: boolean;
  /** Of the token's call, as the treasury pays it. */
  readonly gasUsed: bigint;
  /** The first 256 bytes of what the token returned where it did not pay. */
  readonly reason: Hex;
}

export interface ProbedBatch {
  /** Lower case. */
  readonly treasury: Hex;
  /** Who would send it: tokens can ask. */
  readonly sender: Hex;
  readonly token: Hex;
  readonly gasPerItem: bigint;
  readonly items: readonly BatchItem[];
}

/**
 * Tries items one after the other as the treasury would pay them at the newest block, so that balances
 * run down as they will. Gives as many as one call's gas suffices for, the first ones.
 * Throws RpcFailure where the node cannot do that.
 */
export async function probeBatch(node: EvmNode, batch: ProbedBatch): Promise<ProbedItem[]> {
  const { treasury, sender, token, gasPerItem, items } = batch;
  const data = encodeFunctionData({
    abi: probeAbi,
    functionName: 'probe',
    args: [token, gasPerItem, items.map(packItem)],
  });
  const request = { from: sender, to: treasury, data, gas: TRANSACTION_GAS_CAP };
  const answer = await node.callAs(artifact.deployedBytecode as Hex, request);
  if (answer.kind === 'reverted') throw new RpcFailure(`${node.label}: the probe was reverted`);
  const outcomes = readOutcomes(answer.data, node.label);
  if (outcomes.length > items.length) throw new RpcFailure(`${node.label}: the probe is malformed`);
  return outcomes;
}

function readOutcomes(data: Hex, label: string): ProbedItem[] {
  try {
    return [...decodeFunctionResult({ abi: probeAbi, functionName: 'probe', data })];
  } catch {
    // A node that ignores the override answers as the treasury's own code does.
    throw new RpcFailure(`${label}: the answer is not a probe's`);
  }
}

import type { Json } from '../../../src/base/json.ts';
import { nextBaseFee, type BlockRecord } from './block.ts';
import { blockOf, invalid, type Knowledge, type Parameters } from './question.ts';
import { REFUSED, RpcError } from './rpc-error.ts';
import { quantity } from './words.ts';

const MOST_BLOCKS = 1_024;

/** eth_feeHistory: the base fees end with the next block's; each block has a row of tips. */
export function answerFeeHistory({ view }: Knowledge, params: Parameters): Json {
  const [count, id, percentiles = []] = params;
  if (typeof count !== 'string' && typeof count !== 'number') throw invalid('invalid block count');
  if (!Array.isArray(percentiles)) throw invalid('invalid percentiles');
  const newest = blockOf(view, id);
  if (newest === null) throw new RpcError(REFUSED, 'request beyond head block');
  const length = Math.min(Number(count), MOST_BLOCKS, newest.number + 1);
  const blocks: BlockRecord[] = [];
  for (let number = newest.number - length + 1; number <= newest.number; number += 1) {
    const block = view.at(number);
    if (block !== null) blocks.push(block);
  }
  const fees = [...blocks.map(({ baseFeeWei }) => baseFeeWei), nextBaseFee(newest)];
  return {
    oldestBlock: quantity(newest.number - length + 1),
    baseFeePerGas: fees.map(quantity),
    gasUsedRatio: blocks.map(({ gasUsed, gasLimit }) => gasUsed / gasLimit),
    reward: blocks.map((block) => percentiles.map((each) => quantity(tipAt(block, Number(each))))),
  };
}

/** The tip at a percentile of the block's gas; zero where it has no transactions. */
function tipAt(block: BlockRecord, percentile: number): bigint {
  const tips = block.transactions
    .map(({ gasPriceWei, gasUsed }) => ({ tip: gasPriceWei - block.baseFeeWei, gasUsed }))
    .toSorted((a, b) => (a.tip < b.tip ? -1 : a.tip > b.tip ? 1 : 0));
  const threshold = (block.gasUsed * percentile) / 100;
  let gas = 0;
  for (const { tip, gasUsed } of tips) {
    gas += gasUsed;
    if (gas >= threshold) return tip;
  }
  return 0n;
}

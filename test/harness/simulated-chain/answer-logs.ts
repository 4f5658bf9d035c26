import type { Json } from '../../../src/base/json.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { BlockRecord } from './block.ts';
import type { LogRecord } from './frame.ts';
import {
  blockOf,
  invalid,
  readAddress,
  readHash,
  readObject,
  type Knowledge,
  type Parameters,
} from './question.ts';
import { renderLogs, topicsOf } from './render.ts';
import { REFUSED, RpcError } from './rpc-error.ts';

/**
 * eth_getLogs. A range may reach beyond the newest block, where there are none. A block named by its
 * hash may lie on a branch that was left: nodes keep those for a while (geth).
 */
export function answerLogs(known: Knowledge, [given]: Parameters): Json {
  const filter = readObject(given);
  const passes = matcher(filter);
  return blocksOf(known, filter)
    .filter(({ number }) => number <= known.indexedTo)
    .flatMap((block) => block.transactions.flatMap((_, index) => renderLogs(block, index, passes)));
}

function blocksOf(
  { core, view }: Knowledge,
  filter: Readonly<Record<string, Json>>,
): readonly BlockRecord[] {
  const { blockHash, fromBlock, toBlock } = filter;
  if (blockHash !== undefined) {
    if (fromBlock !== undefined || toBlock !== undefined) {
      throw invalid('cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other');
    }
    const block = core.lineage.byHash(readHash(blockHash));
    if (block === null || block.number > view.head.number) {
      throw new RpcError(REFUSED, 'unknown block');
    }
    return [block];
  }
  const from = heightOf(known(view, fromBlock), view.head.number);
  const to = heightOf(known(view, toBlock), view.head.number);
  if (from > to && toBlock !== undefined) throw invalid('invalid block range params');
  const blocks: BlockRecord[] = [];
  for (let number = from; number <= Math.min(to, view.head.number); number += 1) {
    const block = view.at(number);
    if (block !== null && block.transactions.length > 0) blocks.push(block);
  }
  return blocks;
}

/** A number beyond the newest block stays itself. */
function known(view: Knowledge['view'], id: Json | undefined): BlockRecord | number | null {
  const block = blockOf(view, id);
  return block ?? (typeof id === 'string' ? Number(BigInt(id)) : null);
}

function heightOf(found: BlockRecord | number | null, newest: number): number {
  if (found === null) return newest;
  return typeof found === 'number' ? found : found.number;
}

/** By address and by topics in their places: null is any, a list is any of these. */
function matcher(filter: Readonly<Record<string, Json>>): (log: LogRecord) => boolean {
  const addresses = listOf(filter['address'])?.map(readAddress) ?? null;
  const wanted = readTopics(filter['topics']);
  return (log) => {
    if (addresses !== null && !addresses.includes(log.address)) return false;
    if (wanted.length === 0) return true;
    const topics = topicsOf(log);
    return (
      topics.length >= wanted.length &&
      wanted.every((choices, place) => {
        const topic = topics[place];
        return choices === null || (topic !== undefined && choices.includes(topic));
      })
    );
  };
}

function readTopics(value: Json | undefined): readonly (readonly Hex[] | null)[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid('invalid topics');
  return (value as readonly Json[]).map((each) => listOf(each)?.map(readHash) ?? null);
}

/** One or a list of them; null where it is left out, or null, or an empty list. */
function listOf(value: Json | undefined): readonly Json[] | null {
  if (value === undefined || value === null) return null;
  const list = Array.isArray(value) ? (value as readonly Json[]) : [value];
  return list.length === 0 ? null : list;
}

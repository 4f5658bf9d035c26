import type { EvmNode, LogFilter } from './node.ts';
import type { EventLog } from './read-answer.ts';

/** Providers refuse ranges from 1,000 to 10,000 blocks up. */
const CHUNK_BLOCKS = 1_000n;

/** The events of a range of any length, oldest first, a chunk of blocks at a time. */
export async function* logsInChunks(
  node: EvmNode,
  filter: LogFilter,
): AsyncGenerator<readonly EventLog[]> {
  for (let { from } = filter; from <= filter.to; from += CHUNK_BLOCKS) {
    const end = from + CHUNK_BLOCKS - 1n;
    yield await node.logsBetween({ ...filter, from, to: end < filter.to ? end : filter.to });
  }
}

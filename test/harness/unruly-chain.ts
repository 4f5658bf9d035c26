import { RpcErrorAnswer } from '../../src/networks/nodes/json-rpc.ts';
import type { TestChain } from './chain.ts';
import type { UnrulyBlocks } from './chaos.ts';
import type { SeededRandom } from './seeded-random.ts';
import { startUnrulyTurns } from './unruly-turns.ts';

/**
 * A chain that makes a block at each turn, and sometimes takes the newest ones back. The chain must
 * have been started without blocks of its own.
 */
export function startUnrulyChain(
  chain: TestChain,
  about: { random: SeededRandom; blockMs: number; deepest: number; everyBlocks: number },
): UnrulyBlocks {
  const { random, blockMs, deepest, everyBlocks } = about;
  /** By what became of their transactions; and how many of those came back to the pool later. */
  const reorgs = { kept: 0, dropped: 0, 'partly kept': 0, returned: 0 };
  /** Of transactions that a reorganisation took out, with the turns until they are sent again. */
  let returning: { raw: string; turns: number }[] = [];
  return startUnrulyTurns({ blockMs, troubles: () => reorgs }, async (isCalm) => {
    // Mostly where it takes something back: empty blocks are nobody's loss.
    const isBusy = !isCalm && (await newestTransactions(chain, deepest)).length > 0;
    if (!isCalm && random.chance((isBusy ? BUSY_TIMES : 1) / everyBlocks)) {
      const fate = random.pick(['kept', 'dropped', 'partly kept'] as const);
      const depth = random.between(1, deepest);
      const gone = await replaceNewest(chain, random, { depth, fate });
      reorgs[fate] += 1;
      // Half of what is gone comes back from somebody's pool, sooner or later.
      for (const raw of gone.filter(() => random.chance(0.5))) {
        returning.push({ raw, turns: random.between(1, LATEST_RETURN) });
      }
    }
    returning = returning.map(({ raw, turns }) => ({ raw, turns: turns - 1 }));
    for (const { raw } of returning.filter(({ turns }) => turns === 0)) {
      if (await send(chain, raw)) reorgs.returned += 1;
    }
    await chain.mine();
  });
}

/** So many times as often as after empty blocks. */
const BUSY_TIMES = 3;
/** In turns. */
const LATEST_RETURN = 20;

interface KnownTransaction {
  readonly from: string;
  readonly raw: string;
}

/** Gives the raw transactions that are gone. */
async function replaceNewest(
  chain: TestChain,
  random: SeededRandom,
  { depth, fate }: { depth: number; fate: 'kept' | 'dropped' | 'partly kept' },
): Promise<string[]> {
  const transactions = await newestTransactions(chain, depth);
  // Of one sender all or none: what follows a dropped transaction could not be mined.
  const senders = new Set(transactions.map(({ from }) => from));
  const kept = new Set(
    [...senders].filter(() => fate === 'kept' || (fate === 'partly kept' && random.chance(0.5))),
  );
  let atBlock = 0;
  const again = transactions
    .filter(({ from }) => kept.has(from))
    .map(({ raw }) => {
      atBlock = random.between(atBlock, depth - 1);
      return { raw, atBlock };
    });
  const raws = transactions.map(({ raw }) => raw);
  try {
    await chain.reorg(depth, again);
    const isKept = new Set(again.map(({ raw }) => raw));
    return raws.filter((raw) => !isKept.has(raw));
  } catch (error) {
    // The chain takes no transaction that is not valid where it is put. Then all of them are dropped.
    if (!(error instanceof RpcErrorAnswer)) throw error;
    await chain.reorg(depth);
    return raws;
  }
}

/** False where the node does not take it. */
async function send(chain: TestChain, raw: string): Promise<boolean> {
  try {
    await chain.rpc('eth_sendRawTransaction', raw);
    return true;
  } catch (error) {
    if (!(error instanceof RpcErrorAnswer)) throw error;
    return false;
  }
}

async function newestTransactions(chain: TestChain, depth: number): Promise<KnownTransaction[]> {
  const newest = Number(await chain.rpc('eth_blockNumber'));
  const found: KnownTransaction[] = [];
  for (let number = newest - depth + 1; number <= newest; number += 1) {
    const block = (await chain.rpc('eth_getBlockByNumber', `0x${number.toString(16)}`, true)) as {
      transactions: { from: string; hash: string }[];
    };
    for (const { from, hash } of block.transactions) {
      found.push({ from, raw: (await chain.rpc('eth_getRawTransactionByHash', hash)) as string });
    }
  }
  return found;
}

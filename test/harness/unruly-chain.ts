import { setTimeout as sleep } from 'node:timers/promises';
import { RpcErrorAnswer } from '../../src/networks/evm/json-rpc.ts';
import type { TestChain } from './chain.ts';
import type { SeededRandom } from './seeded-random.ts';

/** A chain that makes a block at each turn, and sometimes takes the newest ones back. */
export interface UnrulyChain {
  /** How many reorganisations there were, by what became of their transactions. */
  readonly reorgs: Record<'kept' | 'dropped' | 'partly kept', number>;
  /** From now on. */
  begin(): void;
  /** No more of them from now on. */
  calm(): void;
  stop(): Promise<void>;
}

/**
 * Blocks and reorganisations come from one loop, so that none comes between reading what a block holds
 * and replacing it. The chain must have been started without blocks of its own.
 */
export function startUnrulyChain(
  chain: TestChain,
  about: { random: SeededRandom; blockMs: number; deepest: number; everyBlocks: number },
): UnrulyChain {
  const { random, blockMs, deepest, everyBlocks } = about;
  const halt = new AbortController();
  const reorgs = { kept: 0, dropped: 0, 'partly kept': 0 };
  let isCalm = true;
  const run = async (): Promise<void> => {
    while (!halt.signal.aborted) {
      if (!isCalm && random.chance(1 / everyBlocks)) {
        const fate = random.pick(['kept', 'dropped', 'partly kept'] as const);
        await replaceNewest(chain, random, { depth: random.between(1, deepest), fate });
        reorgs[fate] += 1;
      }
      await chain.mine();
      await sleep(blockMs);
    }
  };
  const ended = run();
  // Whoever stops it hears of its failure; before that it must not end the process.
  ended.catch(() => undefined);
  return {
    reorgs,
    begin: () => {
      isCalm = false;
    },
    calm: () => {
      isCalm = true;
    },
    stop: async () => {
      halt.abort();
      await ended;
    },
  };
}

interface KnownTransaction {
  readonly from: string;
  readonly raw: string;
}

async function replaceNewest(
  chain: TestChain,
  random: SeededRandom,
  { depth, fate }: { depth: number; fate: 'kept' | 'dropped' | 'partly kept' },
): Promise<void> {
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
  try {
    await chain.reorg(depth, again);
  } catch (error) {
    // The chain takes no transaction that is not valid where it is put. Then all of them are dropped.
    if (!(error instanceof RpcErrorAnswer)) throw error;
    await chain.reorg(depth);
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

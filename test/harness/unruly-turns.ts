import { setTimeout as sleep } from 'node:timers/promises';
import type { UnrulyBlocks } from './chaos.ts';

/**
 * Blocks and what is done to them come from one loop, so that nothing comes between looking at the chain and
 * doing something about it. `turn` makes a block, and trouble unless the chain is calm, as it is at first.
 */
export function startUnrulyTurns(
  { blockMs, troubles }: { readonly blockMs: number; readonly troubles: UnrulyBlocks['troubles'] },
  turn: (isCalm: boolean) => Promise<void>,
): UnrulyBlocks {
  const halt = new AbortController();
  let isCalm = true;
  const run = async (): Promise<void> => {
    while (!halt.signal.aborted) {
      await turn(isCalm);
      await sleep(blockMs);
    }
  };
  const ended = run();
  // Whoever stops it hears of its failure; before that it must not end the process.
  ended.catch(() => undefined);
  return {
    troubles,
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

import { z } from 'zod';
import { systemClock } from '../src/base/clock.ts';
import type { NetworkId } from '../src/money/asset.ts';
import { STANDARD_CONFIRMATIONS } from '../src/networks/bitcoin/finality.ts';
import { median } from './bench-result.ts';

/** The newest block and the newest final one: numbers, heights, or Solana's slots. */
export interface Heads {
  readonly newest: number;
  readonly final: number;
}

/** A chain that is watched from outside. Times are milliseconds since 1970. */
export interface WatchedChain {
  /** When a block was first seen, as the newest or as a final one. Throws where it was not. */
  firstSeen(as: keyof Heads, block: number): number;
  /** How long a block takes, from the first to the last change that was seen. */
  blockMs(): number;
  /** By how many blocks the final one is behind the newest: the median of what was seen. */
  blocksToFinal(): number;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 50;

type Seen = Heads & { readonly atMs: number };

/** Asks a node for its heads again and again, and notes each change. */
export function watchHeads(network: NetworkId, rpcUrl: string): WatchedChain {
  const changes: Seen[] = [];
  const behind: number[] = [];
  const stopped = new AbortController();
  const watch = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const heads = await readHeads(network, rpcUrl);
      behind.push(heads.newest - heads.final);
      const last = changes.at(-1);
      if (last?.newest !== heads.newest || last.final !== heads.final) {
        changes.push({ ...heads, atMs: Date.now() });
      }
      await systemClock.sleep(LOOK_EVERY_MS, stopped.signal);
    }
  };
  const watched = watch();
  // Its failure is thrown by stop().
  watched.catch(() => undefined);
  return {
    firstSeen(as, block) {
      const found = changes.find((heads) => heads[as] >= block);
      if (found === undefined) throw new Error(`${network}: block ${block} was not seen`);
      return found.atMs;
    },
    blockMs: () => blockMsOf(changes),
    blocksToFinal: () => median(behind),
    async stop() {
      stopped.abort();
      await watched;
    },
  };
}

/** The first heads that were seen may be of any age, so the time begins with the second. */
export function blockMsOf(changes: readonly Seen[]): number {
  const made = changes.filter(({ newest }, index) => newest !== changes[index - 1]?.newest);
  const [first, last] = [made[1], made.at(-1)];
  if (first === undefined || last === undefined || first.newest >= last.newest) {
    throw new Error('too few blocks were seen');
  }
  return (last.atMs - first.atMs) / (last.newest - first.newest);
}

export async function readHeads(network: NetworkId, rpcUrl: string): Promise<Heads> {
  switch (network) {
    case 'ETHEREUM_MAINNET':
    case 'MATIC_MAINNET':
    case 'BSC_MAINNET': {
      const [newest, final] = await Promise.all([
        evmBlock(rpcUrl, 'latest'),
        evmBlock(rpcUrl, 'finalized'),
      ]);
      return { newest, final };
    }
    case 'TRON_MAINNET': {
      const [newest, final] = await Promise.all([
        tronBlock(`${rpcUrl}/wallet/getnowblock`),
        tronBlock(`${rpcUrl}/walletsolidity/getnowblock`),
      ]);
      return { newest, final };
    }
    case 'SOL_MAINNET': {
      const [newest, final] = await Promise.all([
        numberOf(rpcUrl, 'getSlot', [{ commitment: 'processed' }]),
        numberOf(rpcUrl, 'getSlot', [{ commitment: 'finalized' }]),
      ]);
      return { newest, final };
    }
    case 'BITCOIN_MAINNET': {
      // No node calls a block final: by so many confirmations it is what Knit calls so.
      const newest = await numberOf(rpcUrl, 'getblockcount', []);
      return { newest, final: newest - (STANDARD_CONFIRMATIONS - 1) };
    }
  }
}

const evmAnswer = z.object({ result: z.object({ number: z.string() }) });
const tronAnswer = z.object({
  block_header: z.object({ raw_data: z.object({ number: z.number().default(0) }) }),
});
const numberAnswer = z.object({ result: z.number() });

async function evmBlock(rpcUrl: string, tag: string): Promise<number> {
  const answer = await call(rpcUrl, 'eth_getBlockByNumber', [tag, false]);
  return Number(evmAnswer.parse(answer).result.number);
}

async function tronBlock(url: string): Promise<number> {
  return tronAnswer.parse(await post(url, {})).block_header.raw_data.number;
}

async function numberOf(
  rpcUrl: string,
  method: string,
  params: readonly unknown[],
): Promise<number> {
  return numberAnswer.parse(await call(rpcUrl, method, params)).result;
}

async function call(rpcUrl: string, method: string, params: readonly unknown[]): Promise<unknown> {
  return await post(rpcUrl, { jsonrpc: '2.0', id: 1, method, params });
}

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  return await response.json();
}

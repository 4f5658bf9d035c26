import { setTimeout as sleep } from 'node:timers/promises';
import type { UnrulyBlocks, UnrulyNodes } from './chaos.ts';
import type { LocalTroubles, TroublePlace } from './local-troubles.ts';
import type { LocalNetworkId } from './paying-chain.ts';
import type { SeededRandom } from './seeded-random.ts';
import { bitcoinTroubles } from './troubles-of-bitcoin.ts';
import { solanaTroubles } from './troubles-of-solana.ts';
import { tronTroubles } from './troubles-of-tron.ts';
import { startUnrulyTurns } from './unruly-turns.ts';

export function createTroubles(place: TroublePlace): LocalTroubles {
  return TROUBLES[place.chain.network](place);
}

const TROUBLES: Readonly<Record<LocalNetworkId, (place: TroublePlace) => LocalTroubles>> = {
  TRON_MAINNET: tronTroubles,
  SOL_MAINNET: solanaTroubles,
  BITCOIN_MAINNET: bitcoinTroubles,
};

const REORGANISE_SHARE = 0.12;
const MEDDLE_SHARE = 0.6;

/** Makes the blocks of a local chain that makes none by itself, and takes some back. */
export function startUnrulyLocalChain(
  troubles: LocalTroubles,
  { random, blockMs }: { readonly random: SeededRandom; readonly blockMs: number },
): UnrulyBlocks {
  const counts = new Map<string, number>();
  const told = { blockMs, troubles: () => Object.fromEntries(counts) };
  return startUnrulyTurns(told, async (isCalm) => {
    if (isCalm) await troubles.release();
    else if (random.chance(MEDDLE_SHARE)) count(counts, await troubles.meddle());
    if (!isCalm && random.chance(REORGANISE_SHARE)) count(counts, await troubles.reorganise());
    await troubles.produceBlock();
  });
}

const SHORTEST_MOOD_MS = 500;
const LONGEST_MOOD_MS = 2_500;
const WELL_SHARE = 0.4;
const MISLEAD_SHARE = 0.3;

/** Gives each node a mood for a while, and then another. At most one of them misleads. */
export function startUnrulyLocalNodes(
  troubles: LocalTroubles,
  { random, nodes }: { readonly random: SeededRandom; readonly nodes: readonly string[] },
): UnrulyNodes {
  const halt = new AbortController();
  const counts = new Map<string, number>();
  let misleads: string | null = null;
  const change = async (node: string): Promise<void> => {
    await troubles.heal(node);
    if (misleads === node) misleads = null;
    if (random.chance(WELL_SHARE)) return;
    if (misleads === null && random.chance(MISLEAD_SHARE)) {
      misleads = node;
      count(counts, await troubles.mislead(node));
    } else {
      count(counts, await troubles.trouble(node));
    }
  };
  const live = async (node: string): Promise<void> => {
    while (!halt.signal.aborted) {
      await change(node);
      await sleep(random.between(SHORTEST_MOOD_MS, LONGEST_MOOD_MS));
    }
  };
  const ended = Promise.all(nodes.map(live));
  ended.catch(() => undefined);
  return {
    counts: () => Object.fromEntries(counts),
    calm: async () => {
      halt.abort();
      await ended;
      for (const node of nodes) await troubles.heal(node);
    },
  };
}

function count(counts: Map<string, number>, kind: string | null): void {
  if (kind !== null) counts.set(kind, (counts.get(kind) ?? 0) + 1);
}

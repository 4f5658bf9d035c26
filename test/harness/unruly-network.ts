import { setTimeout as sleep } from 'node:timers/promises';
import { RPC_FAULTS, type RpcFault, type RpcProxy } from './rpc-proxy.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Nodes whose faults come and go, each by itself, one of them dead for a while now and then. */
export interface UnrulyNetwork {
  /** Over all nodes. */
  readonly counts: () => Record<string, number>;
  /** From now on every node answers. */
  calm(): Promise<void>;
}

/** Sending is rare among the questions, so it is misjudged often. */
const MISJUDGED = { 'misjudged-send': 0.25 } as const;

const MOODS = [
  MISJUDGED,
  { ...evenly(0.01), ...MISJUDGED },
  { ...evenly(0.02), ...MISJUDGED },
  { stale: 0.4, ...MISJUDGED },
  { 'reset-after': 0.2, 'misjudged-send': 0.6 },
  { 'server-error': 0.3, ...MISJUDGED },
] as const satisfies readonly Partial<Record<RpcFault, number>>[];

function evenly(chance: number): Partial<Record<RpcFault, number>> {
  return Object.fromEntries(RPC_FAULTS.map((fault) => [fault, chance]));
}

export function startUnrulyNetwork(
  proxies: readonly RpcProxy[],
  random: SeededRandom,
): UnrulyNetwork {
  const halt = new AbortController();
  const moods = async (): Promise<void> => {
    while (!halt.signal.aborted) {
      for (const proxy of proxies) proxy.setFaults(random.pick(MOODS));
      await sleep(random.between(1_000, 4_000));
    }
  };
  const blackouts = async (): Promise<void> => {
    while (!halt.signal.aborted) {
      await sleep(random.between(1_000, 8_000));
      const dark = random.pick(proxies);
      dark.setBlackout(random.pick(['refused', 'silent'] as const));
      await sleep(random.between(4_000, 8_000));
      dark.setBlackout(null);
    }
  };
  const ended = Promise.all([moods(), blackouts()]);
  return {
    counts: () => {
      const total: Record<string, number> = {};
      for (const { counts } of proxies) {
        for (const [kind, count] of Object.entries(counts)) {
          total[kind] = (total[kind] ?? 0) + count;
        }
      }
      return total;
    },
    calm: async () => {
      halt.abort();
      await ended;
      for (const proxy of proxies) {
        proxy.setFaults({});
        proxy.setBlackout(null);
      }
    },
  };
}

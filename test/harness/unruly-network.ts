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

const MOODS = [
  {},
  Object.fromEntries(RPC_FAULTS.map((fault) => [fault, 0.01])),
  Object.fromEntries(RPC_FAULTS.map((fault) => [fault, 0.03])),
  { stale: 0.6 },
  { 'reset-after': 0.3, 'misjudged-send': 0.5 },
  { 'server-error': 0.5 },
] as const satisfies readonly Partial<Record<RpcFault, number>>[];

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

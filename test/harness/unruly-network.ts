import { setTimeout as sleep } from 'node:timers/promises';
import type { UnrulyNodes } from './chaos.ts';
import { RPC_FAULTS, type RpcFault, type RpcProxy } from './rpc-proxy.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Sending is rare among the questions, so it fails often. */
const MISJUDGED = { 'forgotten-send': 0.2, 'misjudged-send': 0.2 } as const;
/** Any peer may send anything again that it has ever heard, at any time. */
const GOSSIP_EVERY_MS = 300;
/** Of each node's: older ones have mostly been mined. */
const NEWEST = 10;

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

/** Nodes whose faults come and go, each by itself, one of them dead for a while now and then. */
export function startUnrulyNetwork(
  proxies: readonly RpcProxy[],
  about: { readonly random: SeededRandom; readonly sendAgain: (raw: string) => Promise<boolean> },
): UnrulyNodes {
  const { random, sendAgain } = about;
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
  let gossiped = 0;
  const choice = random.fork('gossip');
  const gossip = async (): Promise<void> => {
    while (!halt.signal.aborted) {
      await sleep(GOSSIP_EVERY_MS);
      const known = proxies.flatMap(({ given }) => [...given].slice(-NEWEST));
      if (known.length > 0 && (await sendAgain(choice.pick(known)))) gossiped += 1;
    }
  };
  const ended = Promise.all([moods(), blackouts(), gossip()]);
  return {
    counts: () => {
      // Of the gossip: old transactions that the node has taken once more.
      const total: Record<string, number> = { gossiped };
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

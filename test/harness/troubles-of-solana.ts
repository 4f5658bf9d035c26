import type {
  PooledSignature,
  SolanaLie,
  SolanaNodeFaults,
} from '../../local-chains/solana/chain-interface.ts';
import type { Json } from '../../src/base/json.ts';
import type { LocalTroubles, TroublePlace } from './local-troubles.ts';

const TROUBLES: readonly Partial<SolanaNodeFaults>[] = [
  { perMille: { timeout: 700 } },
  { perMille: { error: 400 } },
  { perMille: { malformed: 400 } },
  { perMille: { timeout: 100, 'lost-answer': 200, error: 100, malformed: 100 } },
  { lagBlocks: 6 },
  { lagJitterBlocks: 10 },
  { indexLagBlocks: 5 },
  { admitsBehind: 50 },
  { history: 'cache' },
  { history: 'refuses' },
  { emptyStatusCache: true },
  { forwards: 'never' },
  { forwards: 'last' },
  { forwards: 20 },
];

const LIES: readonly Partial<SolanaNodeFaults>[] = [
  ...(
    [
      'denies-statuses',
      'claims-failed',
      'claims-finalized',
      'other-slots',
      'denies-transfers',
      'claims-expired',
    ] as const satisfies readonly SolanaLie[]
  ).map((lie) => ({ lies: [lie] })),
  { perMille: { absent: 500 } },
  { onAbandonedFork: true },
  { onStrayFork: true },
];

export function solanaTroubles({ chain, random, deepest }: TroublePlace): LocalTroubles {
  const set = async (name: string, faults: Partial<SolanaNodeFaults>): Promise<string> => {
    await chain.control('node', { name, heal: true, set: faults as unknown as Json });
    return JSON.stringify(faults).replaceAll(/["{}]/g, '');
  };
  return {
    produceBlock: async () => {
      await chain.control('produceBlock', { skip: random.chance(0.05) ? 1 : 0 });
    },
    async reorganise() {
      const transactions = random.pick(['return', 'drop', 'later'] as const);
      const laterBlocks = random.chance(0.3) ? 'last' : random.between(1, 60);
      const depth = random.between(1, deepest);
      await chain.control('reorg', { depth, transactions, laterBlocks });
      return `reorganised: ${transactions}`;
    },
    async meddle() {
      const waiting = (await chain.control('pool', {})) as readonly PooledSignature[];
      if (waiting.length === 0) return null;
      const { signature } = random.pick(waiting);
      if (random.chance(0.5)) {
        await chain.control('drop', { signature });
        return 'dropped';
      }
      const blocks = random.chance(0.3) ? 'last' : random.between(2, 100);
      await chain.control('holdBack', { signature, blocks });
      return blocks === 'last' ? 'held back to the last' : 'held back';
    },
    // What is held back comes when it is due.
    release: async () => await Promise.resolve(),
    heal: async (node) => {
      await set(node, {});
    },
    trouble: async (node) => await set(node, random.pick(TROUBLES)),
    mislead: async (node) => await set(node, random.pick(LIES)),
  };
}

import type { BitcoinChain, NodeFaults } from '../../../local-chains/bitcoin/bitcoin-chain.ts';
import { LONGEST_TROUBLE_MS, type Trouble, type TroublePlace } from '../simulated-network.ts';
import type { Blocks } from './blocks.ts';
import type { MoodyNode } from './moody-node.ts';

export interface BitcoinTroublePlace extends TroublePlace {
  readonly chain: BitcoinChain;
  readonly blocks: Blocks;
  readonly nodes: readonly MoodyNode[];
}

export const DEAR_METHODS = [
  'getblock',
  'getblockheader',
  'getblockchaininfo',
  'gettxout',
  'listunspent',
  'estimatesmartfee',
  'sendrawtransaction',
];

/** What goes wrong with the nodes and the chain of Bitcoin. */
export function createTroubles(place: BitcoinTroublePlace): Trouble[] {
  // One node of the three lies, knows less than it says, or is on a branch that was left. The others fail,
  // lag and stand still, but say nothing that is not so.
  const liar = place.random.pick(place.nodes);
  return [
    ...knowledgeTroubles(place, liar),
    ...mannerTroubles(place),
    ...poolTroubles(place),
    ...chainTroubles(place),
  ];
}

/** None of the faults of a node that this file sets is on in a healthy one. */
const WELL: Partial<NodeFaults> = {
  lagBlocks: 0,
  stalledAt: null,
  relay: 'gossip',
  wrongChain: false,
  denies: [],
  prunedBelowDepth: null,
  mempoolMinSatPerKvb: 0n,
};

function changed(node: MoodyNode, changes: Partial<NodeFaults>): () => void {
  node.set(changes);
  return () => node.set(WELL);
}

function knowledgeTroubles(place: BitcoinTroublePlace, liar: MoodyNode): Trouble[] {
  const { random, nodes, mayMislead, chain, blocks } = place;
  const misleading = (): MoodyNode => (mayMislead ? random.pick(nodes) : liar);
  return [
    {
      kind: 'node-lagging',
      begin: () => changed(random.pick(nodes), { lagBlocks: random.between(1, 8) }),
    },
    {
      kind: 'node-stalled',
      begin: () => changed(random.pick(nodes), { stalledAt: chain.truth.tip().hash }),
    },
    {
      kind: 'node-lying',
      begin: () =>
        changed(liar, {
          denies: chain.everSeen().filter(() => random.chance(0.5)),
        }),
    },
    {
      kind: 'node-unindexed',
      begin: () => changed(random.pick(nodes), { prunedBelowDepth: random.between(1, 30) }),
    },
    {
      kind: 'node-on-abandoned-branch',
      begin: () => {
        const node = misleading();
        blocks.strand(node);
        return () => node.set({ stalledAt: null });
      },
    },
  ];
}

function mannerTroubles({ random, nodes, outages, nowMs }: BitcoinTroublePlace): Trouble[] {
  return [
    {
      kind: 'node-failing',
      begin: () => {
        const node = random.pick(nodes);
        node.setMoods({
          silence: random.between(0, 200),
          'lost-answer': random.between(0, 200),
          error: random.between(0, 200),
          busy: random.between(0, 200),
          malformed: random.between(0, 200),
        });
        return () => node.setMoods({});
      },
    },
    {
      kind: 'method-outage',
      begin: () => {
        const untilMs = nowMs() + random.between(1, 2 * LONGEST_TROUBLE_MS);
        const methods = DEAR_METHODS.filter(() => random.chance(0.4));
        for (const node of nodes.filter(() => random.chance(0.7))) {
          for (const method of methods) outages.begin(node.label, method, untilMs);
        }
        return undefined;
      },
    },
  ];
}

function poolTroubles({ random, nodes, chain }: BitcoinTroublePlace): Trouble[] {
  return [
    {
      kind: 'node-keeps-transactions',
      begin: () => {
        const relay = random.pick(['own', 'deaf'] as const);
        const some = random.chance(0.3) ? nodes : [random.pick(nodes)];
        for (const node of some) node.set({ relay });
        return () => {
          for (const node of some) node.set({ relay: 'gossip' });
        };
      },
    },
    {
      kind: 'pool-forgets',
      begin: () => {
        const from = random.chance(0.5) ? undefined : [random.pick(nodes).label];
        for (const { txid } of chain.pool()) {
          if (random.chance(0.6)) chain.evict(txid, from);
        }
        return undefined;
      },
    },
    {
      kind: 'pool-full',
      begin: () =>
        changed(random.pick(nodes), {
          mempoolMinSatPerKvb: BigInt(random.between(1, 100)) * 1_000n,
        }),
    },
  ];
}

/** Above the dearest that is signed for. */
const DEAREST_SAT_PER_KVB = 400_000;

function chainTroubles({ random, chain, blocks }: BitcoinTroublePlace): Trouble[] {
  return [
    {
      kind: 'fee-spike',
      begin: () => {
        const satPerKvb = BigInt(random.between(1_000, DEAREST_SAT_PER_KVB));
        chain.setFeeEstimate(satPerKvb);
        blocks.setFloor(random.chance(0.5) ? satPerKvb : 0n);
        return () => {
          chain.setFeeEstimate(null);
          blocks.setFloor(0n);
        };
      },
    },
  ];
}

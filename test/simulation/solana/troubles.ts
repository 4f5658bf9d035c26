import type {
  SolanaChain,
  SolanaLie,
  SolanaNode,
  SolanaNodeFaults,
} from '../../../local-chains/solana/chain-interface.ts';
import { LONGEST_TROUBLE_MS, type Trouble, type TroublePlace } from '../simulated-network.ts';
import type { Issuer } from './issuer.ts';

export interface SolanaTroublePlace extends TroublePlace {
  readonly chain: SolanaChain;
  readonly issuer: Issuer;
  readonly nodes: readonly SolanaNode[];
}

export const DEAR_METHODS = [
  'getBlock',
  'getBlocks',
  'getBlocksWithLimit',
  'getLatestBlockhash',
  'getMultipleAccounts',
  'getSignatureStatuses',
  'getSignaturesForAddress',
  'getTransaction',
  'sendTransaction',
  'simulateTransaction',
];

const LIES: readonly SolanaLie[] = [
  'denies-statuses',
  'claims-failed',
  'claims-finalized',
  'other-slots',
  'other-blockhashes',
  'denies-transfers',
  'claims-expired',
  'other-balances',
];

/** What goes wrong with the nodes, the chain and the tokens of Solana. */
export function createTroubles(place: SolanaTroublePlace): Trouble[] {
  // One node of the three lies, knows less than it says, or is on a fork that was left. The others fail,
  // lag and stand still, but say nothing that is not so.
  const liar = place.random.pick(place.nodes);
  return [
    ...knowledgeTroubles(place, liar),
    ...mannerTroubles(place),
    ...chainTroubles(place),
    ...tokenTroubles(place),
  ];
}

function changed(node: SolanaNode, changes: Partial<SolanaNodeFaults>): () => void {
  node.set(changes);
  return () => node.heal();
}

function knowledgeTroubles(place: SolanaTroublePlace, liar: SolanaNode): Trouble[] {
  const { random, nodes, mayMislead } = place;
  const misleading = (): SolanaNode => (mayMislead ? random.pick(nodes) : liar);
  return [
    {
      kind: 'node-lagging',
      begin: () =>
        changed(random.pick(nodes), {
          lagBlocks: random.between(0, 60),
          lagJitterBlocks: random.chance(0.5) ? 0 : random.between(1, 20),
          admitsBehind: random.chance(0.3) ? random.between(1, 200) : null,
        }),
    },
    {
      kind: 'node-stalled',
      begin: () => {
        const node = random.pick(nodes);
        node.stall();
        return () => node.heal();
      },
    },
    {
      kind: 'node-lying',
      begin: () => changed(liar, { lies: LIES.filter(() => random.chance(0.3)) }),
    },
    {
      kind: 'node-unindexed',
      begin: () =>
        changed(misleading(), {
          indexLagBlocks: random.between(0, 40),
          perMille: { absent: random.between(0, 300) },
        }),
    },
    {
      kind: 'status-cache-without-history',
      begin: () =>
        random.chance(0.5)
          ? changed(misleading(), { history: 'cache', emptyStatusCache: random.chance(0.5) })
          : changed(random.pick(nodes), {
              history: random.pick(['refuses', 50, 200] as const),
              emptyStatusCache: random.chance(0.5),
            }),
    },
    {
      kind: 'stray-blockhash',
      begin: () => changed(random.pick(nodes), { onStrayFork: true }),
    },
    {
      kind: 'node-on-abandoned-branch',
      begin: () => changed(misleading(), { onAbandonedFork: true }),
    },
  ];
}

function mannerTroubles({ random, nodes, outages, nowMs }: SolanaTroublePlace): Trouble[] {
  return [
    {
      kind: 'node-failing',
      begin: () =>
        changed(random.pick(nodes), {
          perMille: {
            timeout: random.between(0, 200),
            'lost-answer': random.between(0, 200),
            error: random.between(0, 300),
            malformed: random.between(0, 200),
          },
        }),
    },
    {
      kind: 'node-keeps-transactions',
      begin: () => {
        const forwards = random.pick(['never', 'last', random.between(1, 140)] as const);
        const some = random.chance(0.5) ? nodes : [random.pick(nodes)];
        for (const node of some) node.set({ forwards });
        return () => {
          for (const node of some) node.set({ forwards: 'at-once' });
        };
      },
    },
    {
      kind: 'method-outage',
      begin: () => {
        const untilMs = nowMs() + random.between(1, 2 * LONGEST_TROUBLE_MS);
        const methods = DEAR_METHODS.filter(() => random.chance(0.4));
        for (const node of nodes.filter(() => random.chance(0.7))) {
          for (const method of methods) outages.begin(node.name, method, untilMs);
        }
        return undefined;
      },
    },
  ];
}

function chainTroubles({ random, chain }: SolanaTroublePlace): Trouble[] {
  return [
    {
      kind: 'pool-forgets',
      begin: () => {
        for (const { signature } of chain.pool()) {
          if (random.chance(0.5)) chain.drop(signature);
        }
        return undefined;
      },
    },
    {
      kind: 'late-landing',
      begin: () => {
        for (const { signature } of chain.pool()) {
          if (!random.chance(0.7)) continue;
          chain.holdBack(signature, random.chance(0.3) ? 'last' : random.between(1, 140));
        }
        return undefined;
      },
    },
  ];
}

function tokenTroubles({ random, chain, issuer, recipients }: SolanaTroublePlace): Trouble[] {
  const token = (): 'USDT' | 'USDC' => random.pick(['USDT', 'USDC'] as const);
  return [
    {
      kind: 'recipient-blacklisted',
      begin: () => {
        const waiting = recipients();
        if (waiting.length === 0) return undefined;
        const [unlucky, freezing] = [random.pick(waiting), token()];
        issuer.freeze(freezing, unlucky);
        return random.chance(0.5) ? () => issuer.thaw(freezing, unlucky) : undefined;
      },
    },
    {
      kind: 'recipient-not-a-wallet',
      begin: () => {
        const waiting = recipients();
        if (waiting.length === 0) return undefined;
        const unlucky = random.pick(waiting);
        if (chain.account(unlucky) !== null) return undefined;
        const program = chain.account(chain.tokens.USDT.address);
        if (program !== null) chain.control.setAccount(unlucky, program);
        return undefined;
      },
    },
    {
      kind: 'token-paused',
      begin: () => {
        const frozen = token();
        issuer.freeze(frozen, issuer.treasury);
        return () => issuer.thaw(frozen, issuer.treasury);
      },
    },
  ];
}

import type {
  Lie,
  NodeFaults,
  SimulatedChain,
  SimulatedNode,
  SimulatedTokenName,
} from '../../harness/simulated-chain/simulated-chain.ts';
import { LONGEST_TROUBLE_MS, type Trouble, type TroublePlace } from '../simulated-network.ts';
import type { FrontRunner } from './front-runner.ts';
import type { Issuer } from './issuer.ts';

export interface EvmTroublePlace extends TroublePlace {
  readonly chain: SimulatedChain;
  readonly issuer: Issuer;
  readonly nodes: readonly SimulatedNode[];
  readonly frontRunner: FrontRunner;
}

/** More than any network's ceiling. */
const DEAREST_WEI = 20_000n * 10n ** 9n;

/** What goes wrong with the nodes, the chain and the tokens of an EVM network. */
export function createTroubles(place: EvmTroublePlace): Trouble[] {
  return [...nodeTroubles(place), ...chainTroubles(place)];
}

const LIES: readonly Lie[] = [
  'denies-receipts',
  'denies-spent',
  'claims-spent',
  'denies-logs',
  'other-hashes',
  'ahead-in-time',
];

export const DEAR_METHODS = [
  'eth_getLogs',
  'eth_getTransactionReceipt',
  'eth_getStorageAt',
  'eth_getBlockByNumber',
  'eth_call',
  'eth_sendRawTransaction',
];

function nodeTroubles(place: EvmTroublePlace): Trouble[] {
  const { random, nodes, outages, nowMs, mayMislead } = place;
  // One node of the three lies, knows less than it says, or is on a branch that was left. The others fail,
  // lag and stand still, but say nothing that is not so.
  const liar = random.pick(nodes);
  const change = (node: SimulatedNode, changes: Partial<NodeFaults>): (() => void) => {
    node.set(changes);
    return () => node.heal();
  };
  const ill = (changes: () => Partial<NodeFaults>) => (): (() => void) =>
    change(random.pick(nodes), changes());
  return [
    { kind: 'node-lagging', begin: ill(() => ({ lagBlocks: random.between(1, 30) })) },
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
      begin: () => change(liar, { lies: LIES.filter(() => random.chance(0.4)) }),
    },
    {
      kind: 'node-unindexed',
      begin: () =>
        change(mayMislead ? random.pick(nodes) : liar, {
          indexLagBlocks: random.between(0, 12),
          perMille: { unindexed: random.between(0, 300) },
        }),
    },
    {
      kind: 'node-failing',
      begin: ill(() => ({
        perMille: {
          timeout: random.between(0, 200),
          'lost-answer': random.between(0, 200),
          error: random.between(0, 300),
          malformed: random.between(0, 200),
        },
      })),
    },
    {
      kind: 'node-on-abandoned-branch',
      begin: () => change(mayMislead ? random.pick(nodes) : liar, { onAbandonedBranch: true }),
    },
    {
      kind: 'node-keeps-transactions',
      begin: ill(() => ({
        pool: {
          forBlocks: random.chance(0.3) ? null : random.between(1, 20),
          afterwards: random.pick(['forwards', 'forgets'] as const),
        },
      })),
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

function chainTroubles(place: EvmTroublePlace): Trouble[] {
  const { random, chain, issuer, recipients, frontRunner } = place;
  const token = (): SimulatedTokenName => random.pick(['USDT', 'USDC'] as const);
  return [
    {
      kind: 'pool-forgets',
      begin: () => {
        const pool = chain.pool();
        if (pool.length === 0 || random.chance(0.3)) chain.forget();
        else chain.forget(random.pick(pool).hash);
        return undefined;
      },
    },
    {
      kind: 'fee-spike',
      begin: () => {
        chain.setBaseFee(BigInt(random.between(1, 20)) * (DEAREST_WEI / 10n));
        return undefined;
      },
    },
    {
      kind: 'front-run',
      begin: () => {
        frontRunner.run();
        return undefined;
      },
    },
    {
      kind: 'recipient-blacklisted',
      begin: () => {
        const waiting = recipients();
        if (waiting.length === 0) return undefined;
        const [unlucky, listing] = [random.pick(waiting), token()];
        issuer.setListed(listing, unlucky, true);
        return random.chance(0.5) ? () => issuer.setListed(listing, unlucky, false) : undefined;
      },
    },
    {
      kind: 'token-paused',
      begin: () => {
        const paused = token();
        issuer.setPaused(paused, true);
        return () => issuer.setPaused(paused, false);
      },
    },
  ];
}

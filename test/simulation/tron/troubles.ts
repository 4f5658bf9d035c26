import type { BroadcastRefusal, NodeSwitches } from '../../../local-chains/tron/node-switches.ts';
import type { ForcedResult } from '../../../local-chains/tron/controls.ts';
import type { TronChain } from '../../../local-chains/tron/tron-chain.ts';
import { LONGEST_TROUBLE_MS, type Trouble, type TroublePlace } from '../simulated-network.ts';
import type { Blocks } from './blocks.ts';
import type { Issuer } from './issuer.ts';
import { WELL, type MoodyNode } from './moody-node.ts';

export interface TronTroublePlace extends TroublePlace {
  readonly chain: TronChain;
  readonly issuer: Issuer;
  readonly blocks: Blocks;
  readonly nodes: readonly MoodyNode[];
}

export const DEAR_PATHS = [
  'wallet/gettransactioninfobyid',
  'walletsolidity/gettransactioninfobyid',
  'walletsolidity/gettransactioninfobyblocknum',
  'wallet/getblock',
  'walletsolidity/getblock',
  'wallet/triggerconstantcontract',
  'wallet/broadcasthex',
];

/** What goes wrong with the nodes, the chain and the tokens of a Tron network. */
export function createTroubles(place: TronTroublePlace): Trouble[] {
  // One node of the three lies, knows less than it says, or is on a branch that was left. The others fail,
  // lag and stand still, but say nothing that is not so.
  const liar = place.random.pick(place.nodes);
  return [
    ...knowledgeTroubles(place, liar),
    ...mannerTroubles(place),
    ...sendingTroubles(place),
    ...chainTroubles(place),
    ...tokenTroubles(place),
  ];
}

/** Sets switches of a node, and puts those back to how a healthy one has them. */
function changed(node: MoodyNode, changes: Partial<NodeSwitches>): () => void {
  node.set(changes);
  const well = Object.fromEntries(
    Object.keys(changes).map((key) => [key, WELL[key as keyof NodeSwitches]]),
  );
  return () => node.set(well);
}

function knowledgeTroubles(place: TronTroublePlace, liar: MoodyNode): Trouble[] {
  const { random, nodes, mayMislead, chain, blocks } = place;
  const misleading = (): MoodyNode => (mayMislead ? random.pick(nodes) : liar);
  return [
    {
      kind: 'node-lagging',
      begin: () =>
        changed(random.pick(nodes), {
          lagBlocks: random.between(0, 30),
          solidityLagBlocks: random.between(0, 10),
          stateLagBlocks: random.between(0, 5),
        }),
    },
    { kind: 'node-stalled', begin: () => changed(random.pick(nodes), { frozen: true }) },
    {
      kind: 'node-lying',
      begin: () => {
        const lie = random.between(0, 3);
        if (lie === 0) return changed(liar, { deniesAll: true });
        if (lie === 1) return changed(liar, { deniesSolid: chain.truth.pooled() });
        if (lie === 2) return changed(liar, { denies: chain.truth.pooled() });
        liar.setMoods({ empty: random.between(100, 900) });
        return () => liar.setMoods({});
      },
    },
    {
      kind: 'node-unindexed',
      begin: () => {
        const forgetsBelow = Math.max(0, chain.truth.head().number - random.between(0, 40));
        return changed(misleading(), random.pick([{ withoutInfo: true }, { forgetsBelow }]));
      },
    },
    {
      kind: 'node-on-abandoned-branch',
      begin: () => {
        const node = misleading();
        blocks.strand(node);
        return () => node.set({ frozen: false });
      },
    },
  ];
}

function mannerTroubles({ random, nodes, outages, nowMs }: TronTroublePlace): Trouble[] {
  return [
    {
      kind: 'node-failing',
      begin: () => {
        const node = random.pick(nodes);
        node.setMoods({
          silent: random.between(0, 200),
          refused: random.between(0, 100),
          overloaded: random.between(0, 200),
          unavailable: random.between(0, 100),
          broken: random.between(0, 100),
          garbled: random.between(0, 200),
        });
        return () => node.setMoods({});
      },
    },
    {
      kind: 'method-outage',
      begin: () => {
        const untilMs = nowMs() + random.between(1, 2 * LONGEST_TROUBLE_MS);
        const paths = DEAR_PATHS.filter(() => random.chance(0.4));
        for (const node of nodes.filter(() => random.chance(0.7))) {
          for (const path of paths) outages.begin(node.name, path, untilMs);
        }
        return undefined;
      },
    },
  ];
}

const REFUSALS: readonly BroadcastRefusal[] = [
  'CONTRACT_VALIDATE_ERROR',
  'BANDWITH_ERROR',
  'DUP_TRANSACTION_ERROR',
  'TAPOS_ERROR',
  'TRANSACTION_EXPIRATION_ERROR',
  'SERVER_BUSY',
  'NO_CONNECTION',
  'BLOCK_UNSOLIDIFIED',
  'OTHER_ERROR',
];

function sendingTroubles({ random, nodes }: TronTroublePlace): Trouble[] {
  return [
    {
      kind: 'node-keeps-transactions',
      begin: () =>
        random.chance(0.5)
          ? changed(random.pick(nodes), { keepsToItself: true })
          : changed(random.pick(nodes), { deafToGossip: true }),
    },
    {
      kind: 'busy-after-accept',
      begin: () => {
        const afterAccept = random.pick(['SERVER_BUSY', 'silent', ...REFUSALS] as const);
        // A gateway in front of all of them says it as often as one of them does.
        const repairs = (random.chance(0.5) ? nodes : [random.pick(nodes)]).map((node) =>
          changed(node, { afterAccept }),
        );
        return () => {
          for (const repair of repairs) repair();
        };
      },
    },
    {
      kind: 'broadcast-refused',
      begin: () =>
        changed(random.pick(nodes), {
          refuses: random.pick(REFUSALS),
          remembersRefused: random.chance(0.5),
        }),
    },
    {
      kind: 'broadcast-lost',
      begin: () => changed(random.pick(nodes), { losesBroadcasts: true }),
    },
    {
      kind: 'expired-on-one-node',
      // It takes what others have passed on as little as what is sent to it.
      begin: () =>
        changed(random.pick(nodes), {
          clockAheadMs: random.between(1, 20) * 10_000,
          deafToGossip: true,
        }),
    },
  ];
}

function chainTroubles({ random, chain }: TronTroublePlace): Trouble[] {
  const { truth, controls } = chain;
  return [
    {
      kind: 'pool-forgets',
      begin: () => {
        for (const txid of truth.pooled()) {
          if (random.chance(0.5)) controls.dropFromPool(txid);
        }
        return undefined;
      },
    },
    {
      kind: 'late-landing',
      begin: () => {
        const held = truth.pooled().filter(() => random.chance(0.7));
        for (const txid of held) controls.holdBack(txid, true);
        return () => {
          for (const txid of held) controls.holdBack(txid, false);
        };
      },
    },
    {
      kind: 'fee-spike',
      begin: () => {
        controls.setParameter('getEnergyFee', 100 * random.between(1, 40));
        return () => controls.setParameter('getEnergyFee', 100);
      },
    },
  ];
}

const FAILURES: readonly ForcedResult[] = [
  'REVERT',
  'OUT_OF_ENERGY',
  'OUT_OF_TIME',
  'ILLEGAL_OPERATION',
  'UNKNOWN',
];

function tokenTroubles({ random, chain, issuer, recipients }: TronTroublePlace): Trouble[] {
  const token = (): 'USDT' | 'USDC' => random.pick(['USDT', 'USDC'] as const);
  const address = (): string => chain.truth.tokenAddress(token());
  return [
    {
      kind: 'execution-fails',
      begin: () => {
        const count = random.between(1, 4);
        chain.controls.forceNextResults(address(), random.pick(FAILURES), count);
        return undefined;
      },
    },
    {
      kind: 'energy-penalty',
      begin: () => {
        const penalised = address();
        chain.controls.setEnergyFactor(penalised, random.between(0, 34_000));
        return () => chain.controls.setEnergyFactor(penalised, 0);
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

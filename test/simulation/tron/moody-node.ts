import type { SeededRandom } from '../../harness/seeded-random.ts';
import type { NodeManners, NodeSwitches } from '../../../local-chains/tron/node-switches.ts';
import type { TronNode } from '../../../local-chains/tron/node.ts';

/** A node of the local chain that answers now in one manner and now in another, by shares. */
export interface MoodyNode extends Pick<TronNode, 'name' | 'post' | 'set'> {
  /** Shares of its answers, in thousandths, by how it gives them. */
  readonly setMoods: (perMille: Readonly<Partial<Record<NodeManners, number>>>) => void;
  readonly heal: () => void;
  /** How often each kind of fault has struck an answer. */
  readonly struck: () => Readonly<Record<string, number>>;
}

export const WELL: NodeSwitches = {
  lagBlocks: 0,
  solidityLagBlocks: 0,
  stateLagBlocks: 0,
  frozen: false,
  manners: 'well',
  afterAccept: 'says so',
  refuses: null,
  remembersRefused: false,
  losesBroadcasts: false,
  keepsToItself: false,
  clockAheadMs: 0,
  deafToGossip: false,
  denies: [],
  deniesSolid: [],
  deniesAll: false,
  forgetsBelow: 0,
  withoutInfo: false,
};

export function createMoodyNode(node: TronNode, random: SeededRandom): MoodyNode {
  let moods: Readonly<Partial<Record<NodeManners, number>>> = {};
  const counts: Record<string, number> = {};
  const draw = (): NodeManners => {
    let left = random.between(0, 999);
    for (const [manners, share] of Object.entries(moods) as [NodeManners, number][]) {
      left -= share;
      if (left < 0) return manners;
    }
    return 'well';
  };
  return {
    name: node.name,
    set: (changes) => node.set(changes),
    setMoods: (perMille) => {
      moods = perMille;
    },
    heal: () => {
      moods = {};
      node.set(WELL);
    },
    post: async (path, body) => {
      const manners = Object.keys(moods).length === 0 ? 'well' : draw();
      if (manners !== 'well') counts[manners] = (counts[manners] ?? 0) + 1;
      node.set({ manners });
      return await node.post(path, body);
    },
    struck: () => counts,
  };
}

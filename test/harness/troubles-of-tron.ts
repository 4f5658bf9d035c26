import { HONEST } from '../../local-chains/tron/node-view.ts';
import type { NodeSwitches } from '../../local-chains/tron/node-switches.ts';
import type { Json } from '../../src/base/json.ts';
import type { LocalTroubles, TroublePlace } from './local-troubles.ts';

const TROUBLES: readonly Partial<NodeSwitches>[] = [
  { manners: 'silent' },
  { manners: 'refused' },
  { manners: 'overloaded' },
  { manners: 'unavailable' },
  { manners: 'broken' },
  { manners: 'garbled' },
  { lagBlocks: 4 },
  { solidityLagBlocks: 10 },
  { frozen: true },
  { afterAccept: 'SERVER_BUSY' },
  { afterAccept: 'silent' },
  { afterAccept: 'DUP_TRANSACTION_ERROR' },
  { afterAccept: 'TRANSACTION_EXPIRATION_ERROR' },
  { refuses: 'TRANSACTION_EXPIRATION_ERROR' },
  { refuses: 'SERVER_BUSY', remembersRefused: true },
  { losesBroadcasts: true },
  { keepsToItself: true },
  { deafToGossip: true },
  { withoutInfo: true },
];

const LIES: readonly Partial<NodeSwitches>[] = [{ deniesAll: true }, { manners: 'empty' }];

interface Truth {
  readonly head: { readonly number: number };
  readonly solidified: { readonly number: number };
  readonly pooled: readonly string[];
}

const LONGEST_HELD_TURNS = 60;

export function tronTroubles({ chain, random, deepest }: TroublePlace): LocalTroubles {
  /** With the turns until they are let go. */
  const held = new Map<string, number>();
  const truth = async (): Promise<Truth> => (await chain.control('truth', {})) as Truth;
  const letGo = async (txid: string): Promise<void> => {
    held.delete(txid);
    await chain.control('holdBack', { txid, held: false });
  };
  const set = async (name: string, switches: Partial<NodeSwitches>): Promise<string> => {
    await chain.control('node', { name, switches: { ...HONEST, ...switches } as unknown as Json });
    return Object.entries(switches)
      .map(([key, value]) => `${key} ${String(value)}`)
      .join(', ');
  };
  return {
    async produceBlock() {
      for (const [txid, turns] of held) {
        if (turns === 0) await letGo(txid);
        else held.set(txid, turns - 1);
      }
      await chain.control('produceBlock', {});
    },
    async reorganise() {
      const { head, solidified } = await truth();
      const blocks = random.between(1, Math.min(deepest, head.number - solidified.number));
      const transactions = random.pick(['return', 'drop'] as const);
      await chain.control('reorganise', { blocks, transactions, replace: true });
      return `reorganised: ${transactions}`;
    },
    async meddle() {
      const { pooled } = await truth();
      const waiting = pooled.filter((txid) => !held.has(txid));
      if (waiting.length === 0) return null;
      const txid = random.pick(waiting);
      if (random.chance(0.5)) {
        await chain.control('dropFromPool', { txid });
        return 'dropped';
      }
      held.set(txid, random.between(5, LONGEST_HELD_TURNS));
      await chain.control('holdBack', { txid, held: true });
      return 'held back';
    },
    release: async () => {
      for (const txid of held.keys()) await letGo(txid);
    },
    heal: async (node) => {
      await set(node, {});
    },
    trouble: async (node) => await set(node, random.pick(TROUBLES)),
    mislead: async (node) => await set(node, random.pick(LIES)),
  };
}

import type { PooledTransaction } from '../../local-chains/bitcoin/bitcoin-chain.ts';
import type { Json } from '../../src/base/json.ts';
import type { LocalTroubles, TroublePlace } from './local-troubles.ts';

/** The fields of NodeFaults, amounts as text. */
const TROUBLES: readonly { readonly [name: string]: Json }[] = [
  { always: 'silence' },
  { always: 'busy' },
  { always: 'error' },
  { always: 'lost-answer' },
  { always: 'malformed' },
  { lagBlocks: 2 },
  { relay: 'own' },
  { relay: 'deaf' },
  { prunedBelowDepth: 3 },
  { mempoolMinSatPerKvb: '60000' },
];

/** Of all that was ever seen, so many of the newest are looked at. */
const NEWEST = 30;
const LONGEST_HELD_TURNS = 15;

export function bitcoinTroubles({ chain, random, deepest }: TroublePlace): LocalTroubles {
  /** With the turns until a block may hold them. Long enough for Knit to replace them. */
  const held = new Map<string, number>();
  const pool = async (): Promise<readonly PooledTransaction[]> =>
    (await chain.control('pool', {})) as readonly PooledTransaction[];
  const newestSeen = async (): Promise<readonly string[]> =>
    ((await chain.control('everSeen', {})) as readonly string[]).slice(-NEWEST);
  /** In no block and in no pool: replaced, evicted, or forgotten with a branch. */
  const gone = async (): Promise<readonly string[]> => {
    const waiting = new Set((await pool()).map(({ txid }) => txid));
    const found: string[] = [];
    for (const txid of await newestSeen()) {
      if (waiting.has(txid)) continue;
      if ((await chain.control('placeOf', { txid })) === null) found.push(txid);
    }
    return found;
  };
  const set = async (node: string, faults: { readonly [name: string]: Json }): Promise<string> => {
    await chain.control('heal', { node });
    await chain.control('setNode', { node, faults: { always: null, ...faults } });
    return Object.entries(faults)
      .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
      .join(', ');
  };
  /** What pays again is put into a block first; its conflicts leave the pool. */
  const revive = async (what: 'produceBlock' | 'reorganise', body: object): Promise<boolean> => {
    const versions = await gone();
    if (versions.length === 0) return false;
    try {
      await chain.control(what, { ...body, include: [random.pick(versions)] });
      return true;
    } catch {
      // Its coins are spent in a block that stays.
      return false;
    }
  };
  return {
    async produceBlock() {
      for (const [txid, turns] of held) {
        if (turns === 0) held.delete(txid);
        else held.set(txid, turns - 1);
      }
      await chain.control('produceBlock', { exclude: [...held.keys()] });
    },
    async reorganise() {
      const transactions = random.pick(['return', 'forget', 'remine'] as const);
      const body = { depth: random.between(1, deepest), transactions };
      if (transactions === 'forget' && (await revive('reorganise', body))) {
        return 'reorganised: revived an older version';
      }
      await chain.control('reorganise', body);
      return `reorganised: ${transactions}`;
    },
    async meddle() {
      if (random.chance(0.3)) return (await revive('produceBlock', {})) ? 'revived' : null;
      const waiting = (await pool()).filter(({ txid }) => !held.has(txid));
      if (waiting.length === 0) return null;
      const { txid } = random.pick(waiting);
      if (random.chance(0.3)) {
        await chain.control('evict', { txid });
        return 'evicted';
      }
      held.set(txid, random.between(3, LONGEST_HELD_TURNS));
      return 'held back';
    },
    release: async () => {
      held.clear();
      await Promise.resolve();
    },
    heal: async (node) => {
      await set(node, {});
    },
    trouble: async (node) => await set(node, random.pick(TROUBLES)),
    async mislead(node) {
      const denies = (await newestSeen()).filter(() => random.chance(0.6));
      await set(node, { denies });
      return 'denies';
    },
  };
}

import { present } from '../../../src/base/assert.ts';
import type {
  BitcoinChain,
  ChainBlock,
  ReorganiseOptions,
} from '../../../local-chains/bitcoin/bitcoin-chain.ts';
import { parseTransaction } from '../../../local-chains/bitcoin/transaction.ts';
import type { SeededRandom } from '../../harness/seeded-random.ts';
import type { Abandoned, BlockPlace } from '../simulated-network.ts';
import type { MoodyNode } from './moody-node.ts';
import type { Payments } from './payments.ts';
import type { Treasury } from './treasury.ts';

/** Longer than settlement waits before it pays more. */
const LONGEST_HELD_MS = 900_000;

/** How the chain goes on, with what befalls it on the way. */
export interface Blocks {
  readonly make: (place: BlockPlace) => bigint;
  readonly breakFinality: (place: BlockPlace) => Abandoned;
  /** The node stays where it is when the chain is next reorganised. */
  readonly strand: (node: MoodyNode) => void;
  /** Miners take nothing that pays less than this. */
  readonly setFloor: (satPerKvb: bigint) => void;
  /** Ids of what persons have made. */
  readonly madeByHand: () => readonly string[];
  readonly calm: () => void;
}

export function createBlocks(
  chain: BitcoinChain,
  place: {
    readonly treasury: Treasury;
    readonly payments: Payments;
    readonly confirmations: number;
    readonly nowMs: () => number;
  },
): Blocks {
  const { treasury, payments, confirmations, nowMs } = place;
  let stranded: MoodyNode[] = [];
  const byHand: string[] = [];
  const heldUntil = new Map<string, number>();
  let floorSatPerKvb = 0n;
  const tip = (): ChainBlock => chain.truth.tip();
  const isOwn = (txid: string): boolean => payments.coinsSpentBy(txid).length > 0;
  /** Of the treasury, in no block: in the pool, replaced or forgotten. */
  const adrift = (): string[] =>
    chain.everSeen().filter((txid) => chain.truth.placeOf(txid) === null && isOwn(txid));
  const sharesCoin = (one: string, other: string): boolean => {
    const coins = payments.coinsSpentBy(one).map(({ txid, vout }) => `${txid}:${vout}`);
    return payments.coinsSpentBy(other).some(({ txid, vout }) => coins.includes(`${txid}:${vout}`));
  };
  const leftOut = (): string[] => {
    const cheap = chain
      .pool()
      .filter(({ txid }) => isOwn(txid))
      .filter(({ feeUnits, vbytes }) => (feeUnits * 1_000n) / BigInt(vbytes) < floorSatPerKvb);
    const held = [...heldUntil].filter(([, untilMs]) => untilMs > nowMs());
    return [...cheap.map(({ txid }) => txid), ...held.map(([txid]) => txid)];
  };
  const reorganise = (random: SeededRandom, depth: number): bigint => {
    const since = tip().height - depth + 1;
    for (const node of stranded) node.set({ stalledAt: tip().hash });
    stranded = [];
    const transactions = random.pick(['return', 'forget', 'remine'] as const);
    const gone = Array.from({ length: depth }, (_, back) =>
      chain.truth.blockAt(tip().height - back),
    ).flatMap((block) => block?.txids.slice(1) ?? []);
    // Now and then the other branch has another version of what this one had.
    const swaps = random.chance(0.7) ? gone.filter(isOwn) : [];
    const rivals = adrift().filter((txid) => swaps.some((swap) => sharesCoin(swap, txid)));
    const others = rivals.length === 0 ? [] : [random.pick(rivals)];
    const { depth: _, ...how } = { depth, transactions };
    tryInTurn(
      [{ ...how, exclude: swaps, include: others }, { ...how, exclude: swaps }, how],
      (options) => chain.reorganise({ depth, ...options }),
    );
    return BigInt(since);
  };
  /** Miners leave out what is new: others pay more. A replacement is another thing to them. */
  const holdBack = ({ random, faults }: BlockPlace): void => {
    const fresh = chain.pool().filter(({ txid }) => isOwn(txid) && !heldUntil.has(txid));
    if (fresh.length === 0 || !faults.strikes('outbid-by-others')) return;
    for (const { txid } of fresh) {
      if (random.chance(0.8)) heldUntil.set(txid, nowMs() + random.between(1, LONGEST_HELD_MS));
    }
  };
  /** A person spends a coin of what waits, back to the treasury. */
  const spendByHand = (random: SeededRandom): void => {
    const own = chain.pool().filter(({ txid }) => isOwn(txid) && !byHand.includes(txid));
    if (own.length === 0) return;
    const { txid, feeUnits } = random.pick(own);
    const coin = random.pick(payments.coinsSpentBy(txid));
    const feeOfHand = feeUnits * 2n + 2_000n;
    if (coin.units < 2n * feeOfHand) return;
    const raw = treasury.spendToItself(coin, feeOfHand);
    byHand.push(parseTransaction(Uint8Array.from(Buffer.from(raw, 'hex'))).txid);
    // Now and then it comes to some nodes, and never to the miners.
    const names = chain.nodes().map(({ name }) => name);
    if (random.chance(0.5)) chain.deliver(raw);
    else
      chain.deliver(
        raw,
        names.filter(() => random.chance(0.7)),
      );
  };
  const mine = ({ random, faults }: BlockPlace): void => {
    const waiting = chain.pool().map(({ txid }) => txid);
    const older = (): string[] => adrift().filter((txid) => !waiting.includes(txid));
    const revived = faults.strikes('older-version-revived') ? older() : [];
    const include = revived.length === 0 ? [] : [random.pick(revived)];
    const withheld = faults.strikes('blocks-withheld') ? waiting : [];
    const left = withheld.filter(() => random.chance(0.6));
    const exclude = [...leftOut(), ...left].filter((txid) => !include.includes(txid));
    tryInTurn([{ include, exclude }, { exclude }, {}], (template) => chain.produceBlock(template));
  };
  return {
    make: (blockPlace) => {
      const { random, faults } = blockPlace;
      if (faults.strikes('reorg')) {
        return reorganise(random, random.between(1, confirmations - 1));
      }
      holdBack(blockPlace);
      mine(blockPlace);
      const waits = chain.pool().some(({ txid }) => isOwn(txid));
      if (waits && faults.strikes('key-used-by-hand')) spendByHand(random);
      return BigInt(tip().height);
    },
    breakFinality: ({ random }) => {
      const final = tip().height - confirmations + 1;
      const first = reorganise(random, confirmations - 1 + random.between(1, 4));
      return { from: first, to: BigInt(final) };
    },
    strand: (node) => {
      stranded.push(node);
    },
    setFloor: (satPerKvb) => {
      floorSatPerKvb = satPerKvb;
    },
    madeByHand: () => byHand,
    calm: () => {
      heldUntil.clear();
      floorSatPerKvb = 0n;
      stranded = [];
    },
  };
}

/** What a block cannot hold (its coins are spent) is refused: then less is asked for. */
function tryInTurn<T extends Partial<ReorganiseOptions>>(
  wishes: readonly T[],
  make: (wish: T) => unknown,
): void {
  const [wish, ...rest] = wishes;
  try {
    make(present(wish, 'the last wish is granted'));
  } catch (error) {
    if (rest.length === 0) throw error;
    tryInTurn(rest, make);
  }
}

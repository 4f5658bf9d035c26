import type {
  AttemptToFollow,
  NetworkDriver,
  SigningOrder,
  Sighting,
} from '../../../src/networks/network.ts';
import { SigningPostponed } from '../../../src/networks/network.ts';
import { parseTransaction } from '../../../local-chains/bitcoin/transaction.ts';
import { through } from '../careless-statements.ts';
import type { Plant, PlantTools } from '../plant.ts';

export const replacementWithOtherCoins: Plant = {
  name: 'bitcoin-replacement-with-other-coins',
  family: 'bitcoin',
  mistake:
    'What has waited for too long is signed again as if for the first time: the same payouts, and whatever coins are free. Removes the coins that every version shares.',
  driver: (driver) => {
    const signed = new Map<bigint, SigningOrder>();
    return {
      ...driver,
      sign: async (order) => {
        signed.set(order.lane.sequence, order);
        return await driver.sign(order);
      },
      replace: async (transaction, by, known) => {
        const order = signed.get(transaction.sequence);
        if (order === undefined) return await driver.replace(transaction, by, known);
        const nothingElse = { unitsOnTheWay: 0n, taken: known.taken };
        const { plan, payable } = await driver.inspect(order.orders, nothingElse);
        if (plan === null || payable.length < order.orders.length) {
          throw new SigningPostponed('there are no other coins');
        }
        return (await driver.sign({ ...order, plan })).transaction;
      },
    };
  },
};

/** A driver that believes a death too early, and takes the coins of what it calls dead for spent. */
function believing(
  driver: NetworkDriver,
  isDead: (attempt: AttemptToFollow) => Promise<Sighting | null>,
): NetworkDriver {
  const spent = new Set<string>();
  return {
    ...driver,
    inspect: async (orders, known) =>
      await driver.inspect(orders, { ...known, taken: [...known.taken, ...spent] }),
    status: async (attempt) => {
      const death = await isDead(attempt);
      if (death === null) return await driver.status(attempt);
      for (const coin of coinsOf(attempt)) spent.add(coin);
      return death;
    },
  };
}

function coinsOf({ authority }: AttemptToFollow): string[] {
  const { inputs } = parseTransaction(Uint8Array.from(authority));
  return inputs.map(({ txid, vout }) => `${txid}:${vout}`);
}

export const unconfirmedConflictAsDeath: Plant = {
  name: 'bitcoin-unconfirmed-conflict-as-death',
  family: 'bitcoin',
  mistake:
    'What spends a coin of an attempt in the mempool of one node, and is none of its versions, has taken its place: the payouts are signed for anew. Removes the block that a death needs, its depth, and the quorum.',
  driver: (driver, tools) =>
    believing(driver, async (attempt) => {
      const hasConflict = await isSpentInMempool(attempt, tools).catch(() => false);
      if (!hasConflict) return null;
      const reason = 'Something else spends its coins.';
      return { kind: 'dead', reason, proof: { planted: true }, takenBy: null };
    }),
};

async function isSpentInMempool(
  attempt: AttemptToFollow,
  { endpoints, random }: PlantTools,
): Promise<boolean> {
  const endpoint = random.pick(endpoints);
  for (const txid of attempt.transactionHashes) {
    const entry = await endpoint.request('getmempoolentry', [txid]).catch(() => null);
    if (entry !== null) return false;
  }
  for (const coin of coinsOf(attempt)) {
    const [txid = '', vout = ''] = coin.split(':');
    const inBlocks = await endpoint.request('gettxout', [txid, Number(vout), false]);
    const withPool = await endpoint.request('gettxout', [txid, Number(vout), true]);
    if (inBlocks !== null && withPool === null) return true;
  }
  return false;
}

export const coinsNotLocked: Plant = {
  name: 'bitcoin-coins-not-locked',
  family: 'bitcoin',
  mistake:
    'A coin is taken by whoever signs for it. Removes what the database says when another has taken it since it was chosen, and the look at what else was signed for meanwhile.',
  database: (database) =>
    through(
      database,
      (text) => text,
      (text, rows, values) => {
        if (!/SELECT coin FROM settlement_coins[^]*coin = ANY/.test(text)) return rows;
        return (values[1] as readonly string[]).map((coin) => ({ coin }));
      },
    ),
};

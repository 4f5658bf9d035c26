import { describe, expect, it } from 'vitest';
import { taprootSigner } from '../../../test/harness/bitcoin-keys.ts';
import {
  BTC,
  recipient,
  startBitcoinWorld,
  toFollow,
  type BitcoinWorld,
} from '../../../test/harness/bitcoin-world.ts';
import { createSeededRandom, type SeededRandom } from '../../../test/harness/seeded-random.ts';
import {
  SigningPostponed,
  type NewTransaction,
  type SignedAttempt,
  type TransferOrder,
} from '../network.ts';
import { parseOutpoint } from './coin.ts';
import { scriptOfAddress } from './script.ts';
import { signPayment } from './sign-inputs.ts';
import { treasuryKeyOf } from './treasury-key.ts';

const STEPS = 45;
const SEEDS = Array.from({ length: 16 }, (_, index) => index + 1);

interface Open {
  readonly attempt: SignedAttempt;
  readonly orders: readonly TransferOrder[];
  /** Oldest first. */
  readonly versions: NewTransaction[];
}

/** Settlement in small: what is open locks its coins, and ends only by what the driver proves. */
interface Walk extends BitcoinWorld {
  readonly random: SeededRandom;
  open: Open[];
  readonly ended: { readonly kind: 'final' | 'dead'; readonly hash: string }[];
  orders: number;
  strangers: number;
}

function takenOf(walk: Walk): string[] {
  return walk.open.flatMap(({ versions }) => versions.flatMap(({ spends }) => spends));
}

function hexOf({ rawTransaction }: { readonly rawTransaction: Uint8Array }): string {
  return Buffer.from(rawTransaction).toString('hex');
}

async function signNew(walk: Walk): Promise<void> {
  const orders = Array.from({ length: walk.random.between(1, 3) }, () => {
    walk.orders += 1;
    return walk.order(walk.orders, BigInt(walk.random.between(100_000, 9_000_000)));
  });
  const known = { unitsOnTheWay: 0n, taken: takenOf(walk) };
  const { payable, plan } = await walk.driver.inspect(orders, known);
  if (plan === null) return;
  const lane = { sender: walk.driver.treasury, sequence: BigInt(walk.orders) };
  const attempt = await walk.driver.sign({ orders: payable, number: lane.sequence, plan, lane });
  const isLocked = attempt.transaction.spends.some((coin) => known.taken.includes(coin));
  expect(isLocked).toBe(false);
  walk.open.push({ attempt, orders: payable, versions: [attempt.transaction] });
}

async function replaceOne(walk: Walk): Promise<void> {
  if (walk.open.length === 0) return;
  const { versions } = walk.random.pick(walk.open);
  const newest = versions.at(-1);
  if (newest === undefined) return;
  try {
    versions.push(await walk.driver.replace(newest, 'itself', { taken: takenOf(walk) }));
  } catch (error) {
    if (!(error instanceof SigningPostponed)) throw error;
  }
}

async function broadcastOne(walk: Walk): Promise<void> {
  if (walk.open.length === 0) return;
  const version = walk.random.pick(walk.random.pick(walk.open).versions);
  await walk.driver.broadcast(version.rawTransaction);
}

/** Somebody with the key takes a coin of an attempt, and a miner puts that into a block, or an old version. */
async function mineSomethingElse(walk: Walk): Promise<void> {
  if (walk.open.length === 0) return;
  const { versions, attempt } = walk.random.pick(walk.open);
  const coin = walk.random.pick(attempt.transaction.spends);
  const { txid, vout } = parseOutpoint(coin);
  const output = walk.chain.truth
    .outputsTo(walk.script)
    .find((each) => each.txid === txid && each.vout === vout);
  const isSpent = walk.chain.truth.spendOf({ txid, vout }) !== null;
  if (output === undefined || isSpent) return;
  walk.clock.advance(600_000);
  if (walk.random.chance(0.6)) {
    walk.chain.produceBlock({ include: [hexOf(walk.random.pick(versions))] });
    return;
  }
  walk.strangers += 1;
  const { rawTransaction } = await signPayment(treasuryKeyOf(taprootSigner('treasury')), {
    coins: [{ outpoint: coin, units: output.units }],
    outputs: [{ units: output.units - 20_000n, script: scriptOfAddress(recipient(9_999)) }],
    mostFeeUnits: 20_000n,
  });
  walk.chain.produceBlock({ include: [hexOf({ rawTransaction })] });
}

/** Not so deep that what was final goes: that is for a person. */
function reorganise({ chain, random, clock }: Walk): void {
  clock.advance(60_000);
  const transactions = random.pick(['return', 'forget', 'remine'] as const);
  try {
    chain.reorganise({ depth: random.between(1, 4), transactions });
  } catch {
    // What would be mined again may exclude what is mined by now.
  }
}

function trouble({ nodes, random, open }: Walk): void {
  const node = random.pick(nodes);
  const hashes = open.flatMap(({ versions }) => versions.map((each) => each.transactionHash));
  const faults = [
    () => node.heal(),
    () => node.heal(),
    () => node.set({ lagBlocks: random.between(1, 3) }),
    () => node.set({ always: random.pick(['silence', 'error', 'malformed', 'busy'] as const) }),
    () => node.set({ denies: hashes.length === 0 ? [] : [random.pick(hashes)] }),
    () => node.set({ relay: random.pick(['own', 'deaf', 'gossip'] as const) }),
  ];
  random.pick(faults)();
}

async function step(walk: Walk): Promise<void> {
  const { random, chain } = walk;
  const choice = random.between(0, 99);
  if (choice < 20) await signNew(walk);
  else if (choice < 45) await broadcastOne(walk);
  else if (choice < 55) await replaceOne(walk);
  else if (choice < 75) walk.mine(random.between(1, 2));
  else if (choice < 82) await mineSomethingElse(walk);
  else if (choice < 88) reorganise(walk);
  else if (choice < 90) chain.fund(walk.script, BigInt(random.between(1_000_000, 50_000_000)));
  else trouble(walk);
}

/** What ends an attempt has to be true of the chain itself, six blocks deep, whatever the nodes have said. */
async function followAll(walk: Walk): Promise<void> {
  const { truth } = walk.chain;
  for (const open of walk.open) {
    const { attempt, orders, versions } = open;
    const hashes = versions.map(({ transactionHash }) => transactionHash).toReversed();
    const sighting = await walk.driver.status(toFollow(attempt, orders, hashes));
    if (sighting.kind !== 'final' && sighting.kind !== 'dead') continue;
    const hash = sighting.kind === 'final' ? sighting.transactionHash : sighting.takenBy;
    expect(truth.placeOf(hash ?? '')?.depth).toBeGreaterThanOrEqual(6);
    expect(hashes.includes(hash ?? '')).toBe(sighting.kind === 'final');
    walk.ended.push({ kind: sighting.kind, hash: hash ?? '' });
    walk.open = walk.open.filter((each) => each !== open);
  }
}

describe('a walk through all that can happen', () => {
  it.each(SEEDS)('ends attempts as the chain has ended them: seed %i', async (seed) => {
    const world = await startBitcoinWorld({ nodeCount: 3 });
    const random = createSeededRandom(seed);
    const walk: Walk = { ...world, random, open: [], ended: [], orders: 0, strangers: 0 };
    walk.fund(50_000_000n, 40_000_000n, 30_000_000n, 20_000_000n);
    for (let count = 0; count < STEPS; count += 1) {
      await step(walk);
      await followAll(walk);
    }
    for (const node of walk.nodes) node.heal();
    for (const { versions } of walk.open) {
      const newest = versions.at(-1);
      if (newest !== undefined) await walk.driver.broadcast(newest.rawTransaction);
    }
    walk.mine(8);
    await followAll(walk);
    const { truth } = walk.chain;
    for (const { versions } of walk.open) {
      const isThere = versions.some(
        ({ transactionHash }) => truth.placeOf(transactionHash) !== null,
      );
      expect(isThere).toBe(false);
    }
    await expectBooks(walk);
  });
});

/** Every satoshi that came or went is a movement, and each payout left once. */
async function expectBooks({ driver, chain, script, ended }: Walk): Promise<void> {
  const { final } = await driver.head();
  const movements = await driver.movements(BTC, { from: 0n, to: final.number });
  const sum = movements.reduce(
    (total, { direction, units }) => (direction === 'in' ? total + units : total - units),
    0n,
  );
  expect(await driver.unitsAt(BTC, final.number)).toBe(sum);
  const paid = movements.filter(
    ({ direction, kind, counterparty }) =>
      direction === 'out' && kind === 'transfer' && counterparty !== recipient(9_999),
  );
  const recipients = paid.map(({ counterparty }) => counterparty);
  expect(new Set(recipients).size).toBe(recipients.length);
  const landed = new Set(ended.filter(({ kind }) => kind === 'final').map(({ hash }) => hash));
  const carriers = new Set(paid.map(({ transactionHash }) => transactionHash));
  expect(carriers).toEqual(landed);
  expect(chain.truth.unitsOf(script)).toBeGreaterThanOrEqual(0n);
}

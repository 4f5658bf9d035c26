import { formatUnits } from '../../money/amount.ts';
import type { Asset } from '../../money/asset.ts';
import {
  ChainMismatch,
  SigningPostponed,
  type Inspection,
  type TransferOrder,
} from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import {
  batchGasLimit,
  GAS_PER_ITEM_CEILING,
  GAS_PER_ITEM_FLOOR,
  gasPerItemFor,
  itemsGasOf,
  itemsWithin,
} from './batch-gas.ts';
import { quoteFees, TRANSACTION_GAS_CAP } from './fees.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { findObstacle, judgeOrder, nameOf, type Judgement } from './judge-order.ts';
import type { EvmNode } from './node.ts';
import { assetOfOrders, ITEM_UNITS_LIMIT, itemOf } from './orders-of-batch.ts';
import type { Payer } from './payer.ts';
import { probeBatch, type ProbedItem } from './probe.ts';
import { contractOf, describeRevert, lowerAddress, readBalance, readFeeRate } from './token.ts';
import { readSetUp } from './treasury-code.ts';

/** So many orders that the probe would not pay are looked at closely at once; others wait their turn. */
const MOST_JUDGED = 16;

/** So often is a batch probed again without what it could not hold. */
const MOST_PROBES = 6;

/** What has been decided of some orders; the rest of them is `open`, in its order. */
interface Sorting {
  readonly asset: Asset;
  readonly open: TransferOrder[];
  readonly refused: Inspection['refused'][number][];
  readonly waiting: Inspection['waiting'][number][];
  readonly left: string[];
  /** What the treasury holds beyond what is on the way; 0 until it was read. */
  freeUnits: bigint;
}

/**
 * What the chain says of orders of one asset before anything is signed. The answers belong together,
 * since one node gives them; what is for good is asked of a quorum.
 */
export async function inspectOrders(
  payer: Payer,
  orders: readonly TransferOrder[],
  unitsOnTheWay: bigint,
): Promise<Inspection> {
  const asset = assetOfOrders(orders, payer.network);
  try {
    return await payer.pool.onOne(async (node) => {
      const empty = { refused: [], waiting: [], left: [], freeUnits: 0n };
      const sorting: Sorting = { asset, open: [...orders], ...empty };
      takeOutOwnAccounts(payer, sorting);
      const plan = await sort(payer, node, { sorting, unitsOnTheWay });
      const { open: payable, refused, waiting, left, freeUnits } = sorting;
      return { payable, refused, waiting, left, freeUnits, plan };
    });
  } catch (error) {
    const known =
      error instanceof RpcFailure ||
      error instanceof SigningPostponed ||
      error instanceof ChainMismatch;
    if (!known) throw error;
    const reason = error.message;
    const waiting = orders.map(({ payoutId }) => ({ payoutId, reason }));
    return { payable: [], refused: [], waiting, left: [], freeUnits: 0n, plan: null };
  }
}

/** Leaves open what can be signed for now, and gives the plan of it; null where nothing can. */
async function sort(
  payer: Payer,
  node: EvmNode,
  { sorting, unitsOnTheWay }: { sorting: Sorting; unitsOnTheWay: bigint },
): Promise<Inspection['plan']> {
  if (sorting.open.length === 0) return null;
  const obstacle = await findGeneralObstacle(payer, node, sorting.asset);
  if (obstacle !== null) {
    postponeAll(sorting, obstacle);
    return null;
  }
  await keepCovered(payer, node, { sorting, unitsOnTheWay });
  leaveBeyond(sorting, itemsWithin(GAS_PER_ITEM_FLOOR));
  const gas = await findPayable(payer, node, sorting);
  if (gas === null) return null;
  const limit = batchGasLimit({ ...gas, items: sorting.open.length });
  const shortage = await findGasShortage(payer, node, limit);
  if (shortage === null) return { ...gas };
  postponeAll(sorting, shortage);
  return null;
}

/** To pay oneself is nobody's order. Intake refuses it where it knows the accounts. */
function takeOutOwnAccounts({ treasury, gasAccounts }: Payer, sorting: Sorting): void {
  const own = [treasury, ...gasAccounts].map(({ sender }) => sender);
  const isOwn = ({ toAddress }: TransferOrder): boolean => own.includes(lowerAddress(toAddress));
  for (const { payoutId, toAddress } of takeOut(sorting, isOwn)) {
    const reason = 'The recipient address is one of the accounts that payouts are made from.';
    sorting.refused.push({ payoutId, reason, proof: { ownAccount: toAddress } });
  }
  for (const { payoutId } of takeOut(sorting, ({ units }) => units >= ITEM_UNITS_LIMIT)) {
    sorting.waiting.push({ payoutId, reason: 'The amount is more than one transfer can hold.' });
  }
}

async function findGeneralObstacle(
  payer: Payer,
  node: EvmNode,
  asset: Asset,
): Promise<string | null> {
  const [setUp, feeRate] = await Promise.all([
    readSetUp(node, payer.place.treasury),
    readFeeRate(node, contractOf(asset)),
  ]);
  if (setUp.kind !== 'ready') {
    const detail = setUp.kind === 'strange' ? setUp.reason : `its code is ${setUp.kind}`;
    return `The treasury is not set up on ${payer.network}: ${detail}.`;
  }
  if (feeRate > 0n) return `${nameOf(asset)} takes a fee; an exact transfer is not possible.`;
  return null;
}

/**
 * Keeps, in their order, those that the treasury can pay together. One that is too large for what is left
 * waits and does not hold up the others: else one business could stop the payouts of all.
 */
async function keepCovered(
  payer: Payer,
  node: EvmNode,
  { sorting, unitsOnTheWay }: { sorting: Sorting; unitsOnTheWay: bigint },
): Promise<void> {
  const { asset, waiting } = sorting;
  const question = { contract: contractOf(asset), owner: payer.place.treasury };
  const free = (await readBalance(node, question, 'latest')) - unitsOnTheWay;
  sorting.freeUnits = free;
  const has = formatUnits(free < 0n ? 0n : free, asset.decimals);
  let left = free;
  const short = takeOut(sorting, ({ units }) => {
    if (units > left) return true;
    left -= units;
    return false;
  });
  const reason = `The treasury is short of ${nameOf(asset)}: has ${has} free, less than is to be paid.`;
  waiting.push(...short.map(({ payoutId }) => ({ payoutId, reason })));
}

/**
 * Probes the open orders until all of them would be paid with the gas that they will be given: first the
 * least, which is enough for most tokens. Those that the most would not pay are taken out and judged one
 * by one. Null where none is left.
 */
async function findPayable(
  payer: Payer,
  node: EvmNode,
  sorting: Sorting,
): Promise<{ gasPerItem: bigint; itemsGas: bigint } | null> {
  let share = GAS_PER_ITEM_FLOOR;
  for (let probes = 0; probes < MOST_PROBES && sorting.open.length > 0; probes += 1) {
    const probed = await probe(payer, node, { sorting, gasPerItem: share });
    const failing = sorting.open.filter((_, index) => !isClean(probed[index]));
    if (failing.length === 0) {
      const measured = probed.map(({ gasUsed }) => gasUsed);
      const wished = gasPerItemFor(measured);
      if (wished === share) return cutToSize(sorting, { gasPerItem: share, measured });
      // Probed once more with just what they will be given.
      share = wished;
      leaveBeyond(sorting, itemsWithin(share));
    } else if (share < GAS_PER_ITEM_CEILING) {
      share = GAS_PER_ITEM_CEILING;
    } else {
      await judgeFailing(payer, node, { sorting, failing, probed });
    }
  }
  postponeAll(sorting, 'Each simulation of the transfers had another outcome.');
  return null;
}

async function probe(
  { place, gasAccounts, treasury }: Payer,
  node: EvmNode,
  { sorting, gasPerItem }: { sorting: Sorting; gasPerItem: bigint },
): Promise<ProbedItem[]> {
  const probed = await probeBatch(node, {
    treasury: place.treasury,
    sender: (gasAccounts[0] ?? treasury).sender,
    token: contractOf(sorting.asset),
    gasPerItem,
    items: sorting.open.map(itemOf),
  });
  if (probed.length === 0) throw new RpcFailure(`${node.label}: the probe tried nothing`);
  leaveBeyond(sorting, probed.length);
  return probed;
}

function isClean(item: ProbedItem | undefined): boolean {
  return item !== undefined && item.paid && !item.listed;
}

/** The most of the items, from the first, whose transaction stays below the cap. */
function cutToSize(
  sorting: Sorting,
  { gasPerItem, measured }: { gasPerItem: bigint; measured: readonly bigint[] },
): { gasPerItem: bigint; itemsGas: bigint } {
  for (let count = measured.length; count > 1; count -= 1) {
    const itemsGas = itemsGasOf(measured.slice(0, count));
    if (batchGasLimit({ gasPerItem, itemsGas, items: count }) > TRANSACTION_GAS_CAP) continue;
    leaveBeyond(sorting, count);
    return { gasPerItem, itemsGas };
  }
  leaveBeyond(sorting, 1);
  return { gasPerItem, itemsGas: itemsGasOf(measured.slice(0, 1)) };
}

/** Takes the orders that the probe would not pay out of the batch, and says why of each. */
async function judgeFailing(
  payer: Payer,
  node: EvmNode,
  found: { sorting: Sorting; failing: TransferOrder[]; probed: readonly ProbedItem[] },
): Promise<void> {
  const { sorting, failing, probed } = found;
  const { asset, waiting } = sorting;
  const obstacle = await findObstacle(node, { asset, treasury: payer.place.treasury });
  if (obstacle !== null) {
    postponeAll(sorting, obstacle);
    return;
  }
  const outcomes = new Map(sorting.open.map((order, index) => [order, probed[index]]));
  takeOut(sorting, (order) => failing.includes(order));
  for (const [index, order] of failing.entries()) {
    const { payoutId } = order;
    const words = describeOutcome(outcomes.get(order), asset);
    const judgement: Judgement =
      index < MOST_JUDGED
        ? await judgeOnNodes(payer, order, words)
        : { kind: 'wait', reason: words };
    if (judgement.kind === 'refused') {
      sorting.refused.push({ payoutId, reason: judgement.reason, proof: judgement.proof });
    } else {
      waiting.push({ payoutId, reason: judgement.kind === 'wait' ? judgement.reason : words });
    }
  }
}

/** A refusal is for good, so a quorum of the nodes has to have proof of it. */
async function judgeOnNodes(payer: Payer, order: TransferOrder, words: string): Promise<Judgement> {
  const subject = { order, treasury: payer.place.treasury };
  const said = await askQuorum(
    payer.pool,
    async (node) => await judgeOrder(node, subject),
    (a, b) => a.kind === b.kind && reasonOf(a) === reasonOf(b),
  );
  switch (said.kind) {
    case 'agreed':
      return said.value;
    case 'contradicted':
      return { kind: 'wait', reason: `The nodes do not agree about the transfer: ${words}` };
    case 'not enough':
      return { kind: 'wait', reason: `Too few nodes answer to judge it: ${words}` };
  }
}

function reasonOf(judgement: Judgement): string {
  return judgement.kind === 'payable' ? '' : judgement.reason;
}

function describeOutcome(item: ProbedItem | undefined, asset: Asset): string {
  if (item?.listed === true) return `The issuer of ${asset.token} has blacklisted the recipient.`;
  const words = item?.reverted === true ? describeRevert(item.reason) : 'it did not say yes';
  return `${nameOf(asset)} would refuse the transfer: ${words}.`;
}

/** Some gas account has to hold what the transaction can cost at most. */
async function findGasShortage(payer: Payer, node: EvmNode, limit: bigint): Promise<string | null> {
  const [history, ...balances] = await Promise.all([
    node.feeHistory(),
    ...payer.gasAccounts.map(async ({ sender }) => await node.balance(sender)),
  ]);
  const worstWei = quoteFees(history, payer.policy).maxFeeWei * limit;
  const most = balances.reduce((a, b) => (a > b ? a : b), 0n);
  if (most >= worstWei) return null;
  const [has, needs] = [most, worstWei].map((wei) => formatUnits(wei, 18));
  return `The gas accounts are short of coins on ${payer.network}: the fullest has ${has}, needs ${needs}.`;
}

function takeOut(sorting: Sorting, isOut: (order: TransferOrder) => boolean): TransferOrder[] {
  const out: TransferOrder[] = [];
  const rest: TransferOrder[] = [];
  for (const order of sorting.open) (isOut(order) ? out : rest).push(order);
  sorting.open.splice(0, sorting.open.length, ...rest);
  return out;
}

function leaveBeyond(sorting: Sorting, count: number): void {
  sorting.left.unshift(...sorting.open.splice(count).map(({ payoutId }) => payoutId));
}

function postponeAll(sorting: Sorting, reason: string): void {
  const all = [
    ...sorting.open.splice(0).map(({ payoutId }) => payoutId),
    ...sorting.left.splice(0),
  ];
  sorting.waiting.push(...all.map((payoutId) => ({ payoutId, reason })));
}

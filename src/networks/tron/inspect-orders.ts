import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { formatUnits } from '../../money/amount.ts';
import {
  ChainMismatch,
  SigningPostponed,
  type Inspection,
  type KnownToBeSigned,
  type TransferOrder,
} from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { feeLimitFor, mostBurned, showTrx, withHeadroom } from './fees.ts';
import { base58Address, hexAddress } from './hex-address.ts';
import { findObstacle, judgeOrder, type Judgement } from './judge-order.ts';
import type { TronNode } from './node.ts';
import type { Payer } from './payer.ts';
import { contractOf, nameOf, readFeeRate, readUnits } from './token.ts';

/** The most own transactions in no block at once: a block comes every 3 s and has room for hundreds. */
export const WAITING_TRANSACTIONS = 16;

/** So many orders that cannot be paid are looked at closely in search of one that can; others wait. */
const MOST_JUDGED = 16;

/** What has been decided of some orders; the rest of them is `open`, in its order. */
interface Sorting {
  readonly asset: Asset;
  readonly open: TransferOrder[];
  readonly payable: TransferOrder[];
  readonly refused: Inspection['refused'][number][];
  readonly waiting: Inspection['waiting'][number][];
  /** What the treasury holds beyond what is on the way; 0 until it was read. */
  freeUnits: bigint;
}

/**
 * What the chain says of orders of one asset before anything is signed: the first that can be paid is, the
 * others are left. The answers belong together, since one node gives them; what is for good is asked of a
 * quorum.
 */
export async function inspectOrders(
  payer: Payer,
  orders: readonly TransferOrder[],
  known: Pick<KnownToBeSigned, 'unitsOnTheWay'>,
): Promise<Inspection> {
  const asset = assetOf(orders);
  try {
    return await payer.pool.onOne(async (node) => {
      const empty = { payable: [], refused: [], waiting: [], freeUnits: 0n };
      const sorting: Sorting = { asset, open: [...orders], ...empty };
      const plan = await sort(payer, node, { sorting, known });
      const { payable, refused, waiting, open, freeUnits } = sorting;
      const left = open.map(({ payoutId }) => payoutId);
      return { payable, refused, waiting, left, freeUnits, plan };
    });
  } catch (error) {
    const isKnown =
      error instanceof RpcFailure ||
      error instanceof SigningPostponed ||
      error instanceof ChainMismatch;
    if (!isKnown) throw error;
    const reason = error.message;
    const waiting = orders.map(({ payoutId }) => ({ payoutId, reason }));
    return { payable: [], refused: [], waiting, left: [], freeUnits: 0n, plan: null };
  }
}

function assetOf([first, ...others]: readonly TransferOrder[]): Asset {
  assert(first !== undefined, 'there are orders to inspect');
  const { asset } = first;
  assert(asset.network === 'TRON_MAINNET', 'the orders are not of TRON_MAINNET');
  const isSame = others.every((order) => order.asset.contract === asset.contract);
  assert(isSame, 'the orders are of one asset');
  return asset;
}

interface Work {
  readonly sorting: Sorting;
  readonly known: Pick<KnownToBeSigned, 'unitsOnTheWay'>;
}

/** Finds the order that can be signed for now, and gives the plan of it; null where there is none. */
async function sort(payer: Payer, node: TronNode, work: Work): Promise<Inspection['plan']> {
  const { sorting, known } = work;
  takeOutOwnAccounts(payer, sorting);
  if (sorting.open.length === 0) return null;
  const obstacle = await findGeneralObstacle(payer, node, sorting.asset);
  if (obstacle !== null) {
    postponeAll(sorting, obstacle);
    return null;
  }
  await takeOutUncovered(payer, node, work);
  const found = await findPayable(payer, node, sorting);
  if (found === null) return null;
  const energy = withHeadroom(found.energy);
  const [prices, own, sun] = await Promise.all([
    node.prices(),
    node.resources(payer.treasury),
    node.balance(payer.treasury),
  ]);
  const feeLimitSun = feeLimitFor(energy, prices, payer.feeCeilingSun);
  // How many are on the way is not known here, only whether: what they may burn is not free.
  const transfers = known.unitsOnTheWay > 0n ? BigInt(WAITING_TRANSACTIONS) : 1n;
  const neededSun = mostBurned(transfers, { energy, prices, own });
  if (sun === null || sun < neededSun) {
    const [has, needs] = [sun ?? 0n, neededSun].map(showTrx);
    postponeAll(sorting, `The treasury is short of coins for fees: has ${has}, needs ${needs}.`);
    return null;
  }
  sorting.payable.push(found.order);
  sorting.open.splice(sorting.open.indexOf(found.order), 1);
  return { feeLimitSun };
}

/** To pay oneself is nobody's order. Intake refuses it where it knows the accounts. */
function takeOutOwnAccounts({ treasury }: Payer, sorting: Sorting): void {
  const contract = contractOf(sorting.asset);
  for (const { payoutId, toAddress } of takeOut(
    sorting,
    (it) => hexAddress(it.toAddress) === treasury,
  )) {
    const reason = 'The recipient address is the account that payouts are made from.';
    sorting.refused.push({ payoutId, reason, proof: { ownAccount: toAddress } });
  }
  for (const { payoutId, toAddress } of takeOut(
    sorting,
    (it) => hexAddress(it.toAddress) === contract,
  )) {
    const reason = "The recipient address is the token's own contract: what it is paid is lost.";
    sorting.refused.push({ payoutId, reason, proof: { contract: toAddress } });
  }
}

async function findGeneralObstacle(
  { treasury }: Payer,
  node: TronNode,
  asset: Asset,
): Promise<string | null> {
  const [sun, feeRate, obstacle] = await Promise.all([
    node.balance(treasury),
    readFeeRate(node, contractOf(asset)),
    findObstacle(node, { asset, treasury }),
  ]);
  if (sun === null) {
    const address = base58Address(treasury);
    return `The treasury account ${address} is not active: the chain has never seen TRX sent to it.`;
  }
  if (obstacle !== null) return obstacle;
  if (feeRate > 0n) return `${nameOf(asset)} takes a fee; an exact transfer is not possible.`;
  return null;
}

/**
 * Puts off those that are more than the treasury holds, each by itself: else one business could stop the
 * payouts of all. What has come in and is not solidified does not count.
 */
async function takeOutUncovered(
  payer: Payer,
  node: TronNode,
  { sorting, known }: Work,
): Promise<void> {
  const { asset } = sorting;
  const question = { contract: contractOf(asset), owner: payer.treasury };
  const [newest, solid] = await Promise.all([
    readUnits(node, question, 'newest'),
    readUnits(node, question, 'solid'),
  ]);
  sorting.freeUnits = (newest < solid ? newest : solid) - known.unitsOnTheWay;
  const { freeUnits } = sorting;
  const has = formatUnits(freeUnits < 0n ? 0n : freeUnits, asset.decimals);
  const reason = `The treasury is short of ${nameOf(asset)}: has ${has} free, less than is to be paid.`;
  for (const { payoutId } of takeOut(sorting, ({ units }) => units > freeUnits)) {
    sorting.waiting.push({ payoutId, reason });
  }
}

async function findPayable(
  payer: Payer,
  node: TronNode,
  sorting: Sorting,
): Promise<{ readonly order: TransferOrder; readonly energy: bigint } | null> {
  for (let judged = 0; judged < MOST_JUDGED; judged += 1) {
    const [order] = sorting.open;
    if (order === undefined) return null;
    const subject = { order, treasury: payer.treasury };
    const first = await judgeOrder(node, subject);
    if (first.kind === 'payable') return { order, energy: first.energy };
    sorting.open.shift();
    const judgement = first.kind === 'refused' ? await judgeOnNodes(payer, order) : first;
    const { payoutId } = order;
    if (judgement.kind === 'refused') {
      const { reason, proof } = judgement;
      sorting.refused.push({ payoutId, reason, proof });
    } else {
      const reason = judgement.kind === 'wait' ? judgement.reason : DISAGREE;
      sorting.waiting.push({ payoutId, reason });
    }
  }
  return null;
}

const DISAGREE = 'The nodes do not agree about the transfer.';

/** A refusal is for good, so a quorum of the nodes has to have proof of it. */
async function judgeOnNodes(payer: Payer, order: TransferOrder): Promise<Judgement> {
  const subject = { order, treasury: payer.treasury };
  const said = await askQuorum(
    payer.pool,
    async (node) => await judgeOrder(node, subject),
    (a, b) => a.kind === b.kind && reasonOf(a) === reasonOf(b),
  );
  switch (said.kind) {
    case 'agreed':
      return said.value;
    case 'contradicted':
      return { kind: 'wait', reason: DISAGREE };
    case 'not enough':
      return { kind: 'wait', reason: 'Too few nodes answer to judge the transfer.' };
  }
}

function reasonOf(judgement: Judgement): string {
  return judgement.kind === 'payable' ? '' : judgement.reason;
}

function takeOut(sorting: Sorting, isOut: (order: TransferOrder) => boolean): TransferOrder[] {
  const out = sorting.open.filter(isOut);
  const rest = sorting.open.filter((order) => !out.includes(order));
  sorting.open.splice(0, sorting.open.length, ...rest);
  return out;
}

function postponeAll(sorting: Sorting, reason: string): void {
  const waiting = sorting.open.splice(0).map(({ payoutId }) => ({ payoutId, reason }));
  sorting.waiting.push(...waiting);
}

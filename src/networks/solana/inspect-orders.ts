import { formatUnits } from '../../money/amount.ts';
import type { Asset } from '../../money/asset.ts';
import {
  ChainMismatch,
  SigningPostponed,
  type Inspection,
  type TransferOrder,
} from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { feeLamports, UNITS_CAP, unitLimitFor, unitPriceFor } from './fees.ts';
import type { PaymentWay } from './judge-recipient.ts';
import { mintOf } from './mint-of.ts';
import type { SolanaNode } from './node.ts';
import { assetOfOrders } from './orders-of-attempt.ts';
import { openOnce, packTransfers, type PackedFor } from './pack-transfers.ts';
import type { Payer } from './payer.ts';
import type { PayoutTransfer } from './payout-message.ts';
import { pollRecipients } from './poll-recipients.ts';
import { associatedTokenAddress } from './programs.ts';
import { simulateBatch } from './simulate-batch.ts';
import { readTokenAccount, TOKEN_ACCOUNT_BYTES } from './token-account.ts';
import { toSigningPlan } from './sign-attempt.ts';

/** A node shows at most 100 accounts at once, of which each order needs two. */
const MOST_INSPECTED = 40;

/** What has been decided of some orders; the rest of them is `open`, in its order. */
interface Sorting {
  readonly asset: Asset;
  readonly open: TransferOrder[];
  readonly ways: Map<TransferOrder, PaymentWay>;
  readonly refused: Inspection['refused'][number][];
  readonly waiting: Inspection['waiting'][number][];
  readonly left: string[];
  /** What the treasury holds beyond what is on the way; 0 until it was read. */
  freeUnits: bigint;
}

/**
 * What the chain says of orders of one asset before anything is signed. Recipients are judged by a quorum of
 * the nodes; the rest is measured on one, so that its answers belong together.
 */
export async function inspectOrders(
  payer: Payer,
  orders: readonly TransferOrder[],
  unitsOnTheWay: bigint,
): Promise<Inspection> {
  const asset = assetOfOrders(orders, payer.network);
  const empty = { ways: new Map(), refused: [], waiting: [], freeUnits: 0n };
  try {
    const open = orders.slice(0, MOST_INSPECTED);
    const left = orders.slice(MOST_INSPECTED).map(({ payoutId }) => payoutId);
    const judged: Sorting = { asset, open, left, ...empty };
    await judgeAll(payer, judged);
    return await payer.pool.onOne(async (node) => {
      const sorting = copyOf(judged);
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

/** The next node begins where the first one began. */
function copyOf({ open, ways, refused, waiting, left, ...rest }: Sorting): Sorting {
  return {
    ...rest,
    open: [...open],
    ways: new Map(ways),
    refused: [...refused],
    waiting: [...waiting],
    left: [...left],
  };
}

async function judgeAll({ pool, treasury }: Payer, sorting: Sorting): Promise<void> {
  const judgements = await pollRecipients(pool, sorting.open, treasury);
  const kept = takeOut(sorting, () => true).filter((order) => {
    const { payoutId } = order;
    const judgement = judgements.get(order);
    switch (judgement?.kind) {
      case 'payable':
        sorting.ways.set(order, judgement.way);
        return true;
      case 'refused':
        sorting.refused.push({ payoutId, reason: judgement.reason, proof: judgement.proof });
        return false;
      case 'wait':
      case undefined:
        sorting.waiting.push({ payoutId, reason: judgement?.reason ?? 'It was not judged.' });
        return false;
    }
  });
  sorting.open.push(...kept);
}

interface Work {
  readonly sorting: Sorting;
  readonly unitsOnTheWay: bigint;
}

/** Leaves open what can be signed for now, and gives the plan of it; null where nothing can. */
async function sort(payer: Payer, node: SolanaNode, work: Work): Promise<Inspection['plan']> {
  const { sorting } = work;
  if (sorting.open.length === 0) return null;
  const obstacle = await keepCovered(payer, node, work);
  if (obstacle !== null) {
    postponeAll(sorting, obstacle);
    return null;
  }
  const common = { treasury: payer.treasury, mint: mintOf(sorting.asset) };
  const packed = { ...common, decimals: sorting.asset.decimals };
  isolateSuspects(payer, sorting);
  leaveUnpacked(sorting, packed);
  const unitPrice = await quoteUnitPrice(payer, node, sorting);
  await keepFunded(payer, node, { sorting, unitPrice });
  const unitsConsumed = await keepPassing(node, sorting, { ...packed, unitPrice });
  if (unitsConsumed === null) return null;
  const transfers = openOnce(transfersOf(sorting));
  return toSigningPlan({
    unitLimit: unitLimitFor(unitsConsumed),
    unitPrice,
    opening: transfers.filter(({ opensFor }) => opensFor !== null).map((it) => it.payoutId),
    direct: transfers.filter(({ direct }) => direct).map((it) => it.payoutId),
  });
}

/**
 * Keeps, in their order, those that the treasury can pay together. One that is too large for what is left
 * waits and does not hold up the others. Gives what stops every transfer of the treasury, if anything does.
 */
async function keepCovered(
  { treasury, network }: Payer,
  node: SolanaNode,
  { sorting, unitsOnTheWay }: Work,
): Promise<string | null> {
  const { asset, waiting } = sorting;
  const name = `${asset.token} on ${network}`;
  const source = associatedTokenAddress(treasury, mintOf(asset));
  const [account] = (await node.accounts([source], 'confirmed')).value;
  if (account === null || account === undefined) return `The treasury has no ${name} account yet.`;
  const token = readTokenAccount(account);
  if (token === null || token.owner !== treasury)
    return `The treasury's ${name} account is strange.`;
  if (token.state === 'frozen') return `The treasury's ${name} account is frozen by the issuer.`;
  const free = token.units - unitsOnTheWay;
  sorting.freeUnits = free;
  const has = formatUnits(free < 0n ? 0n : free, asset.decimals);
  let left = free;
  const short = takeOut(sorting, ({ units }) => {
    if (units > left) return true;
    left -= units;
    return false;
  });
  const reason = `The treasury is short of ${name}: has ${has} free, less than is to be paid.`;
  waiting.push(...short.map(({ payoutId }) => ({ payoutId, reason })));
  return null;
}

async function quoteUnitPrice(
  { treasury, policy }: Payer,
  node: SolanaNode,
  sorting: Sorting,
): Promise<bigint> {
  const source = associatedTokenAddress(treasury, mintOf(sorting.asset));
  const destinations = transfersOf(sorting).map(({ destination }) => destination);
  const writable = [...new Set([treasury, source, ...destinations])].slice(0, MOST_PRICED);
  return unitPriceFor(await node.recentUnitPrices(writable), policy);
}

/** A node takes no more addresses for one question about prices. */
const MOST_PRICED = 128;

/** Keeps those for which the treasury has coins: those that open an account need its rent. */
async function keepFunded(
  { treasury, network }: Payer,
  node: SolanaNode,
  { sorting, unitPrice }: { readonly sorting: Sorting; readonly unitPrice: bigint },
): Promise<void> {
  const [rent, least] = [await node.rentOf(TOKEN_ACCOUNT_BYTES), await node.rentOf(0)];
  const [account] = (await node.accounts([treasury], 'confirmed')).value;
  const held = account?.lamports ?? 0n;
  const opening = new Set<string>();
  let free = held - least - feeLamports(UNITS_CAP, unitPrice);
  const short = takeOut(sorting, (order) => {
    const way = sorting.ways.get(order);
    if (free < 0n || way === undefined) return true;
    if (!way.opens || opening.has(way.destination)) return false;
    if (free < rent) return true;
    free -= rent;
    opening.add(way.destination);
    return false;
  });
  const has = formatUnits(held, 9);
  const reason = `The treasury is short of coins on ${network}: has ${has} SOL, less than the fee or a token account's rent takes.`;
  sorting.waiting.push(...short.map(({ payoutId }) => ({ payoutId, reason })));
}

/** Each as it is by itself: of two to one new wallet, both open its account. */
function transfersOf({ open, ways }: Sorting): readonly PayoutTransfer[] {
  return open.flatMap((order): PayoutTransfer[] => {
    const way = ways.get(order);
    if (way === undefined) return [];
    const { payoutId, toAddress, units } = order;
    const { destination, direct, opens } = way;
    return [{ payoutId, destination, direct, opensFor: opens ? toAddress : null, units }];
  });
}

/** One that has failed others goes by itself, as soon as it is the first. */
function isolateSuspects({ suspects }: Payer, sorting: Sorting): void {
  const [first] = sorting.open;
  const goesAlone = first !== undefined && suspects.has(first.payoutId);
  const out = takeOut(sorting, (order) =>
    goesAlone ? order !== first : suspects.has(order.payoutId),
  );
  sorting.left.push(...out.map(({ payoutId }) => payoutId));
}

function leaveUnpacked(sorting: Sorting, common: PackedFor): void {
  const packed = new Set(packTransfers(common, transfersOf(sorting)).map((it) => it.payoutId));
  const out = takeOut(sorting, ({ payoutId }) => !packed.has(payoutId));
  sorting.left.push(...out.map(({ payoutId }) => payoutId));
}

/**
 * Simulates the open transfers until all of them pass together, taking out what makes them fail: a failing
 * instruction fails the whole transaction. Gives the units that they took; null where none is left.
 */
async function keepPassing(
  node: SolanaNode,
  sorting: Sorting,
  common: PackedFor & { readonly unitPrice: bigint },
): Promise<bigint | null> {
  while (sorting.open.length > 0) {
    const transfers = transfersOf(sorting);
    const outcome = await simulateBatch(node, common, transfers);
    if (outcome.kind === 'passes') return outcome.unitsConsumed;
    const { culprit, words } = outcome;
    // Where none is named, each is tried by itself, and one of them goes in any case.
    const suspects = transfers.filter((it) => culprit === null || it.payoutId === culprit.payoutId);
    const failing = await findFailing(node, common, suspects);
    const blamed = failing.size > 0 ? failing : new Map([[suspects.at(-1)?.payoutId, null]]);
    for (const { payoutId } of takeOut(sorting, (order) => blamed.has(order.payoutId))) {
      const own = blamed.get(payoutId);
      if (own === null && transfers.length > 1) sorting.left.push(payoutId);
      else sorting.waiting.push({ payoutId, reason: `The transfer would fail: ${own ?? words}.` });
    }
  }
  return null;
}

/** Those that fail by themselves too, with the words for it. */
async function findFailing(
  node: SolanaNode,
  common: PackedFor & { readonly unitPrice: bigint },
  suspects: readonly PayoutTransfer[],
): Promise<ReadonlyMap<string | undefined, string | null>> {
  const failing = new Map<string | undefined, string | null>();
  for (const suspect of suspects) {
    const alone = await simulateBatch(node, common, [suspect]);
    if (alone.kind === 'fails') failing.set(suspect.payoutId, alone.words);
  }
  return failing;
}

function takeOut(sorting: Sorting, isOut: (order: TransferOrder) => boolean): TransferOrder[] {
  const out: TransferOrder[] = [];
  const rest: TransferOrder[] = [];
  for (const order of sorting.open) (isOut(order) ? out : rest).push(order);
  sorting.open.splice(0, sorting.open.length, ...rest);
  return out;
}

function postponeAll(sorting: Sorting, reason: string): void {
  const all = sorting.open.splice(0).map(({ payoutId }) => payoutId);
  sorting.waiting.push(...all.map((payoutId) => ({ payoutId, reason })));
}

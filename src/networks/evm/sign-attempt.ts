import { hexToBytes, toHex } from 'viem';
import { assert, present } from '../../base/assert.ts';
import {
  SigningPostponed,
  type AttemptToFollow,
  type LanePosition,
  type SignedAttempt,
  type NewTransaction,
  type SignedTransaction,
  type SigningOrder,
  type SigningPlan,
} from '../network.ts';
import { authorityOf, batchDigest, fenceOf, readAuthority, type Batch } from './batch.ts';
import {
  batchGasLimit,
  GAS_PER_ITEM_CEILING,
  GAS_PER_ITEM_FLOOR,
  itemsGasOf,
} from './batch-gas.ts';
import { readHead, type Head } from './chain-state.ts';
import { replacementOf, TRANSACTION_GAS_CAP } from './fees.ts';
import {
  readLaneTransaction,
  type LaneTransaction,
  type SignedLaneTransaction,
} from './lane-transaction.ts';
import { assertPays, readFollowedBatch } from './followed-batch.ts';
import { assetOfOrders, itemOf } from './orders-of-batch.ts';
import { accountAt, isGasAccount, type Payer, type SigningAccount } from './payer.ts';
import { probeBatch } from './probe.ts';
import { quoteOnLane, readQuote, requireCoins, signOnLane } from './sign-lane.ts';
import { isSpentIn, spentSlotOf } from './spent-slot.ts';
import { contractOf } from './token.ts';
import { readSetUp } from './treasury-code.ts';

/** A node's time is doubted where the clock says something else by more than this. */
const MOST_DOUBTED_SECONDS = 3_600n;

/** A plain transaction that moves nothing. */
const PLAIN_GAS = 21_000n;

/** Signs the batch with the treasury's key, and the transaction that carries it with the lane's. */
export async function signAttempt(payer: Payer, order: SigningOrder): Promise<SignedAttempt> {
  const { orders, number, plan, lane } = order;
  const account = gasAccountAt(payer, lane);
  const asset = assetOfOrders(orders, payer.network);
  const gasPerItem = gasIn(plan, 'gasPerItem');
  const itemsGas = gasIn(plan, 'itemsGas');
  assert(number >= 0n, 'the number of a batch is negative');
  const isKnownShare = gasPerItem >= GAS_PER_ITEM_FLOOR && gasPerItem <= GAS_PER_ITEM_CEILING;
  assert(isKnownShare, 'the gas of an item is out of range');
  const head = await readHead(payer.pool);
  assertClocks(payer, head);
  const batch: Batch = {
    batchId: number,
    deadline: head.latest.timestamp + payer.lifetimeSeconds,
    token: contractOf(asset),
    gasPerItem,
    items: orders.map(itemOf),
  };
  // First all that can be missing, so that nothing is signed in vain.
  const gasLimit = batchGasLimit({ gasPerItem, itemsGas, items: orders.length });
  assert(gasLimit <= TRANSACTION_GAS_CAP, 'the batch is too large for a transaction');
  const carrier = await quoteCarrier(payer, account, { lane, gasLimit });
  const { authority, authorityHash } = await signBatch(payer, batch, order);
  const transaction = await signOnLane(payer, account, { ...carrier, data: toHex(authority) });
  return {
    fence: fenceOf(payer.place.treasury, number),
    payer: payer.treasury.address,
    authority,
    authorityHash,
    validUntil: new Date(Number(batch.deadline) * 1000),
    validUntilBlock: null,
    // It can lie in a block that takes the place of the newest, and in none that is final already.
    sinceBlock: head.final.number + 1n,
    payoutIds: orders.map(({ payoutId }) => payoutId),
    transaction,
  };
}

function gasIn(plan: SigningPlan, name: 'gasPerItem' | 'itemsGas'): bigint {
  const gas = plan[name];
  assert(typeof gas === 'bigint', `the plan has no ${name}`);
  return gas;
}

/** Another transaction for a batch that can still run. */
export async function carryAttempt(
  payer: Payer,
  attempt: AttemptToFollow,
  lane: LanePosition,
): Promise<NewTransaction> {
  const account = gasAccountAt(payer, lane);
  const { batch, place } = await readFollowedBatch(attempt, {
    ...payer.place,
    network: payer.network,
  });
  assert(place.treasury === payer.place.treasury, 'the attempt is of another treasury');
  const itemsGas = await requireRunnable(payer, account, batch);
  const { gasPerItem, items } = batch;
  // A token may take more for its refusals than it took for payments; the batch was sized for that.
  const wished = batchGasLimit({ gasPerItem, itemsGas, items: items.length });
  const gasLimit = wished > TRANSACTION_GAS_CAP ? TRANSACTION_GAS_CAP : wished;
  const carrier = await quoteCarrier(payer, account, { lane, gasLimit });
  return await signOnLane(payer, account, { ...carrier, data: toHex(attempt.authority) });
}

/** The same place in the lane at a higher fee: the same call, or nothing. */
export async function replaceTransaction(
  payer: Payer,
  transaction: SignedTransaction,
  by: 'itself' | 'nothing',
): Promise<NewTransaction> {
  const account = accountAt(payer, transaction.sender);
  const said = await readLaneTransaction(transaction.rawTransaction);
  assert(said.transactionHash === transaction.transactionHash, 'the bytes have another hash');
  assert(said.sender === account.sender, 'the bytes are of another sender');
  assert(said.nonce === transaction.sequence, 'the bytes hold another nonce');
  assert(said.chainId === payer.place.chainId, 'the bytes are of another chain');
  const fees = replacementOf(said, await readQuote(payer), payer.policy);
  const call = by === 'itself' ? said : nothingInPlaceOf(payer, said);
  await requireCoins(payer, account, { ...call, ...fees });
  return await signOnLane(payer, account, { ...call, ...fees });
}

/** To an account that runs no code, so that a plain transaction's gas is enough for it. */
function nothingInPlaceOf(payer: Payer, said: SignedLaneTransaction): LaneTransaction {
  const isTreasury = said.sender === payer.place.treasury;
  const to = isTreasury
    ? present(payer.gasAccounts[0], 'there is a gas account').sender
    : said.sender;
  return { ...said, to, valueWei: 0n, data: '0x', gasLimit: PLAIN_GAS, delegation: null };
}

/** Batches are carried by gas accounts only: the treasury's own lane is for chores. */
function gasAccountAt(payer: Payer, lane: LanePosition): SigningAccount {
  const account = accountAt(payer, lane.sender);
  assert(isGasAccount(payer, account), 'the lane is not of a gas account');
  return account;
}

function assertClocks({ clock, network }: Payer, { latest }: Head): void {
  const now = BigInt(Math.floor(clock.now().getTime() / 1000));
  const apart = latest.timestamp > now ? latest.timestamp - now : now - latest.timestamp;
  if (apart <= MOST_DOUBTED_SECONDS) return;
  throw new SigningPostponed(
    `The newest block of ${network} and the clock are ${apart} seconds apart.`,
  );
}

/** Gives the signature away only after it has been read back out of its bytes as what was ordered. */
async function signBatch(
  { place, treasury }: Payer,
  batch: Batch,
  order: SigningOrder,
): Promise<{ authority: Uint8Array; authorityHash: string }> {
  const signature = await treasury.signer.sign(hexToBytes(batchDigest(batch, place)));
  const authority = authorityOf(batch, signature);
  const said = await readAuthority(authority, place);
  assert(said.signer === place.treasury, 'the signature is not of the treasury');
  assertPays(said.batch, order.orders);
  assert(said.batch.batchId === order.number, 'the batch has another id');
  assert(said.batch.deadline === batch.deadline, 'the batch has another deadline');
  assert(said.batch.gasPerItem === batch.gasPerItem, 'the batch gives its items other gas');
  return { authority, authorityHash: said.digest };
}

/** The transaction that will carry a batch, but for the batch. */
async function quoteCarrier(
  payer: Payer,
  account: SigningAccount,
  { lane, gasLimit }: { readonly lane: LanePosition; readonly gasLimit: bigint },
): Promise<Omit<LaneTransaction, 'data'>> {
  const call = { to: payer.place.treasury, valueWei: 0n, gasLimit, delegation: null };
  return { ...(await quoteOnLane(payer, account, { ...call, lane })), ...call };
}

/**
 * Throws {@link SigningPostponed} where carrying the batch now would be for nothing: it cannot run any
 * more, or none of its items would be paid. Gives the gas of its items.
 */
async function requireRunnable(
  payer: Payer,
  account: SigningAccount,
  batch: Batch,
): Promise<bigint> {
  const { place, pool } = payer;
  const spent = spentSlotOf(batch.batchId);
  return await pool.onOne(async (node) => {
    const [setUp, latest, word] = await Promise.all([
      readSetUp(node, place.treasury),
      node.latestBlock(),
      node.storageAt(place.treasury, spent.slot, 'latest'),
    ]);
    if (setUp.kind !== 'ready') throw new SigningPostponed('The treasury is not set up.');
    if (latest.timestamp > batch.deadline) throw new SigningPostponed('The batch has expired.');
    if (isSpentIn(word, spent)) throw new SigningPostponed('The batch has been carried out.');
    const { treasury } = place;
    const probed = await probeBatch(node, { ...batch, treasury, sender: account.sender });
    if (!probed.some(({ paid }) => paid)) {
      throw new SigningPostponed('The token would refuse every transfer of the batch now.');
    }
    // What the probe had no gas left for may take all that it is given.
    const missing = Array.from(batch.items.slice(probed.length), () => batch.gasPerItem);
    return itemsGasOf([...probed.map(({ gasUsed }) => gasUsed), ...missing]);
  });
}

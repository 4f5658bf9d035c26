import { assert } from '../../base/assert.ts';
import { formatUnits } from '../../money/amount.ts';
import { LaneUnfunded, type LanePosition, type NewTransaction } from '../network.ts';
import { quoteFees, TRANSACTION_GAS_CAP, type FeeQuote } from './fees.ts';
import {
  laneDigest,
  readLaneTransaction,
  signedBytesOf,
  type LaneTransaction,
  type SignedLaneTransaction,
} from './lane-transaction.ts';
import type { Payer, SigningAccount } from './payer.ts';

/**
 * Signs a transaction of one of the payer's accounts with that account's key. Bytes that do not say
 * exactly what was asked for never leave.
 */
export async function signOnLane(
  payer: Payer,
  account: SigningAccount,
  transaction: LaneTransaction,
): Promise<NewTransaction> {
  assert(transaction.chainId === payer.place.chainId, 'the transaction is of another chain');
  assertAffordable(payer, transaction);
  const signature = await account.signer.sign(laneDigest(transaction));
  const rawTransaction = signedBytesOf(transaction, signature);
  const said = await readLaneTransaction(rawTransaction);
  assert(said.sender === account.sender, 'the signature is not of the account');
  assertSame(said, transaction);
  return {
    sender: account.address,
    sequence: said.nonce,
    transactionHash: said.transactionHash,
    rawTransaction,
    spends: [],
  };
}

/**
 * The next transaction of a lane but for its call, at what a gas costs now. Throws
 * SigningPostponed where that is above the ceiling, {@link LaneUnfunded} where the account cannot pay.
 */
export async function quoteOnLane(
  payer: Payer,
  account: SigningAccount,
  planned: { readonly lane: LanePosition; readonly gasLimit: bigint; readonly valueWei: bigint },
): Promise<FeeQuote & Pick<LaneTransaction, 'chainId' | 'nonce'>> {
  const { lane, ...costs } = planned;
  const fees = await readQuote(payer);
  await requireCoins(payer, account, { ...costs, ...fees });
  return { ...fees, chainId: payer.place.chainId, nonce: lane.sequence };
}

/** What a gas costs now. Throws SigningPostponed where that is above the ceiling. */
export async function readQuote({ pool, policy }: Payer): Promise<FeeQuote> {
  return await pool.onOne(async (node) => quoteFees(await node.feeHistory(), policy));
}

function assertAffordable({ policy }: Payer, transaction: LaneTransaction): void {
  const { gasLimit, maxFeeWei, tipWei } = transaction;
  assert(gasLimit <= TRANSACTION_GAS_CAP, 'the gas limit is above the cap');
  assert(maxFeeWei <= policy.maxFeeCeilingWei, 'the fee is above the ceiling');
  assert(tipWei <= maxFeeWei, 'the tip is above the fee');
}

/**
 * Nodes take no transaction that its account could not pay at its dearest. Throws
 * {@link LaneUnfunded} where the account holds less.
 */
export async function requireCoins(
  { pool, network }: Payer,
  account: SigningAccount,
  { gasLimit, maxFeeWei, valueWei }: Pick<LaneTransaction, 'gasLimit' | 'maxFeeWei' | 'valueWei'>,
): Promise<void> {
  const heldWei = await pool.onOne(async (node) => await node.balance(account.sender));
  const neededWei = gasLimit * maxFeeWei + valueWei;
  if (heldWei >= neededWei) return;
  const [has, needs] = [heldWei, neededWei].map((wei) => formatUnits(wei, 18));
  throw new LaneUnfunded(
    `${account.address} is short of coins on ${network}: has ${has}, needs ${needs}.`,
  );
}

function assertSame(said: SignedLaneTransaction, meant: LaneTransaction): void {
  assert(said.chainId === meant.chainId, 'the bytes are of another chain');
  assert(said.nonce === meant.nonce, 'the bytes hold another nonce');
  assert(said.to === meant.to, 'the bytes call somebody else');
  assert(said.valueWei === meant.valueWei, 'the bytes move other coins');
  assert(said.data === meant.data, 'the bytes say something else');
  assert(said.gasLimit === meant.gasLimit, 'the bytes ask for other gas');
  assert(said.maxFeeWei === meant.maxFeeWei && said.tipWei === meant.tipWei, 'the fees differ');
  const [one, other] = [said.delegation, meant.delegation];
  if (one === null || other === null) {
    assert(one === other, 'the bytes delegate otherwise');
    return;
  }
  const isSame = one.chainId === other.chainId && one.to === other.to && one.nonce === other.nonce;
  assert(isSame, 'the bytes delegate otherwise');
  assert(said.delegator === said.sender, 'the bytes delegate an account that does not sign them');
}

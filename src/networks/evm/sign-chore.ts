import { assert, AssertionFailure, present } from '../../base/assert.ts';
import {
  SigningPostponed,
  type Chore,
  type LanePosition,
  type NewTransaction,
} from '../network.ts';
import { MOST_WEI } from './install.ts';
import {
  delegationDigest,
  type LaneTransaction,
  type SignedDelegation,
} from './lane-transaction.ts';
import { accountAt, isGasAccount, type Payer } from './payer.ts';
import { quoteOnLane, signOnLane } from './sign-lane.ts';
import { DEPLOYMENT_DATA, DEPLOYMENT_PROXY, TREASURY_CODE } from './treasury-code.ts';

/** What a chore calls, and the most that it takes. */
type ChoreCall = Pick<LaneTransaction, 'to' | 'valueWei' | 'data' | 'gasLimit' | 'delegation'>;

/** The deployment was measured to take 681,179 gas (docs/decisions/0012). */
const DEPLOYMENT_GAS = 1_000_000n;

/** 46,000 for the transaction and its authorization (EIP-7702), and the account's own receive. */
const DELEGATION_GAS = 100_000n;

const TOP_UP_GAS = 21_000n;

/** Signs a chore with the treasury's key, in the treasury's own lane. */
export async function signChore(
  payer: Payer,
  chore: Chore,
  lane: LanePosition,
): Promise<NewTransaction> {
  const { treasury } = payer;
  assert(accountAt(payer, lane.sender) === treasury, 'a chore is signed on the treasury lane');
  const { gasLimit, valueWei } = outlineOf(chore);
  const quoted = await quoteOnLane(payer, treasury, { lane, gasLimit, valueWei });
  const call = await callOf(payer, chore, lane);
  assert(
    call.gasLimit === gasLimit && call.valueWei === valueWei,
    'the chore costs something else',
  );
  return await signOnLane(payer, treasury, { ...quoted, ...call });
}

function outlineOf(chore: Chore): { gasLimit: bigint; valueWei: bigint } {
  switch (chore.purpose) {
    case 'DEPLOY':
      return { gasLimit: DEPLOYMENT_GAS, valueWei: 0n };
    case 'DELEGATE':
      return { gasLimit: DELEGATION_GAS, valueWei: 0n };
    case 'TOP_UP':
      return { gasLimit: TOP_UP_GAS, valueWei: weiOf(chore, 'wei') };
    case 'OPEN_ACCOUNT':
    case 'CONSOLIDATE':
      throw new AssertionFailure(`an EVM network has no chore ${chore.purpose}`);
  }
}

async function callOf(payer: Payer, chore: Chore, lane: LanePosition): Promise<ChoreCall> {
  const outline = { ...outlineOf(chore), data: '0x', delegation: null } as const;
  switch (chore.purpose) {
    case 'DEPLOY':
      return { ...outline, to: DEPLOYMENT_PROXY, data: DEPLOYMENT_DATA };
    case 'DELEGATE':
      return {
        ...outline,
        to: payer.place.treasury,
        delegation: await signDelegation(payer, lane.sequence + 1n),
      };
    case 'TOP_UP':
      return { ...outline, to: await requireLow(payer, chore) };
    case 'OPEN_ACCOUNT':
    case 'CONSOLIDATE':
      throw new AssertionFailure(`an EVM network has no chore ${chore.purpose}`);
  }
}

/** The sender's nonce is counted up before its authorizations are looked at (EIP-7702). */
async function signDelegation(payer: Payer, nonce: bigint): Promise<SignedDelegation> {
  const delegation = { chainId: payer.place.chainId, to: TREASURY_CODE, nonce };
  const signature = await payer.treasury.signer.sign(delegationDigest(delegation));
  return { ...delegation, signature };
}

/** The account to be filled, where it has not been filled since. */
async function requireLow(payer: Payer, chore: Chore): Promise<LaneTransaction['to']> {
  const account = accountAt(payer, present(chore.details['account'], 'a top-up has an account'));
  assert(isGasAccount(payer, account), 'a top-up fills a gas account');
  const fullWei = weiOf(chore, 'fullWei');
  assert(fullWei <= MOST_WEI[payer.network], 'a top-up fills an account beyond its bound');
  const heldWei = await payer.pool.onOne(async (node) => await node.balance(account.sender));
  if (heldWei + weiOf(chore, 'wei') > fullWei) {
    throw new SigningPostponed(`${account.address} has been topped up since.`);
  }
  return account.sender;
}

function weiOf(chore: Chore, name: 'wei' | 'fullWei'): bigint {
  const wei = BigInt(present(chore.details[name], `a top-up has ${name}`));
  assert(wei > 0n, 'a top-up moves coins');
  return wei;
}

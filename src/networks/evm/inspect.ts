import { assert } from '../../base/assert.ts';
import { formatUnits } from '../../money/amount.ts';
import type { Inspection, TransferOrder } from '../network.ts';
import { quoteFees, type FeePolicy } from './fees.ts';
import { readFinalized } from './finality.ts';
import type { CallAnswer, CallRequest, EvmNode, FeeHistory } from './node.ts';
import type { Hex } from './read-answer.ts';
import {
  consents,
  contractOf,
  describeRevert,
  findBlacklisting,
  lowerAddress,
  readBalance,
  readFeeRate,
  readPaused,
  transferCalldata,
} from './token.ts';

export interface InspectionSubject {
  readonly order: TransferOrder;
  /** Lower case. */
  readonly treasury: Hex;
  readonly policy: FeePolicy;
}

/**
 * A recipient that no issuer has a word about: the last 20 bytes of
 * Keccak-256("knit: control recipient"). Nobody has its key, and nothing is ever sent to it. What
 * the token refuses to it as well is not the recipient's doing.
 */
const CONTROL_RECIPIENT: Hex = '0x20c6688bc518b068c9499825755105a5b2b2735f';

/** What one node says of an order before anything is signed. Throws RpcFailure where it fails. */
export async function inspectOrder(node: EvmNode, subject: InspectionSubject): Promise<Inspection> {
  const { order, treasury } = subject;
  const { asset } = order;
  const contract = contractOf(asset);
  const held = await readBalance(node, { contract, owner: treasury }, 'latest');
  if (held < order.units) {
    const [has, needs] = [held, order.units].map((units) => formatUnits(units, asset.decimals));
    return wait(`The treasury is short of ${nameOf(order)}: has ${has}, needs ${needs}.`);
  }
  const account = lowerAddress(order.toAddress);
  const [answer, listing, feeRate, history, heldWei] = await Promise.all([
    node.call(transferCall(subject, account), 'latest'),
    findBlacklisting(node, { contract, account }, 'latest'),
    readFeeRate(node, contract),
    node.feeHistory(),
    node.balance(treasury),
  ]);
  const obstacle = takes(answer) ? null : await findObstacle(node, subject);
  if (obstacle !== null) return wait(obstacle);
  // Ethereum's USDT pays a blacklisted recipient, who then can never spend it: the listing decides.
  if (listing !== null) return await confirmBlacklisting(node, subject, account);
  if (!takes(answer)) return await confirmByControl(node, subject, answer);
  if (feeRate > 0n) {
    return wait(`${nameOf(order)} takes a fee; an exact transfer is not possible.`);
  }
  return inspectGas(subject, history, heldWei);
}

function wait(reason: string): Inspection {
  return { kind: 'wait', reason };
}

function nameOf(order: TransferOrder): string {
  return `${order.asset.token} on ${order.asset.network}`;
}

function transferCall(subject: InspectionSubject, to: Hex): CallRequest {
  const { order, treasury } = subject;
  return {
    from: treasury,
    to: contractOf(order.asset),
    data: transferCalldata(to, order.units),
  };
}

/** The treasury has to hold what a transfer can cost at most. */
function inspectGas(subject: InspectionSubject, history: FeeHistory, heldWei: bigint): Inspection {
  const { policy, order } = subject;
  const worstWei = quoteFees(history, policy).maxFeeWei * policy.gasCeiling;
  if (heldWei >= worstWei) return { kind: 'payable' };
  const [has, needs] = [heldWei, worstWei].map((wei) => formatUnits(wei, 18));
  return wait(
    `The treasury is short of gas on ${order.asset.network}: has ${has} coins, needs ${needs}.`,
  );
}

/** What stops every transfer of the treasury at the moment, whoever the recipient is. */
async function findObstacle(node: EvmNode, subject: InspectionSubject): Promise<string | null> {
  const { order, treasury } = subject;
  const contract = contractOf(order.asset);
  if (await readPaused(node, contract, 'latest')) {
    return `${nameOf(order)} is paused by its issuer.`;
  }
  const listed = await findBlacklisting(node, { contract, account: treasury }, 'latest');
  return listed === null ? null : `The treasury is blacklisted by the issuer of ${nameOf(order)}.`;
}

/** A listing that a reorganisation could take back is waited for: refusing is for good. */
async function confirmBlacklisting(
  node: EvmNode,
  subject: InspectionSubject,
  account: Hex,
): Promise<Inspection> {
  const { token } = subject.order.asset;
  const contract = contractOf(subject.order.asset);
  const block = await readFinalized(node);
  const listed = await findBlacklisting(node, { contract, account }, block.number);
  if (listed === null) {
    return wait(`The issuer of ${token} has blacklisted the recipient; that is not final yet.`);
  }
  return {
    kind: 'refused',
    reason: `The recipient address is blacklisted by the issuer of ${token}.`,
    proof: {
      block: { number: block.number.toString(), hash: block.hash },
      call: { to: contract, data: listed.data },
      result: true,
    },
  };
}

/**
 * The token refuses and does not say that the recipient is blacklisted. The recipient is the
 * cause where, at the newest and at the finalized block alike, it refuses in the same way while
 * it would take the same transfer to somebody else. Otherwise it may heal: wait.
 */
async function confirmByControl(
  node: EvmNode,
  subject: InspectionSubject,
  answer: CallAnswer,
): Promise<Inspection> {
  const words = describeAnswer(answer);
  if (words === null) return wait(`${nameOf(subject.order)} gave an unreadable answer.`);
  const block = await readFinalized(node);
  const order = transferCall(subject, lowerAddress(subject.order.toAddress));
  const control = transferCall(subject, CONTROL_RECIPIENT);
  const [then, controlNow, controlThen] = await Promise.all([
    node.call(order, block.number),
    node.call(control, 'latest'),
    node.call(control, block.number),
  ]);
  const isTheRecipient =
    then.kind === answer.kind &&
    then.data === answer.data &&
    takes(controlNow) &&
    takes(controlThen);
  if (!isTheRecipient) return wait(`${nameOf(subject.order)} would refuse the transfer: ${words}.`);
  return {
    kind: 'refused',
    reason: `The token contract refused the transfer: ${words}.`,
    proof: {
      block: { number: block.number.toString(), hash: block.hash },
      call: { from: subject.treasury, to: order.to, data: order.data },
      result: { [then.kind]: then.data },
    },
  };
}

function takes(answer: CallAnswer): boolean {
  return answer.kind === 'returned' && consents(answer.data);
}

/** Null for an answer that is neither consent nor refusal. */
function describeAnswer(answer: CallAnswer): string | null {
  if (answer.kind === 'reverted') return describeRevert(answer.data);
  const refuses = answer.data.length === 66 && BigInt(answer.data) === 0n;
  return refuses ? 'it answered false' : null;
}

/** Asserts what intake has made sure of, before any question is asked about it. */
export function assertOrder(order: TransferOrder, network: string): void {
  const to = lowerAddress(order.toAddress);
  assert(order.asset.network === network, `the order is not of ${network}`);
  assert(order.units > 0n && order.units < 2n ** 256n, 'the amount is out of range');
  assert(BigInt(to) !== 0n, 'the recipient is the zero address');
  assert(to !== contractOf(order.asset), 'the recipient is the token itself');
}

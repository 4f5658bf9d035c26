import type { Json } from '../../base/json.ts';
import { formatUnits } from '../../money/amount.ts';
import type { Asset } from '../../money/asset.ts';
import type { TransferOrder } from '../network.ts';
import { readFinalized } from './finality.ts';
import type { CallAnswer, CallRequest, EvmNode } from './node.ts';
import type { Hex } from './read-answer.ts';
import {
  consents,
  contractOf,
  describeRevert,
  findBlacklisting,
  lowerAddress,
  readBalance,
  readPaused,
  transferCalldata,
} from './token.ts';

export interface JudgedOrder {
  readonly order: TransferOrder;
  /** Lower case. */
  readonly treasury: Hex;
}

/** What a node says of one order before anything is signed. */
export type Judgement =
  | { readonly kind: 'payable' }
  | { readonly kind: 'wait'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly proof: Json };

/**
 * A recipient that no issuer has a word about: the last 20 bytes of
 * Keccak-256("knit: control recipient"). Nobody has its key, and nothing is ever sent to it. What
 * the token refuses to it as well is not the recipient's doing.
 */
const CONTROL_RECIPIENT: Hex = '0x20c6688bc518b068c9499825755105a5b2b2735f';

/**
 * Judges an order that a batch cannot hold, wholly on one node. Throws RpcFailure where it fails.
 * Only a refusal is for good: its proof is from a finalized block.
 */
export async function judgeOrder(node: EvmNode, subject: JudgedOrder): Promise<Judgement> {
  const { order, treasury } = subject;
  const { asset } = order;
  const contract = contractOf(asset);
  const held = await readBalance(node, { contract, owner: treasury }, 'latest');
  if (held < order.units) {
    const [has, needs] = [held, order.units].map((units) => formatUnits(units, asset.decimals));
    return wait(`The treasury is short of ${nameOf(asset)}: has ${has}, needs ${needs}.`);
  }
  const account = lowerAddress(order.toAddress);
  const [answer, listing, obstacle] = await Promise.all([
    node.call(transferCall(subject, account), 'latest'),
    findBlacklisting(node, { contract, account }, 'latest'),
    findObstacle(node, { asset, treasury }),
  ]);
  if (obstacle !== null) return wait(obstacle);
  // Ethereum's USDT pays a blacklisted recipient, who then can never spend it: the listing decides.
  if (listing !== null) return await confirmBlacklisting(node, subject, account);
  if (!takes(answer)) return await confirmByControl(node, subject, answer);
  return { kind: 'payable' };
}

function wait(reason: string): Judgement {
  return { kind: 'wait', reason };
}

/** "USDT on MATIC_MAINNET" */
export function nameOf({ token, network }: Asset): string {
  return `${token} on ${network}`;
}

function transferCall(subject: JudgedOrder, to: Hex): CallRequest {
  const { order, treasury } = subject;
  return {
    from: treasury,
    to: contractOf(order.asset),
    data: transferCalldata(to, order.units),
  };
}

/** What stops every transfer of the treasury at the moment, whoever the recipient is. */
export async function findObstacle(
  node: EvmNode,
  { asset, treasury }: { readonly asset: Asset; readonly treasury: Hex },
): Promise<string | null> {
  const contract = contractOf(asset);
  if (await readPaused(node, contract, 'latest'))
    return `${nameOf(asset)} is paused by its issuer.`;
  const listed = await findBlacklisting(node, { contract, account: treasury }, 'latest');
  return listed === null ? null : `The treasury is blacklisted by the issuer of ${nameOf(asset)}.`;
}

/** A listing that a reorganisation could take back is waited for: refusing is for good. */
async function confirmBlacklisting(
  node: EvmNode,
  subject: JudgedOrder,
  account: Hex,
): Promise<Judgement> {
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
  subject: JudgedOrder,
  answer: CallAnswer,
): Promise<Judgement> {
  const words = describeAnswer(answer);
  if (words === null) return wait(`${nameOf(subject.order.asset)} gave an unreadable answer.`);
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
  if (!isTheRecipient)
    return wait(`${nameOf(subject.order.asset)} would refuse the transfer: ${words}.`);
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

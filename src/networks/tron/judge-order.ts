import type { Json } from '../../base/json.ts';
import { formatUnits } from '../../money/amount.ts';
import type { Asset } from '../../money/asset.ts';
import type { TransferOrder } from '../network.ts';
import { readSolid } from './chain-state.ts';
import { base58Address, hexAddress, type HexAddress } from './hex-address.ts';
import type { CallAnswer, TronNode } from './node.ts';
import type { Block } from './read-answer.ts';
import {
  contractOf,
  describeCall,
  findBlacklisting,
  nameOf,
  readPaused,
  readUnits,
  tryTransfer,
  type TrialTransfer,
} from './token.ts';

export interface JudgedOrder {
  readonly order: TransferOrder;
  readonly treasury: HexAddress;
}

/** What a node says of one order before anything is signed. */
export type Judgement =
  | {
      readonly kind: 'payable';
      /** The most that the transfer takes, should the recipient turn out to have none of the token. */
      readonly energy: bigint;
    }
  | { readonly kind: 'wait'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string; readonly proof: Json };

/**
 * A recipient that no issuer has a word about: the last 20 bytes of
 * Keccak-256("knit: control recipient"). Nobody has its key, and nothing is ever sent to it. What
 * the token refuses to it as well is not the recipient's doing.
 */
const CONTROL_RECIPIENT: HexAddress = '4120c6688bc518b068c9499825755105a5b2b2735f';

/**
 * Judges one order wholly on one node. Throws RpcFailure where it fails. Only a refusal is for good: its proof
 * is from a solidified state.
 */
export async function judgeOrder(node: TronNode, subject: JudgedOrder): Promise<Judgement> {
  const { order, treasury } = subject;
  const { asset } = order;
  const contract = contractOf(asset);
  const account = hexAddress(order.toAddress);
  const [held, answer, control, listing] = await Promise.all([
    readUnits(node, { contract, owner: treasury }, 'newest'),
    tryTransfer(node, trialOf(subject, account), 'newest'),
    tryTransfer(node, trialOf(subject, CONTROL_RECIPIENT), 'newest'),
    findBlacklisting(node, { contract, account }, 'newest'),
  ]);
  if (held < order.units) {
    const [has, needs] = [held, order.units].map((units) => formatUnits(units, asset.decimals));
    return wait(`The treasury is short of ${nameOf(asset)}: has ${has}, needs ${needs}.`);
  }
  // USDT pays a blacklisted recipient, who then can never spend it: the listing decides.
  if (listing !== null) return await confirmBlacklisting(node, subject, account);
  if (answer.kind !== 'returned') return await confirmByControl(node, subject, { answer, control });
  const ofControl = control.kind === 'returned' ? control.energy : 0n;
  return { kind: 'payable', energy: answer.energy > ofControl ? answer.energy : ofControl };
}

function wait(reason: string): Judgement {
  return { kind: 'wait', reason };
}

function trialOf({ order, treasury }: JudgedOrder, to: HexAddress): TrialTransfer {
  return { contract: contractOf(order.asset), owner: treasury, to, units: order.units };
}

/** What stops every transfer of the treasury at the moment, whoever the recipient is. */
export async function findObstacle(
  node: TronNode,
  { asset, treasury }: { readonly asset: Asset; readonly treasury: HexAddress },
): Promise<string | null> {
  const contract = contractOf(asset);
  const [paused, listed] = await Promise.all([
    readPaused(node, contract),
    findBlacklisting(node, { contract, account: treasury }, 'newest'),
  ]);
  if (paused) return `${nameOf(asset)} is paused by its issuer.`;
  return listed === null ? null : `The treasury is blacklisted by the issuer of ${nameOf(asset)}.`;
}

/** A listing that a fork could take back is waited for: refusing is for good. */
async function confirmBlacklisting(
  node: TronNode,
  { order }: JudgedOrder,
  account: HexAddress,
): Promise<Judgement> {
  const { token } = order.asset;
  const contract = contractOf(order.asset);
  // Nodes answer of their newest solidified block, which is this one or a later one.
  const since = await readSolid(node);
  const method = await findBlacklisting(node, { contract, account }, 'solid');
  if (method === null) {
    return wait(`The issuer of ${token} has blacklisted the recipient; that is not final yet.`);
  }
  return {
    kind: 'refused',
    reason: `The recipient address is blacklisted by the issuer of ${token}.`,
    proof: {
      ...blockProof(since),
      call: { contract: base58Address(contract), method, account: order.toAddress },
      result: true,
    },
  };
}

/**
 * The token refuses and does not say that the recipient is blacklisted. The recipient is the cause where, at
 * the newest and at the solidified state alike, it refuses in the same way while it would take the same
 * transfer to somebody else. Otherwise it may heal: wait.
 */
async function confirmByControl(
  node: TronNode,
  subject: JudgedOrder,
  { answer, control }: { readonly answer: CallAnswer; readonly control: CallAnswer },
): Promise<Judgement> {
  const { asset, units, toAddress } = subject.order;
  const words = describeCall(answer);
  const refuses = `${nameOf(asset)} would refuse the transfer: ${words}.`;
  if (answer.kind !== 'reverted' || control.kind !== 'returned') return wait(refuses);
  const since = await readSolid(node);
  const [then, controlThen] = await Promise.all([
    tryTransfer(node, trialOf(subject, hexAddress(toAddress)), 'solid'),
    tryTransfer(node, trialOf(subject, CONTROL_RECIPIENT), 'solid'),
  ]);
  const isTheRecipient =
    then.kind === 'reverted' && then.data === answer.data && controlThen.kind === 'returned';
  if (!isTheRecipient) return wait(refuses);
  return {
    kind: 'refused',
    reason: `The token contract refused the transfer: ${words}.`,
    proof: {
      ...blockProof(since),
      call: {
        owner: base58Address(subject.treasury),
        contract: base58Address(contractOf(asset)),
        method: 'transfer(address,uint256)',
        to: toAddress,
        units: units.toString(),
      },
      result: { reverted: then.data },
    },
  };
}

/** The state was solidified at this block or at a later one. */
function blockProof({ number, hash }: Block): { readonly sinceBlock: Json } {
  return { sinceBlock: { number: number.toString(), hash } };
}

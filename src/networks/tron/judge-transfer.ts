import type { Json } from '../../base/json.ts';
import type { BlockReference, ItemFate, Sighting } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { referenceOf } from './chain-state.ts';
import { showTrx } from './fees.ts';
import type { FollowedTransfer } from './followed-transfer.ts';
import { base58Address } from './hex-address.ts';
import type { TransactionInfo } from './read-answer.ts';
import { describeRevert, transfersOf, type TransferEvent } from './token.ts';

/**
 * Judges a solidified transaction by the token's own Transfer event: paid where the only one out of the
 * treasury is exactly this amount to this recipient, undone where the call failed, which leaves no event.
 * What the contract answered says nothing. A call that succeeded with anything else is for a person.
 */
export function judgeTransfer(
  followed: FollowedTransfer,
  info: TransactionInfo,
  block: BlockReference,
): Extract<Sighting, { kind: 'final' | 'unknown' }> {
  if (info.result === null) throw new RpcFailure('the info of a call has no result');
  const { transfer } = followed;
  const moved = transfersOf(transfer.contract, info.logs).filter(
    // Anyone may have a token announce a transfer of nothing out of any account.
    ({ from, units }) => from === transfer.owner && units > 0n,
  );
  if (info.result !== 'SUCCESS')
    return final(followed, { info, block }, undone(followed, info, block));
  const [event, ...others] = moved;
  const isPaid = event?.to === transfer.to && event.units === transfer.units && others.length === 0;
  if (event !== undefined && isPaid) {
    const { payoutId } = followed.order;
    const proof = proofOf(followed, { info, block }, event);
    return final(followed, { info, block }, { kind: 'paid', payoutId, proof });
  }
  const events = moved.map(({ to, units }) => `${units} to ${base58Address(to)}`);
  const reason =
    `PERSON NEEDED: ${followed.txid} has run to its end, but the token does not say that it ` +
    `paid the order: ${events.length === 0 ? 'no transfer' : events.join(', ')}`;
  return { kind: 'unknown', needsPerson: true, reason };
}

interface Landed {
  readonly info: TransactionInfo;
  readonly block: BlockReference;
}

function final(
  { txid }: FollowedTransfer,
  { info, block }: Landed,
  fate: ItemFate,
): Extract<Sighting, { kind: 'final' }> {
  return {
    kind: 'final',
    transactionHash: txid,
    block: referenceOf(block),
    feeUnits: info.feeSun,
    fates: [fate],
  };
}

/**
 * Whose matter it was is asked before it is signed for again: an order that its recipient makes impossible is
 * refused by the inspection, with a proof of its own.
 */
function undone(
  followed: FollowedTransfer,
  info: TransactionInfo,
  block: BlockReference,
): ItemFate {
  const { payoutId } = followed.order;
  const burned = `${showTrx(info.feeSun)} were burned`;
  const reason = `${causeOf(followed, info)}; nothing moved, ${burned}.`;
  return { kind: 'undone', payoutId, reason, proof: proofOf(followed, { info, block }, null) };
}

function causeOf({ order }: FollowedTransfer, { result, returned }: TransactionInfo): string {
  const { token } = order.asset;
  if (result === 'OUT_OF_ENERGY') return 'The transaction ran out of energy';
  if (result === 'REVERT') {
    return `The ${token} contract reverted the transfer: ${describeRevert(returned)}`;
  }
  return `The ${token} contract's call ended with ${result ?? 'no result'}`;
}

/** `logIndex`: of the Transfer among all events of the transaction. */
function proofOf(
  { txid, transfer }: FollowedTransfer,
  { info, block }: Landed,
  event: TransferEvent | null,
): Json {
  return {
    transactionHash: txid,
    blockNumber: block.number.toString(),
    blockHash: block.hash,
    token: base58Address(transfer.contract),
    treasury: base58Address(transfer.owner),
    to: base58Address(transfer.to),
    units: transfer.units.toString(),
    result: info.result,
    energy: info.energyUsed.toString(),
    ...(event === null ? {} : { logIndex: event.logIndex.toString() }),
  };
}

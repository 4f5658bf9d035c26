import { bytesToHex } from '@noble/hashes/utils.js';
import { present } from '../../base/assert.ts';
import type { Json } from '../../base/json.ts';
import type { BlockReference, ItemFate, Sighting } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { unitsAround, type ExecutedTransaction } from './executed-transaction.ts';
import type { FollowedAttempt } from './followed-attempt.ts';
import { judgeFinalized } from './judge-recipient.ts';
import type { SolanaNode } from './node.ts';
import { transferIndexesOf, type PayoutTransfer } from './payout-message.ts';
import type { TransactionError } from './read-answer.ts';
import { culpritOf, describeError } from './simulate-batch.ts';

interface Landed {
  readonly attempt: FollowedAttempt;
  readonly transaction: ExecutedTransaction;
  readonly block: BlockReference;
}

/**
 * What a final transaction of an attempt did for each of its orders, by the transfers themselves: what the
 * token accounts held before and after. Throws RpcFailure where the node contradicts itself or what was
 * signed; what only a person can explain is `unknown`.
 */
export async function judgeTransaction(node: SolanaNode, landed: Landed): Promise<Sighting> {
  const { attempt, transaction, block } = landed;
  assertItsBytes(node, attempt, transaction);
  const { error } = transaction;
  const rents = readRents(node, landed);
  const doubt = findDoubt(landed);
  if (doubt !== null) return { kind: 'unknown', needsPerson: true, reason: doubt };
  const fates =
    error === null ? payments(landed, rents) : await failures(node, { ...landed, error });
  const feeUnits = transaction.feeLamports + [...rents.values()].reduce((sum, it) => sum + it, 0n);
  return { kind: 'final', transactionHash: attempt.signature, block, feeUnits, fates };
}

/** The signature proves the message; it must be this one to the last byte. */
function assertItsBytes(
  node: SolanaNode,
  { messageBytes }: FollowedAttempt,
  { parsed }: ExecutedTransaction,
): void {
  if (bytesToHex(parsed.messageBytes) === bytesToHex(messageBytes)) return;
  throw new RpcFailure(`${node.label}: shows other bytes under the signature`);
}

/**
 * What the treasury paid into token accounts that were opened for it, by payout. Nothing else but the fee
 * takes coins out of it.
 */
function readRents(
  node: SolanaNode,
  { attempt, transaction }: Landed,
): ReadonlyMap<string, bigint> {
  const rents = new Map<string, bigint>();
  for (const { payoutId, destination, opensFor } of attempt.message.transfers) {
    if (opensFor === null) continue;
    const index = transaction.accounts.indexOf(destination);
    const { before, after } = transaction.lamportsOf(index);
    if (after < before) throw new RpcFailure(`${node.label}: an opened account has lost coins`);
    if (after > before) rents.set(payoutId, after - before);
  }
  const { before, after } = transaction.lamportsOf(0);
  const spent = [...rents.values()].reduce((sum, it) => sum + it, transaction.feeLamports);
  if (before - after === spent) return rents;
  throw new RpcFailure(`${node.label}: the treasury's coins do not add up`);
}

/** Null where every token account has moved by what was signed for it, or, in a failure, by nothing. */
function findDoubt({ attempt, transaction }: Landed): string | null {
  const { message, source } = attempt;
  const { mint, transfers } = message;
  const expected = new Map<string, bigint>();
  const add = (account: string, units: bigint): void => {
    expected.set(account, (expected.get(account) ?? 0n) + units);
  };
  for (const { destination, units } of transfers) {
    add(destination, transaction.error === null ? units : 0n);
    add(source, transaction.error === null ? -units : 0n);
  }
  for (const [account, units] of expected) {
    const { before, after } = unitsAround(transaction, { account, mint });
    if (transaction.error !== null && after !== before) {
      throw new RpcFailure(`a failed transaction has moved units of ${account}`);
    }
    if (after - before !== units) {
      return `PERSON NEEDED: transaction ${attempt.signature} moved ${after - before} units of ${mint} in ${account}, and ${units} were signed for`;
    }
  }
  return null;
}

function payments(landed: Landed, rents: ReadonlyMap<string, bigint>): ItemFate[] {
  const indexes = transferIndexesOf(landed.attempt.message);
  return landed.attempt.message.transfers.map((transfer, at): ItemFate => {
    const { payoutId } = transfer;
    const instruction = present(indexes[at], 'a transfer is an instruction');
    const proof = proofOf(landed, transfer, { instruction });
    const ownFeeUnits = rents.get(payoutId);
    return ownFeeUnits === undefined
      ? { kind: 'paid', payoutId, proof }
      : { kind: 'paid', payoutId, proof, ownFeeUnits };
  });
}

/**
 * A failing instruction undoes the whole transaction. Only its payout can be the cause, and only where the
 * recipient's account is, in a final state, one that refuses; the others are tried again.
 */
async function failures(
  node: SolanaNode,
  landed: Landed & { readonly error: NonNullable<TransactionError> },
): Promise<ItemFate[]> {
  const { attempt, error } = landed;
  const words = describeError(error);
  const culprit = culpritOf(attempt.message.transfers, error);
  return await Promise.all(
    attempt.message.transfers.map(async (transfer, at): Promise<ItemFate> => {
      const { payoutId } = transfer;
      const proof = proofOf(landed, transfer, { error, isCulprit: transfer === culprit });
      if (transfer !== culprit) {
        const whose = culprit === null ? '' : ', which was of another payout';
        const reason = `The transaction failed: ${words}${whose}.`;
        return { kind: 'undone', payoutId, reason, proof };
      }
      const order = present(attempt.orders[at], 'each transfer has its order');
      const verdict = await judgeFinalized(node, order, attempt.message.treasury);
      if (verdict.kind === 'refused') {
        const shown = proofOf(landed, transfer, {
          error,
          isCulprit: true,
          recipient: verdict.proof,
        });
        return { kind: 'refused', payoutId, reason: verdict.reason, proof: shown };
      }
      return { kind: 'undone', payoutId, reason: `The transfer failed: ${words}.`, proof };
    }),
  );
}

/** The payouts that failed a transaction, by the proofs of their fates. */
export function culpritsOf(fates: readonly ItemFate[]): string[] {
  return fates.flatMap(({ payoutId, proof }) =>
    typeof proof === 'object' && proof !== null && 'isCulprit' in proof && proof.isCulprit === true
      ? [payoutId]
      : [],
  );
}

/** The same from every node that says the same. */
function proofOf(
  { attempt, block }: Landed,
  { destination, units }: PayoutTransfer,
  outcome: Readonly<Record<string, Json>>,
): Json {
  const { signature, message, source } = attempt;
  return {
    transactionHash: signature,
    blockNumber: block.number.toString(),
    blockHash: block.hash,
    mint: message.mint,
    source,
    destination,
    units: units.toString(),
    ...outcome,
  };
}

import { sha256 } from '@noble/hashes/sha2.js';
import { assert } from '../../base/assert.ts';
import { SigningPostponed, type SignedAttempt, type SigningOrder } from '../network.ts';
import { readHead, type Head } from './chain-state.ts';
import { assertPays, readSignedTransfer } from './followed-transfer.ts';
import { hexAddress } from './hex-address.ts';
import { treasuryAddress, type Payer } from './payer.ts';
import { contractOf } from './token.ts';
import {
  encodeSigned,
  encodeTransfer,
  referenceTo,
  type TransferTransaction,
} from './transfer-transaction.ts';

/**
 * Nothing is signed where the newest block and the clock are further apart: the chain stands, the nodes are
 * behind, or the clock is wrong. It bounds how long after it was signed, by the clock, a transaction lives.
 */
export const MOST_APART_MS = 60_000;

/**
 * What is written into `timestamp` is this and the number of the attempt. The chain does not read it, and a
 * number is given once: two payouts of one amount to one address never make the same transaction. A memo could
 * tell them apart too, for 1 TRX each (`getMemoFee`). 2026-01-01T00:00:00Z.
 */
const FIRST_TIMESTAMP_MS = 1_767_225_600_000n;

/** Signs the transfer of one payout. It carries itself: the transaction is the attempt. */
export async function signAttempt(payer: Payer, order: SigningOrder): Promise<SignedAttempt> {
  const { number, lane } = order;
  const [payout, ...others] = order.orders;
  assert(payout !== undefined && others.length === 0, 'a Tron transaction pays one payout');
  assert(number >= 0n, 'the number of an attempt is negative');
  assert(lane.sender === treasuryAddress(payer), 'the treasury sends its transfers itself');
  assert(lane.sequence === number, 'the place of a Tron transaction is its number');
  const feeLimitSun = readFeeLimit(payer, order);
  const head = await readHead(payer.pool);
  assertClocks(payer, head);
  const transfer: TransferTransaction = {
    owner: payer.treasury,
    contract: contractOf(payout.asset),
    to: hexAddress(payout.toAddress),
    units: payout.units,
    // A solidified block is on every branch: no fork makes the transaction one of another chain.
    reference: referenceTo(head.solid.hash),
    expirationMs: (head.latest.timeMs / 1_000n + payer.lifetimeSeconds) * 1_000n,
    timestampMs: FIRST_TIMESTAMP_MS + number,
    feeLimitSun,
  };
  assertPays(transfer, payout);
  const { txid, rawTransaction } = await signTransfer(payer, transfer);
  return {
    fence: txid,
    payer: lane.sender,
    authority: rawTransaction,
    authorityHash: txid,
    validUntil: new Date(Number(transfer.expirationMs)),
    validUntilBlock: null,
    // It can lie in a block that takes the place of the newest, and in none that is solidified already.
    sinceBlock: head.solid.number + 1n,
    payoutIds: [payout.payoutId],
    transaction: { ...lane, transactionHash: txid, rawTransaction, spends: [] },
  };
}

function readFeeLimit(payer: Payer, { plan }: SigningOrder): bigint {
  const { feeLimitSun } = plan;
  assert(typeof feeLimitSun === 'bigint', 'the plan has the fee limit');
  const isInRange = feeLimitSun > 0n && feeLimitSun <= payer.feeCeilingSun;
  assert(isInRange, 'the fee limit is out of range');
  return feeLimitSun;
}

function assertClocks({ clock }: Payer, { latest }: Head): void {
  const now = BigInt(clock.now().getTime());
  const apart = latest.timeMs > now ? latest.timeMs - now : now - latest.timeMs;
  if (apart <= BigInt(MOST_APART_MS)) return;
  const seconds = apart / 1_000n;
  throw new SigningPostponed(
    `The newest block of TRON_MAINNET and the clock are ${seconds} seconds apart.`,
  );
}

/** Gives the signature away only after it has been read back out of its bytes as what was ordered. */
async function signTransfer(
  { signer, treasury }: Payer,
  transfer: TransferTransaction,
): Promise<{ readonly txid: string; readonly rawTransaction: Uint8Array }> {
  const rawData = encodeTransfer(transfer);
  const rawTransaction = encodeSigned(rawData, toWire(await signer.sign(sha256(rawData))));
  const said = readSignedTransfer(rawTransaction);
  assert(said.transfer.owner === treasury, 'the signature is not of the treasury');
  const again = encodeTransfer(said.transfer);
  assert(Buffer.compare(again, rawData) === 0, 'the signed bytes say something else');
  return { txid: said.txid, rawTransaction };
}

/** java-tron has the recovery id as 27 or 28. */
function toWire(signature: Uint8Array): Uint8Array {
  const recoveryId = signature[64];
  assert(
    signature.length === 65 && (recoveryId === 0 || recoveryId === 1),
    'the signature is malformed',
  );
  return Uint8Array.of(...signature.subarray(0, 64), 27 + recoveryId);
}

import type { Tx } from '../database/database.ts';
import { formatUnits } from '../money/amount.ts';
import type { Asset, NetworkId } from '../money/asset.ts';
import type { Movement } from '../networks/network.ts';
import { checkEnded } from './check-ended.ts';
import { explainMovements } from './explain-movements.ts';
import {
  bookMovements,
  findBookedKeys,
  findExplanations,
  findOwnTransactions,
  keyOf,
  sumMovements,
  sumOpenUnits,
} from './internal/movement-store.ts';
import {
  lockReconciliation,
  saveReconciliation,
  type Reconciliation,
} from './internal/reconciliation-store.ts';
import { stopNetwork } from './network-state.ts';
import { expectedUnits } from './reconciliation.ts';
import type { Settlement } from './settlement.ts';

type Booker = Pick<Settlement, 'database' | 'clock' | 'log'>;

/** What the chain says of the blocks after the scanned one, up to `to`. */
export interface Reading {
  readonly to: { readonly number: bigint; readonly hash: string | null };
  /** In the order of the chain; none of zero units. */
  readonly movements: readonly Movement[];
  /** The payer's units at the end of `to`; null where they were not asked for. */
  readonly chainUnits: bigint | null;
}

interface Round {
  readonly asset: Asset;
  readonly row: Reconciliation;
  readonly at: Date;
  /** Why signing stops. */
  readonly reasons: Reason[];
}

interface Reason {
  readonly text: string;
  /** Found in this round; what was found before has had its alarm. */
  readonly isNew: boolean;
}

/**
 * Books a reading in one transaction: its transfers with what explains them, the figures that follow,
 * and the attempts that have ended. Stops the network where anything does not fit. Without a reading
 * only the attempts are looked at. Gives the row as it is now; undefined where another worker has gone
 * on from `before`, or the figures do not add up, so that this worker does not go on either.
 */
export async function bookRange(
  booker: Booker,
  asset: Asset,
  work: { readonly before: Reconciliation; readonly reading: Reading | null },
): Promise<Reconciliation | undefined> {
  const { database, clock, log } = booker;
  const { before, reading } = work;
  const { network, token } = before;
  const done = await database.transaction(async (tx) => {
    const row = await lockReconciliation(tx, { network, token });
    if (row === undefined || row.scannedNumber !== before.scannedNumber) return undefined;
    if (row.openedNumber !== before.openedNumber) return undefined;
    const round: Round = { asset, row, at: clock.now(), reasons: [] };
    const moved = reading === null ? row : await bookReading(tx, round, reading);
    const after = await settleEnded(tx, round, moved);
    await saveReconciliation(tx, { ...after, updatedAt: round.at });
    return { before: row, after, alarms: await stopFor(tx, network, round) };
  });
  if (done === undefined) return undefined;
  tell(log, asset, done);
  const isStuck = reading !== null && done.after.scannedNumber !== reading.to.number;
  return isStuck ? undefined : done.after;
}

async function bookReading(tx: Tx, round: Round, reading: Reading): Promise<Reconciliation> {
  const { asset, row, at, reasons } = round;
  const { network, token } = row;
  for (const movement of await bookNew(tx, round, reading.movements)) {
    const text = unexplained(asset, movement);
    reasons.push({ text, isNew: true });
  }
  const { number, hash } = reading.to;
  const span = { network, token, after: row.scannedNumber, upTo: number };
  const sums = await sumMovements(tx, span);
  const moved = {
    ...row,
    scannedNumber: number,
    scannedHash: hash,
    inUnits: row.inUnits + sums.inUnits,
    outUnits: row.outUnits + sums.outUnits,
  };
  if (reading.chainUnits === null) return moved;
  const differenceUnits = reading.chainUnits - expectedUnits(moved);
  const checked = {
    checkedNumber: number,
    chainUnits: reading.chainUnits,
    openUnits: await sumOpenUnits(tx, { network, token }),
    differenceUnits,
    updatedAt: at,
  };
  if (differenceUnits === 0n) return { ...moved, ...checked };
  const isNew = differenceUnits !== row.differenceUnits;
  reasons.push({ text: differenceReason(asset, moved, checked), isNew });
  // The blocks are read again: what is missing may have been a node's fault.
  return { ...row, ...checked };
}

/** Gives those that go out and that nothing explains, of what was not booked before. */
async function bookNew(tx: Tx, round: Round, movements: readonly Movement[]): Promise<Movement[]> {
  const { network, token } = round.row;
  const known = await findBookedKeys(tx, network, movements);
  const fresh = movements.filter((movement) => !known.has(keyOf(movement)));
  const fences = fresh.flatMap(({ carried }) => (carried === null ? [] : [carried.fence]));
  const offered = await findExplanations(tx, { network, token }, fences);
  const explained = explainMovements(network, fresh, offered);
  const fees = fresh.filter(({ kind }) => kind === 'fee');
  const hashesOfFees = fees.map(({ transactionHash }) => transactionHash);
  const own = await findOwnTransactions(tx, network, hashesOfFees);
  const isOwnFee = ({ kind, transactionHash }: Movement): boolean =>
    kind === 'fee' && own.has(transactionHash);
  await bookMovements(
    tx,
    { network, token, at: round.at },
    movements.map((movement) => ({
      movement,
      explanation: explained.get(movement) ?? null,
      isOwnFee: isOwnFee(movement),
    })),
  );
  return fresh.filter(
    (movement) => movement.direction === 'out' && !explained.has(movement) && !isOwnFee(movement),
  );
}

function unexplained(
  asset: Asset,
  { kind, transactionHash, units, counterparty }: Movement,
): string {
  const amount = amountOf(asset, units);
  return kind === 'fee'
    ? `transaction ${transactionHash} took a fee of ${amount}, and Knit did not sign it`
    : `transaction ${transactionHash} sent ${amount} to ${counterparty}, which no attempt explains`;
}

async function settleEnded(tx: Tx, round: Round, row: Reconciliation): Promise<Reconciliation> {
  const { asset, at, reasons } = round;
  const { openedNumber, scannedNumber } = row;
  const ended = await checkEnded(tx, { asset, openedNumber, scannedNumber, at });
  const sentences = ended.contradictions.flatMap((contradiction) => contradiction.sentences);
  reasons.push(...sentences.map((text) => ({ text, isNew: false })));
  return { ...row, paidUnits: row.paidUnits + ended.paidUnits };
}

function differenceReason(
  asset: Asset,
  moved: Reconciliation,
  checked: Pick<Reconciliation, 'checkedNumber' | 'chainUnits' | 'differenceUnits'>,
): string {
  const amount = (units: bigint): string => amountOf(asset, units);
  return `the payer holds ${amount(checked.chainUnits)} at block ${checked.checkedNumber}, and should hold ${amount(expectedUnits(moved))}: ${amount(moved.openingUnits)} at block ${moved.openedNumber}, ${amount(moved.inUnits)} in, ${amount(moved.outUnits)} out, ${amount(moved.adjustedUnits)} adjusted; the difference is ${amount(checked.differenceUnits)}`;
}

function amountOf(asset: Asset, units: bigint): string {
  return `${formatUnits(units, asset.decimals)} ${asset.token}`;
}

/** Gives the reasons that a person has not been told of. */
async function stopFor(tx: Tx, network: NetworkId, round: Round): Promise<string[]> {
  const alarms: string[] = [];
  for (const { text, isNew } of round.reasons) {
    const isFirst = await stopNetwork(tx, { network, reason: text, at: round.at });
    if (isFirst || isNew) alarms.push(text);
  }
  return alarms;
}

function tell(
  log: Booker['log'],
  asset: Asset,
  done: {
    readonly before: Reconciliation;
    readonly after: Reconciliation;
    readonly alarms: readonly string[];
  },
): void {
  const { before, after, alarms } = done;
  const { token } = asset;
  for (const reason of alarms) {
    log.error({ token, alarm: true }, `signing has stopped: ${reason}`);
  }
  if (!isShort(after) || isShort(before)) return;
  const [held, open] = [amountOf(asset, after.chainUnits), amountOf(asset, after.openUnits)];
  const words = `the treasury held ${held} at block ${after.checkedNumber}, and ${open} are signed for and not found there`;
  log.error({ token, alarm: true }, words);
}

/** What is signed for exceeds what is there to pay it. */
function isShort({ openUnits, chainUnits }: Reconciliation): boolean {
  return openUnits > chainUnits;
}

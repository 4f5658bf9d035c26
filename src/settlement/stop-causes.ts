import { assert } from '../base/assert.ts';
import type { Queryable, Tx } from '../database/database.ts';
import { formatUnits } from '../money/amount.ts';
import type { NetworkId, Token } from '../money/asset.ts';
import { findContradictions } from './check-ended.ts';
import { findLedgerProblems } from './compare-ledger.ts';
import { acceptMovements, insertAcceptance } from './internal/acceptance-store.ts';
import { noteReconciled } from './internal/ended-attempt-store.ts';
import { listUnexplained, type UnexplainedMovement } from './internal/movement-store.ts';
import {
  acceptDifference,
  deleteReconciliations,
  listReconciliations,
  type Reconciliation,
} from './internal/reconciliation-store.ts';
import { findWatchedBlocks, forgetChain } from './internal/watched-blocks.ts';
import type { AssetOf } from './order.ts';

/**
 * Something in the way of signing that settlement's own tables show. A person may accept it by its
 * subject, but for LEDGER: books that do not balance have a mistake in them that no word removes.
 *   MOVEMENTS   subject: a transaction     ATTEMPT  an attempt's id
 *   DIFFERENCE  a token                    CHAIN    the hash of a block     LEDGER  a token's sentence
 */
export interface StopCause {
  readonly kind: 'MOVEMENTS' | 'ATTEMPT' | 'DIFFERENCE' | 'CHAIN' | 'LEDGER';
  readonly subject: string;
  /** Of DIFFERENCE, in the asset's units. */
  readonly units: bigint | null;
  readonly sentence: string;
}

/** All that is in the way on a network, whatever it was stopped for. */
export async function findStopCauses(
  db: Queryable,
  network: NetworkId,
  assetOf: AssetOf,
): Promise<StopCause[]> {
  const amount = (token: Token, units: bigint): string => {
    const asset = assetOf(network, token);
    return asset === undefined
      ? `${units} units of ${token}`
      : `${formatUnits(units, asset.decimals)} ${token}`;
  };
  const rows = await listReconciliations(db, network);
  const ledger = await findLedgerProblems(db, assetOf);
  return [
    ...(await chainCauses(db, network)),
    ...movementCauses(await listUnexplained(db, network), amount),
    ...(await attemptCauses(db, rows, assetOf)),
    ...differenceCauses(rows, amount),
    ...ledger.problems.map((sentence) => cause('LEDGER', sentence, sentence)),
  ];
}

type AmountText = (token: Token, units: bigint) => string;

function cause(kind: StopCause['kind'], subject: string, sentence: string): StopCause {
  return { kind, subject, units: null, sentence };
}

async function chainCauses(db: Queryable, network: NetworkId): Promise<StopCause[]> {
  const denied = (await findWatchedBlocks(db, network))?.denied ?? null;
  if (denied === null) return [];
  const { number, hash } = denied;
  return [
    cause('CHAIN', hash, `block ${number} (${hash}) could not change, and the nodes deny it`),
  ];
}

function movementCauses(
  movements: readonly UnexplainedMovement[],
  amount: AmountText,
): StopCause[] {
  const byTransaction = Map.groupBy(movements, ({ transactionHash }) => transactionHash);
  return [...byTransaction].map(([hash, group]) => {
    const sent = group.map(
      (it) =>
        `${amount(it.token, it.units)} to ${it.counterparty === '' ? 'nobody, as its fee' : it.counterparty}`,
    );
    const block = group[0]?.blockNumber ?? 0n;
    const what = `transaction ${hash} of block ${block} sent ${sent.join(', ')}`;
    return cause('MOVEMENTS', hash, `${what}, which no attempt explains`);
  });
}

async function attemptCauses(
  db: Queryable,
  rows: readonly Reconciliation[],
  assetOf: AssetOf,
): Promise<StopCause[]> {
  const found: StopCause[] = [];
  for (const { network, token, openedNumber, scannedNumber } of rows) {
    const asset = assetOf(network, token);
    if (asset === undefined) continue;
    const span = { asset, openedNumber, scannedNumber };
    for (const { attemptId, sentences } of await findContradictions(db, span)) {
      found.push(cause('ATTEMPT', attemptId, `attempt ${attemptId}: ${sentences.join('; ')}`));
    }
  }
  return found;
}

function differenceCauses(rows: readonly Reconciliation[], amount: AmountText): StopCause[] {
  return rows
    .filter(({ differenceUnits }) => differenceUnits !== 0n)
    .map((row) => {
      const { token, differenceUnits: units, checkedNumber } = row;
      const more = units > 0n ? 'more' : 'less';
      const size = amount(token, units > 0n ? units : -units);
      const sentence = `at block ${checkedNumber} the payer held ${size} ${more} than its transfers explain`;
      return { kind: 'DIFFERENCE', subject: token, units, sentence };
    });
}

/** Who takes it upon themselves, and why. */
export interface Acceptance {
  readonly network: NetworkId;
  readonly acceptanceId: string;
  readonly acceptedBy: string;
  readonly because: string;
  readonly at: Date;
}

/**
 * Records a person's word and takes the cause out of the way, which was read in the same transaction.
 * False where it has changed meanwhile: then nothing may be committed.
 */
export async function acceptCause(
  tx: Tx,
  accepted: StopCause,
  acceptance: Acceptance,
): Promise<boolean> {
  const { network, acceptanceId, at } = acceptance;
  const { kind, subject, units } = accepted;
  assert(kind !== 'LEDGER', 'books that do not balance cannot be accepted');
  await insertAcceptance(tx, { ...acceptance, kind, subject, units });
  switch (kind) {
    case 'MOVEMENTS':
      return (await acceptMovements(tx, { network, transactionHash: subject, acceptanceId })) > 0;
    case 'ATTEMPT':
      return (await noteReconciled(tx, { network, attemptIds: [subject], at })) === 1;
    case 'DIFFERENCE':
      return await acceptDifference(tx, { network, token: subject, units: units ?? 0n, at });
    case 'CHAIN':
      await deleteReconciliations(tx, network);
      return await forgetChain(tx, { network, hash: subject, at });
  }
}

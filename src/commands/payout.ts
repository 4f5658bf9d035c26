import type { Command } from 'commander';
import { Fault } from '../base/fault.ts';
import type { Json } from '../base/json.ts';
import { formatTime } from '../base/time.ts';
import { findHistory, type PayoutChange } from '../payouts/find-history.ts';
import { findPayout } from '../payouts/find-payouts.ts';
import type { Payout } from '../payouts/payout.ts';
import { findAttempts, type AttemptView } from '../settlement/find-attempts.ts';
import { findOrderView, type OrderView } from '../settlement/find-order-view.ts';
import type { CommandDeps } from './command-deps.ts';
import { withDatabase } from './open-database.ts';
import { businessCommand, requireBusiness, type BusinessOptions } from './operator-command.ts';
import { parseId } from './parse-option.ts';
import { amountText, pairs, respond, type Answer } from './respond.ts';

interface PayoutView {
  readonly payout: Payout;
  readonly history: readonly PayoutChange[];
  readonly settlement: OrderView | undefined;
  readonly attempts: readonly AttemptView[];
}

interface ShowOptions extends BusinessOptions {
  readonly payout: string;
}

export function addPayoutCommands(program: Command, deps: CommandDeps): void {
  const payout = program.command('payout').description('Payouts.');
  businessCommand(payout, 'show', 'Shows a payout, its history and every attempt to pay it.')
    .requiredOption('--payout <id>', 'the payout', parseId)
    .action(async (options: ShowOptions) => {
      respond(deps, options, await show(deps, options));
    });
}

async function show(deps: CommandDeps, options: ShowOptions): Promise<Answer> {
  const view = await withDatabase(deps, async (database): Promise<PayoutView> => {
    await requireBusiness(database, options.business);
    const payout = await findPayout(database, options.business, options.payout);
    if (payout === undefined) throw new Fault('NOT_FOUND', 'Payout not found');
    return {
      payout,
      history: await findHistory(database, payout),
      settlement: await findOrderView(database, payout),
      attempts: await findAttempts(database, payout),
    };
  });
  return { json: viewJson(view), lines: viewLines(view) };
}

function viewJson({ payout, history, settlement, attempts }: PayoutView): Json {
  const { units, createdAt, updatedAt, ...rest } = payout;
  return {
    ...rest,
    amount: amountText(units),
    createdAt: formatTime(createdAt),
    updatedAt: formatTime(updatedAt),
    history: history.map((change) => ({ ...change, changedAt: formatTime(change.changedAt) })),
    settlement:
      settlement === undefined
        ? null
        : { ...settlement, updatedAt: formatTime(settlement.updatedAt) },
    attempts: attempts.map((attempt) => ({
      ...attempt,
      validUntil: attempt.validUntil === null ? null : formatTime(attempt.validUntil),
      transactions: attempt.transactions.map((it) => ({
        ...it,
        createdAt: formatTime(it.createdAt),
      })),
      createdAt: formatTime(attempt.createdAt),
      updatedAt: formatTime(attempt.updatedAt),
    })),
  };
}

function viewLines({ payout, history, settlement, attempts }: PayoutView): string[] {
  return [
    ...pairs([
      ['payout', payout.payoutId],
      ['status', payout.status],
      ['amount', `${amountText(payout.units)} ${payout.token} on ${payout.network}`],
      ['to', payout.toAddress],
      ['reference', payout.merchantReference ?? '-'],
      ['transaction', payout.transactionHash ?? '-'],
      ['info', payout.info ?? '-'],
      ['settlement', settlementText(settlement)],
    ]),
    'history',
    ...history.map(historyText),
    attempts.length === 0 ? 'nothing was ever signed for it' : 'attempts',
    ...attempts.flatMap(attemptTexts),
  ];
}

function settlementText(settlement: OrderView | undefined): string {
  if (settlement === undefined) return 'not taken over yet';
  const { state, waitingFor } = settlement;
  return waitingFor === null ? state : `${state}, waits: ${waitingFor}`;
}

function historyText(change: PayoutChange): string {
  const detail = change.detail === null ? '' : `: ${change.detail}`;
  return `  ${formatTime(change.changedAt)}  ${change.status}${detail}`;
}

function attemptTexts(attempt: AttemptView): string[] {
  const { createdAt, fence, state, fate, reason } = attempt;
  const why = reason === null ? '' : `: ${reason}`;
  return [
    `  ${formatTime(createdAt)}  ${fence}  ${state}, this payout ${fate}${why}`,
    ...attempt.transactions.map(
      (it) => `    ${formatTime(it.createdAt)}  ${it.transactionHash}  ${it.state}`,
    ),
  ];
}

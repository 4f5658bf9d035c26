import type { Command } from 'commander';
import type { Business } from '../businesses/business.ts';
import { CommitUnknown } from '../database/sql-failure.ts';
import type { Queryable, Tx } from '../database/database.ts';
import type { IdSource } from '../base/id.ts';
import type { MoveOrder, MoveOutcome } from '../ledger/move.ts';
import type { Token } from '../money/asset.ts';
import type { CommandDeps } from './command-deps.ts';
import { confirm } from './confirm.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { withDatabase } from './open-database.ts';
import {
  businessCommand,
  requireBusiness,
  withConfirmation,
  type BusinessOptions,
  type ConfirmOptions,
} from './operator-command.ts';
import { parseAmount, parseId, parseToken } from './parse-option.ts';
import { amountText, pairs, respond, type Answer } from './respond.ts';

/** A command that moves money of a business, once a reference. */
export interface MoneyMove {
  readonly name: string;
  readonly summary: string;
  /** What the operator is asked to confirm: a sentence. */
  readonly title: string;
  /** Refuses, before anybody is asked, what cannot be done. Throws faults. */
  readonly check: (db: Queryable, order: { businessId: string; token: Token }) => Promise<unknown>;
  readonly move: (tx: Tx, ids: IdSource, order: MoveOrder) => Promise<MoveOutcome>;
}

interface MoveOptions extends BusinessOptions, ConfirmOptions {
  readonly token: Token;
  readonly amount: bigint;
  readonly reference?: string;
}

export function addMoneyMove(parent: Command, deps: CommandDeps, move: MoneyMove): void {
  withConfirmation(businessCommand(parent, move.name, move.summary))
    .requiredOption('--token <token>', 'USDT, USDC or BTC', parseToken)
    .requiredOption('--amount <decimal>', 'how much, in whole tokens, such as 1000.50', parseAmount)
    .option(
      '--reference <uuid>',
      'the name of this order: it moves money once, however often it is given (default: a new one)',
      parseId,
    )
    .action(async (options: MoveOptions) => {
      respond(deps, options, await run(deps, options, move));
    });
}

async function run(deps: CommandDeps, options: MoveOptions, move: MoneyMove): Promise<Answer> {
  const { business: businessId, token, amount: units } = options;
  const referenceId = options.reference ?? deps.ids.next();
  const order = { businessId, token, units, referenceId, at: deps.clock.now() };
  const outcome = await withDatabase(deps, async (database, config) => {
    const business = await requireBusiness(database, businessId);
    await move.check(database, order);
    await confirm(deps, config, {
      title: move.title,
      facts: factsOf(business, order),
      confirmation: options.confirm,
    });
    try {
      return await database.transaction(async (tx) => await move.move(tx, deps.ids, order));
    } catch (error) {
      if (error instanceof CommitUnknown) throw unknownOutcome(referenceId);
      throw error;
    }
  });
  const amount = amountText(units);
  return {
    json: { businessId, token, amount, reference: referenceId, outcome },
    lines: [outcome === 'moved' ? 'done' : 'already done', ...pairs([['reference', referenceId]])],
  };
}

function factsOf(business: Business, order: MoveOrder): [string, string][] {
  return [
    ['business', `${business.name} (${business.businessId})`],
    ['amount', `${amountText(order.units)} ${order.token}`],
    ['reference', order.referenceId],
  ];
}

function unknownOutcome(referenceId: string): CommandFailure {
  return new CommandFailure(
    EXIT.unreachable,
    `the database was lost at the commit: give the same order again with --reference ${referenceId}, which moves the money once`,
  );
}

import type { Command } from 'commander';
import type { Business } from '../businesses/business.ts';
import { listBusinesses } from '../businesses/list-businesses.ts';
import { readRegistry } from '../config.ts';
import type { Database } from '../database/database.ts';
import { checkBooks } from '../ledger/check-books.ts';
import { findLedgerProblems, type LedgerComparison } from '../settlement/compare-ledger.ts';
import type { AssetOf } from '../settlement/order.ts';
import type { CommandDeps } from './command-deps.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { LONG_STATEMENT_MS, withDatabase } from './open-database.ts';
import { operatorCommand, requireBusiness } from './operator-command.ts';
import { parseId } from './parse-option.ts';
import { respond, type OutputOptions } from './respond.ts';

interface CheckOptions extends OutputOptions {
  readonly business?: string;
}

interface CheckedBusiness {
  readonly business: Business;
  /** A sentence for each way in which its books do not balance. */
  readonly problems: readonly string[];
}

const PAGE = 200;

export function addBooksCommands(program: Command, deps: CommandDeps): void {
  const books = program.command('books').description('The ledger.');
  operatorCommand(
    books,
    'check',
    'Checks that the books balance, and that settlement has paid what they settled; exit code 1 if not.',
  )
    .option('--business <id>', 'of this business only', parseId)
    .action(async (options: CheckOptions) => {
      await check(deps, options);
    });
}

async function check(deps: CommandDeps, options: CheckOptions): Promise<void> {
  const { checked, settlement } = await withDatabase(
    deps,
    async (database) =>
      options.business === undefined
        ? { checked: await checkAll(database), settlement: await checkSettlement(deps, database) }
        : {
            checked: [await checkOne(database, await requireBusiness(database, options.business))],
            settlement: null,
          },
    { statementTimeoutMs: LONG_STATEMENT_MS },
  );
  const wrong = checked.filter(({ problems }) => problems.length > 0);
  const contradictions = settlement?.problems ?? [];
  const notCompared = settlement?.unknown ?? [];
  respond(deps, options, {
    json: {
      balanced: wrong.length === 0 && contradictions.length === 0,
      checkedBusinesses: checked.length,
      problems: wrong.flatMap(({ business, problems }) =>
        problems.map((problem) => ({ businessId: business.businessId, problem })),
      ),
      settlement: settlement === null ? null : { problems: contradictions, notCompared },
    },
    lines: [
      ...wrong.flatMap(({ business, problems }) =>
        problems.map((problem) => `${business.businessId} (${business.name}): ${problem}`),
      ),
      ...contradictions,
      ...notCompared.map((sentence) => `not compared with settlement: ${sentence}`),
      `${checked.length} checked, ${wrong.length} out of balance`,
    ],
  });
  if (wrong.length > 0) throw new CommandFailure(EXIT.no, 'the books do not balance');
  if (contradictions.length > 0) {
    throw new CommandFailure(EXIT.no, 'the ledger and settlement contradict each other');
  }
}

/** What all businesses have settled, beside what settlement has paid, order by order. */
async function checkSettlement(deps: CommandDeps, database: Database): Promise<LedgerComparison> {
  const registry = readRegistry(deps.terminal.env);
  const assetOf: AssetOf = (network, token) => registry.asset(network, token);
  return await findLedgerProblems(database, assetOf, { recounts: true });
}

async function checkAll(database: Database): Promise<CheckedBusiness[]> {
  const checked: CheckedBusiness[] = [];
  let afterId: string | undefined;
  for (;;) {
    const page = await listBusinesses(database, { afterId, limit: PAGE });
    for (const business of page) checked.push(await checkOne(database, business));
    if (page.length < PAGE) return checked;
    afterId = page.at(-1)?.businessId;
  }
}

async function checkOne(database: Database, business: Business): Promise<CheckedBusiness> {
  return { business, problems: await checkBooks(database, business.businessId) };
}

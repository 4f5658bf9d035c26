import type { Command } from 'commander';
import type { Json } from '../base/json.ts';
import {
  createApiAccount,
  getApiAccountOfToken,
  listApiAccounts,
  type ApiAccount,
} from '../businesses/api-account.ts';
import { fundApiAccount } from '../businesses/fund-api-account.ts';
import type { Token } from '../money/asset.ts';
import type { CommandDeps } from './command-deps.ts';
import { addMoneyMove } from './move-money.ts';
import { withDatabase } from './open-database.ts';
import {
  businessCommand,
  chooseUser,
  requireBusiness,
  type BusinessOptions,
} from './operator-command.ts';
import { parseId, parseToken } from './parse-option.ts';
import { amountText, pairs, respond, table, type Answer } from './respond.ts';

interface CreateOptions extends BusinessOptions {
  readonly token: Token;
  readonly user?: string;
}

export function addAccountCommands(program: Command, deps: CommandDeps): void {
  const account = program
    .command('account')
    .description('API accounts: the balances that payouts spend, one a token.');
  businessCommand(account, 'create', 'Opens the API account of a token, empty.')
    .requiredOption('--token <token>', 'USDT, USDC or BTC', parseToken)
    .option('--user <id>', 'who opens it; not needed where the business has one user', parseId)
    .action(async (options: CreateOptions) => {
      respond(deps, options, await create(deps, options));
    });
  addMoneyMove(account, deps, {
    name: 'fund',
    summary: 'Moves money from the business wallet to the API account of the token.',
    title: 'Moves money from a business wallet to its API account, where payouts spend it:',
    check: getApiAccountOfToken,
    move: fundApiAccount,
  });
  businessCommand(account, 'list', 'Lists the API accounts: balance, held, available.').action(
    async (options: BusinessOptions) => {
      respond(deps, options, await list(deps, options));
    },
  );
}

async function create(deps: CommandDeps, options: CreateOptions): Promise<Answer> {
  const { business: businessId, token } = options;
  const at = deps.clock.now();
  const account = await withDatabase(deps, async (database) => {
    const userId = await chooseUser(database, businessId, options.user);
    return await database.transaction(
      async (tx) => await createApiAccount(tx, deps.ids, { businessId, userId, token, at }),
    );
  });
  return {
    json: accountJson(account),
    lines: pairs([
      ['account', account.apiAccountId],
      ['token', account.token],
    ]),
  };
}

async function list(deps: CommandDeps, options: BusinessOptions): Promise<Answer> {
  const accounts = await withDatabase(deps, async (database) => {
    await requireBusiness(database, options.business);
    return await listApiAccounts(database, options.business);
  });
  return {
    json: accounts.map(accountJson),
    lines: table(
      ['ACCOUNT', 'TOKEN', 'BALANCE', 'HELD', 'AVAILABLE'],
      accounts.map((account) => [
        account.apiAccountId,
        account.token,
        amountText(account.balanceUnits),
        amountText(account.heldUnits),
        amountText(account.availableUnits),
      ]),
      'the business has no API account yet',
    ),
  };
}

function accountJson(account: ApiAccount): { readonly [key: string]: Json } {
  const { apiAccountId, token, userId } = account;
  return {
    apiAccountId,
    token,
    userId,
    balance: amountText(account.balanceUnits),
    held: amountText(account.heldUnits),
    available: amountText(account.availableUnits),
  };
}

import type { Command } from 'commander';
import { creditBusinessWallet } from '../businesses/credit-business-wallet.ts';
import { listAccounts } from '../ledger/account.ts';
import type { CommandDeps } from './command-deps.ts';
import { addMoneyMove } from './move-money.ts';
import { withDatabase } from './open-database.ts';
import { businessCommand, requireBusiness, type BusinessOptions } from './operator-command.ts';
import { amountText, respond, table, type Answer } from './respond.ts';

export function addWalletCommands(program: Command, deps: CommandDeps): void {
  const wallet = program
    .command('wallet')
    .description('Business wallets: where deposits arrive. Payouts never spend from them.');
  addMoneyMove(wallet, deps, {
    name: 'credit',
    summary: 'Enters a deposit into the business wallet.',
    title: 'Enters a deposit into a business wallet:',
    check: async () => await Promise.resolve(),
    move: creditBusinessWallet,
  });
  businessCommand(wallet, 'list', 'Lists the balances of the business wallets.').action(
    async (options: BusinessOptions) => {
      respond(deps, options, await list(deps, options));
    },
  );
}

async function list(deps: CommandDeps, options: BusinessOptions): Promise<Answer> {
  const accounts = await withDatabase(deps, async (database) => {
    await requireBusiness(database, options.business);
    return await listAccounts(database, options.business);
  });
  const wallets = accounts
    .filter(({ kind }) => kind === 'BUSINESS_WALLET')
    .map(({ token, balanceUnits }) => ({ token, balance: amountText(balanceUnits) }));
  return {
    json: wallets,
    lines: table(
      ['TOKEN', 'BALANCE'],
      wallets.map(({ token, balance }) => [token, balance]),
      'nothing was credited yet',
    ),
  };
}

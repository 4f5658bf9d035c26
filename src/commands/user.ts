import type { Command } from 'commander';
import type { Json } from '../base/json.ts';
import { formatTime } from '../base/time.ts';
import { createUser, type User } from '../businesses/user.ts';
import type { CommandDeps } from './command-deps.ts';
import { withDatabase } from './open-database.ts';
import { businessCommand, requireBusiness, type BusinessOptions } from './operator-command.ts';
import { pairs, respond } from './respond.ts';

interface CreateOptions extends BusinessOptions {
  readonly email: string;
  readonly name: string;
}

export function addUserCommands(program: Command, deps: CommandDeps): void {
  const user = program.command('user').description('The people who act for a business.');
  businessCommand(user, 'create', 'Creates a user of a business.')
    .requiredOption('--email <address>', 'the email address, unique within the business')
    .requiredOption('--name <name>', "the person's name")
    .action(async (options: CreateOptions) => {
      const created = await create(deps, options);
      respond(deps, options, {
        json: userJson(created),
        lines: pairs([
          ['user', created.userId],
          ['email', created.email],
          ['name', created.name],
        ]),
      });
    });
}

async function create(deps: CommandDeps, options: CreateOptions): Promise<User> {
  const { business: businessId, email, name } = options;
  const at = deps.clock.now();
  return await withDatabase(deps, async (database) => {
    await requireBusiness(database, businessId);
    return await database.transaction(
      async (tx) => await createUser(tx, deps.ids, { businessId, email, name, at }),
    );
  });
}

export function userJson(user: User): { readonly [key: string]: Json } {
  const { businessId, userId, email, name, createdAt } = user;
  return { businessId, userId, email, name, createdAt: formatTime(createdAt) };
}

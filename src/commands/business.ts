import type { Command } from 'commander';
import type { Json } from '../base/json.ts';
import { formatTime } from '../base/time.ts';
import { createBusiness, type Business } from '../businesses/business.ts';
import { listBusinesses, listUsers } from '../businesses/list-businesses.ts';
import { createUser, type User } from '../businesses/user.ts';
import type { CommandDeps } from './command-deps.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { withDatabase } from './open-database.ts';
import {
  businessCommand,
  operatorCommand,
  requireBusiness,
  type BusinessOptions,
} from './operator-command.ts';
import { parseId, parseLimit } from './parse-option.ts';
import { pairs, respond, table, type Answer, type OutputOptions } from './respond.ts';
import { userJson } from './user.ts';

interface CreateOptions extends OutputOptions {
  readonly name: string;
  readonly userEmail?: string;
  readonly userName?: string;
}

interface ListOptions extends OutputOptions {
  readonly after?: string;
  readonly limit: number;
}

export function addBusinessCommands(program: Command, deps: CommandDeps): void {
  const business = program.command('business').description('The merchants.');
  operatorCommand(business, 'create', 'Creates a business, and its first user if one is named.')
    .requiredOption('--name <name>', 'the name of the business')
    .option('--user-email <address>', 'the email address of its first user')
    .option('--user-name <name>', 'the name of its first user')
    .action(async (options: CreateOptions) => {
      respond(deps, options, await create(deps, options));
    });
  operatorCommand(business, 'list', 'Lists the businesses, oldest first.')
    .option('--after <id>', 'begin after this business', parseId)
    .option('--limit <number>', 'at most so many', parseLimit, 100)
    .action(async (options: ListOptions) => {
      respond(deps, options, await list(deps, options));
    });
  businessCommand(business, 'show', 'Shows a business and its users.').action(
    async (options: BusinessOptions) => {
      respond(deps, options, await show(deps, options));
    },
  );
}

async function create(deps: CommandDeps, options: CreateOptions): Promise<Answer> {
  const { name, userEmail: email, userName } = options;
  if ((email === undefined) !== (userName === undefined)) {
    throw new CommandFailure(EXIT.usage, 'a first user needs both --user-email and --user-name');
  }
  const at = deps.clock.now();
  return await withDatabase(deps, async (database) => {
    return await database.transaction(async (tx) => {
      const business = await createBusiness(tx, deps.ids, { name, at });
      if (email === undefined || userName === undefined) return businessAnswer(business, []);
      const { businessId } = business;
      const order = { businessId, email, name: userName, at };
      return businessAnswer(business, [await createUser(tx, deps.ids, order)]);
    });
  });
}

async function list(deps: CommandDeps, options: ListOptions): Promise<Answer> {
  const businesses = await withDatabase(
    deps,
    async (database) =>
      await listBusinesses(database, { afterId: options.after, limit: options.limit }),
  );
  return {
    json: businesses.map(businessJson),
    lines: table(
      ['BUSINESS', 'CREATED', 'NAME'],
      businesses.map(({ businessId, createdAt, name }) => [
        businessId,
        formatTime(createdAt),
        name,
      ]),
      'there is no business yet',
    ),
  };
}

async function show(deps: CommandDeps, options: BusinessOptions): Promise<Answer> {
  return await withDatabase(deps, async (database) => {
    const business = await requireBusiness(database, options.business);
    return businessAnswer(business, await listUsers(database, options.business));
  });
}

function businessAnswer(business: Business, users: readonly User[]): Answer {
  return {
    json: { ...businessJson(business), users: users.map(userJson) },
    lines: pairs([
      ['business', business.businessId],
      ['name', business.name],
      ['created', formatTime(business.createdAt)],
      ...users.map((user) => ['user', `${user.userId}  ${user.email}  ${user.name}`] as const),
    ]),
  };
}

function businessJson(business: Business): { readonly [key: string]: Json } {
  const { businessId, name, createdAt } = business;
  return { businessId, name, createdAt: formatTime(createdAt) };
}

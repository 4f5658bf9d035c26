import type { Command } from 'commander';
import { Fault } from '../base/fault.ts';
import { findBusiness, type Business } from '../businesses/business.ts';
import { listUsers } from '../businesses/list-businesses.ts';
import type { Queryable } from '../database/database.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { parseId } from './parse-option.ts';
import type { OutputOptions } from './respond.ts';

/** What the commands about one business are given. */
export interface BusinessOptions extends OutputOptions {
  readonly business: string;
}

/** What the commands that move money are given besides. */
export interface ConfirmOptions {
  readonly confirm?: string;
}

/** A command that answers once and ends. */
export function operatorCommand(parent: Command, name: string, summary: string): Command {
  return parent
    .command(name)
    .description(summary)
    .option('--json', 'answer with one line of JSON on standard output');
}

/** A command about one business. */
export function businessCommand(parent: Command, name: string, summary: string): Command {
  return operatorCommand(parent, name, summary).requiredOption(
    '--business <id>',
    'the business',
    parseId,
  );
}

export function withConfirmation(command: Command): Command {
  return command.option(
    '--confirm <environment>',
    'the name of the environment (KNIT_ENVIRONMENT), instead of typing it when asked',
  );
}

/** Throws NOT_FOUND. */
export async function requireBusiness(db: Queryable, businessId: string): Promise<Business> {
  const business = await findBusiness(db, businessId);
  if (business === undefined) throw new Fault('NOT_FOUND', 'Business not found');
  return business;
}

/** The user that was named, or the only one that the business has. */
export async function chooseUser(
  db: Queryable,
  businessId: string,
  userId: string | undefined,
): Promise<string> {
  await requireBusiness(db, businessId);
  const users = await listUsers(db, businessId);
  if (userId !== undefined) {
    if (users.some((user) => user.userId === userId)) return userId;
    throw new Fault('NOT_FOUND', 'User not found');
  }
  const [only, ...others] = users;
  if (only === undefined) throw new Fault('NOT_FOUND', 'The business has no user yet');
  if (others.length === 0) return only.userId;
  throw new CommandFailure(
    EXIT.usage,
    `--user: the business has ${users.length} users; name one of them`,
  );
}

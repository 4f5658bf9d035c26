import type { Command } from 'commander';
import { createApiKey, revokeApiKey } from '../businesses/api-key.ts';
import { listApiKeys } from '../businesses/list-credentials.ts';
import type { CommandDeps } from './command-deps.ts';
import { credentialTable, withCredentialOptions, type CredentialOptions } from './credential.ts';
import { withDatabase } from './open-database.ts';
import {
  businessCommand,
  chooseUser,
  requireBusiness,
  type BusinessOptions,
} from './operator-command.ts';
import { parseId, parseMoment } from './parse-option.ts';
import { pairs, respond, timeOrNone, timeOrNull, type Answer } from './respond.ts';

interface CreateOptions extends CredentialOptions {
  readonly expires?: Date;
}

export function addApiKeyCommands(program: Command, deps: CommandDeps): void {
  const apiKey = program.command('api-key').description('API keys of a business.');
  withCredentialOptions(
    businessCommand(apiKey, 'create', 'Creates an API key and shows it, this once.'),
  )
    .option('--expires <time>', 'the first moment at which it is no longer good', parseMoment)
    .action(async (options: CreateOptions) => {
      respond(deps, options, await create(deps, options));
    });
  businessCommand(apiKey, 'revoke', 'Ends an API key at once, for good.')
    .requiredOption('--key <id>', 'the id of the key, as api-key list shows it', parseId)
    .action(async (options: BusinessOptions & { key: string }) => {
      respond(deps, options, await revoke(deps, options));
    });
  businessCommand(apiKey, 'list', 'Lists the API keys of a business, the revoked ones too.').action(
    async (options: BusinessOptions) => {
      respond(deps, options, await list(deps, options));
    },
  );
}

async function create(deps: CommandDeps, options: CreateOptions): Promise<Answer> {
  const { business: businessId, name, scope: scopes, expires: expiresAt } = options;
  const at = deps.clock.now();
  const created = await withDatabase(deps, async (database) => {
    const userId = await chooseUser(database, businessId, options.user);
    const order = { businessId, userId, name, scopes, expiresAt, at };
    return await database.transaction(async (tx) => await createApiKey(tx, deps, order));
  });
  return {
    json: { businessId, ...created, expiresAt: timeOrNull(expiresAt ?? null) },
    lines: [
      ...pairs([
        ['key id', created.apiKeyId],
        ['API key', created.apiKey],
      ]),
      'The API key is shown this once: it is not kept, and cannot be shown again.',
    ],
  };
}

async function revoke(
  deps: CommandDeps,
  options: BusinessOptions & { key: string },
): Promise<Answer> {
  const { business: businessId, key: apiKeyId } = options;
  const at = deps.clock.now();
  await withDatabase(deps, async (database) => {
    await database.transaction(async (tx) => {
      await revokeApiKey(tx, { businessId, apiKeyId, at });
    });
  });
  return {
    json: { businessId, apiKeyId, revoked: true },
    lines: [`API key ${apiKeyId} is revoked`],
  };
}

async function list(deps: CommandDeps, options: BusinessOptions): Promise<Answer> {
  const keys = await withDatabase(deps, async (database) => {
    await requireBusiness(database, options.business);
    return await listApiKeys(database, options.business);
  });
  return {
    json: keys.map(({ credentialId: apiKeyId, ...key }) => ({
      apiKeyId,
      name: key.name,
      userId: key.userId,
      scopes: key.scopes,
      createdAt: timeOrNull(key.createdAt),
      expiresAt: timeOrNull(key.expiresAt),
      revokedAt: timeOrNull(key.revokedAt),
    })),
    lines: credentialTable(keys, {
      heading: 'EXPIRES',
      value: (key) => timeOrNone(key.expiresAt),
      none: 'the business has no API key yet',
    }),
  };
}

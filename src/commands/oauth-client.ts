import type { Command } from 'commander';
import { formatTime } from '../base/time.ts';
import { listOauthClients } from '../businesses/list-credentials.ts';
import { clientIdOf, createOauthClient, revokeOauthClient } from '../businesses/oauth-client.ts';
import type { CommandDeps } from './command-deps.ts';
import { credentialTable, withCredentialOptions, type CredentialOptions } from './credential.ts';
import { withDatabase } from './open-database.ts';
import {
  businessCommand,
  chooseUser,
  requireBusiness,
  type BusinessOptions,
} from './operator-command.ts';
import { parseId } from './parse-option.ts';
import { pairs, respond, timeOrNull, type Answer } from './respond.ts';

export function addOauthClientCommands(program: Command, deps: CommandDeps): void {
  const client = program.command('oauth-client').description('OAuth clients of a business.');
  withCredentialOptions(
    businessCommand(client, 'create', 'Creates an OAuth client and shows its secret, this once.'),
  ).action(async (options: CredentialOptions) => {
    respond(deps, options, await create(deps, options));
  });
  businessCommand(client, 'revoke', 'Ends an OAuth client and its tokens at once, for good.')
    .requiredOption('--client <id>', 'the id, as oauth-client list shows it', parseId)
    .action(async (options: BusinessOptions & { client: string }) => {
      respond(deps, options, await revoke(deps, options));
    });
  businessCommand(
    client,
    'list',
    'Lists the OAuth clients of a business, the revoked ones too.',
  ).action(async (options: BusinessOptions) => {
    respond(deps, options, await list(deps, options));
  });
}

async function create(deps: CommandDeps, options: CredentialOptions): Promise<Answer> {
  const { business: businessId, name, scope: scopes } = options;
  const at = deps.clock.now();
  const created = await withDatabase(deps, async (database) => {
    const userId = await chooseUser(database, businessId, options.user);
    const order = { businessId, userId, name, scopes, at };
    return await database.transaction(async (tx) => await createOauthClient(tx, deps, order));
  });
  return {
    json: { businessId, ...created },
    lines: [
      ...pairs([
        ['id', created.oauthClientId],
        ['client_id', created.clientId],
        ['client_secret', created.clientSecret],
      ]),
      'The secret is shown this once: it is not kept, and cannot be shown again.',
    ],
  };
}

async function revoke(
  deps: CommandDeps,
  options: BusinessOptions & { client: string },
): Promise<Answer> {
  const { business: businessId, client: oauthClientId } = options;
  const at = deps.clock.now();
  await withDatabase(deps, async (database) => {
    await database.transaction(async (tx) => {
      await revokeOauthClient(tx, { businessId, oauthClientId, at });
    });
  });
  return {
    json: { businessId, oauthClientId, revoked: true },
    lines: [`OAuth client ${oauthClientId} is revoked, and so are its tokens`],
  };
}

async function list(deps: CommandDeps, options: BusinessOptions): Promise<Answer> {
  const { business: businessId } = options;
  const clients = await withDatabase(deps, async (database) => {
    await requireBusiness(database, businessId);
    return await listOauthClients(database, businessId);
  });
  const clientId = ({ credentialId }: { readonly credentialId: string }): string =>
    clientIdOf({ businessId, oauthClientId: credentialId });
  return {
    json: clients.map((client) => ({
      oauthClientId: client.credentialId,
      clientId: clientId(client),
      name: client.name,
      userId: client.userId,
      scopes: client.scopes,
      createdAt: formatTime(client.createdAt),
      revokedAt: timeOrNull(client.revokedAt),
    })),
    lines: credentialTable(clients, {
      heading: 'CLIENT_ID',
      value: clientId,
      none: 'the business has no OAuth client yet',
    }),
  };
}

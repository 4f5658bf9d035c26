import type { Command } from 'commander';
import type { Json } from '../base/json.ts';
import { formatTime } from '../base/time.ts';
import { readPrivateTargets } from '../config.ts';
import type { PayoutEventType } from '../payouts/outbox-topics.ts';
import {
  createEndpoint,
  disableEndpoint,
  listEndpoints,
  type Endpoint,
} from '../webhooks/endpoint.ts';
import { resolveHost } from '../webhooks/resolve-host.ts';
import type { CommandDeps } from './command-deps.ts';
import { withDatabase } from './open-database.ts';
import { businessCommand, requireBusiness, type BusinessOptions } from './operator-command.ts';
import { collectEventTypes, parseId } from './parse-option.ts';
import { pairs, respond, table, timeOrNone, timeOrNull, type Answer } from './respond.ts';

interface CreateOptions extends BusinessOptions {
  readonly url: string;
  readonly event?: readonly PayoutEventType[];
  readonly description: string;
}

export function addWebhookEndpointCommands(webhook: Command, deps: CommandDeps): void {
  const endpoint = webhook.command('endpoint').description('Where webhooks are sent.');
  businessCommand(endpoint, 'create', 'Saves an endpoint after looking its host up.')
    .requiredOption('--url <url>', 'http or https, on a public address')
    .option(
      '--event <types>',
      'PAYOUT_SUCCESSFUL, PAYOUT_FAILED; may be repeated (default: PAYOUT_SUCCESSFUL)',
      collectEventTypes,
    )
    .option('--description <text>', 'what it is', '')
    .action(async (options: CreateOptions) => {
      respond(deps, options, await create(deps, options));
    });
  businessCommand(endpoint, 'list', 'Lists the endpoints, the disabled ones too.').action(
    async (options: BusinessOptions) => {
      respond(deps, options, await list(deps, options));
    },
  );
  businessCommand(endpoint, 'disable', 'Ends sending to an endpoint, for good.')
    .requiredOption('--endpoint <id>', 'the endpoint', parseId)
    .action(async (options: BusinessOptions & { endpoint: string }) => {
      respond(deps, options, await disable(deps, options));
    });
}

async function create(deps: CommandDeps, options: CreateOptions): Promise<Answer> {
  const { business: businessId, url, event: eventTypes, description } = options;
  const allowedPrivateTargets = readPrivateTargets(deps.terminal.env);
  const guard = { lookup: resolveHost, allowedPrivateTargets };
  const endpoint = await withDatabase(deps, async (database) => {
    await requireBusiness(database, businessId);
    const order = { businessId, url, eventTypes, description };
    return await createEndpoint(database, { ...deps, guard }, order);
  });
  return endpointAnswer(endpoint);
}

async function list(deps: CommandDeps, options: BusinessOptions): Promise<Answer> {
  const endpoints = await withDatabase(deps, async (database) => {
    await requireBusiness(database, options.business);
    return await listEndpoints(database, options.business);
  });
  return {
    json: endpoints.map(endpointJson),
    lines: table(
      ['ENDPOINT', 'DISABLED', 'EVENTS', 'URL', 'DESCRIPTION'],
      endpoints.map((endpoint) => [
        endpoint.endpointId,
        timeOrNone(endpoint.disabledAt),
        endpoint.eventTypes.join(','),
        endpoint.url,
        endpoint.description,
      ]),
      'the business has no endpoint yet',
    ),
  };
}

async function disable(
  deps: CommandDeps,
  options: BusinessOptions & { endpoint: string },
): Promise<Answer> {
  const { business: businessId, endpoint: endpointId } = options;
  const endpoint = await withDatabase(
    deps,
    async (database) => await disableEndpoint(database, deps, { businessId, endpointId }),
  );
  return endpointAnswer(endpoint);
}

function endpointAnswer(endpoint: Endpoint): Answer {
  return {
    json: endpointJson(endpoint),
    lines: pairs([
      ['endpoint', endpoint.endpointId],
      ['url', endpoint.url],
      ['events', endpoint.eventTypes.join(', ')],
      ['disabled', timeOrNone(endpoint.disabledAt)],
    ]),
  };
}

function endpointJson(endpoint: Endpoint): { readonly [key: string]: Json } {
  const { endpointId, url, eventTypes, description, createdAt, disabledAt } = endpoint;
  return {
    endpointId,
    url,
    eventTypes,
    description,
    createdAt: formatTime(createdAt),
    disabledAt: timeOrNull(disabledAt),
  };
}

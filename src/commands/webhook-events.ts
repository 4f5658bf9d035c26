import type { Command } from 'commander';
import { Fault } from '../base/fault.ts';
import type { Json } from '../base/json.ts';
import { formatTime } from '../base/time.ts';
import type { Database } from '../database/database.ts';
import { listEndpoints } from '../webhooks/endpoint.ts';
import {
  findEvent,
  listEvents,
  type AttemptLog,
  type DeliveryLog,
  type EventLog,
} from '../webhooks/find-events.ts';
import { resendDelivery, resendSince } from '../webhooks/resend.ts';
import type { CommandDeps } from './command-deps.ts';
import { CommandFailure, EXIT } from './exit-code.ts';
import { withDatabase } from './open-database.ts';
import { businessCommand, requireBusiness, type BusinessOptions } from './operator-command.ts';
import { parseId, parseLimit, parseMoment } from './parse-option.ts';
import { respond, timeOrNone, timeOrNull, type Answer } from './respond.ts';

interface EventsOptions extends BusinessOptions {
  readonly event?: string;
  readonly payout?: string;
  readonly before?: string;
  readonly limit: number;
}

interface ResendOptions extends BusinessOptions {
  readonly event?: string;
  readonly since?: Date;
  readonly endpoint?: string;
}

export function addWebhookEventCommands(webhook: Command, deps: CommandDeps): void {
  businessCommand(webhook, 'events', 'Shows the event log with every attempt, newest first.')
    .option('--event <id>', 'this event only', parseId)
    .option('--payout <id>', 'events of this payout only', parseId)
    .option('--before <id>', 'events older than this one', parseId)
    .option('--limit <number>', 'at most so many', parseLimit, 20)
    .action(async (options: EventsOptions) => {
      respond(deps, options, await events(deps, options));
    });
  businessCommand(webhook, 'resend', 'Sends an event, or all since a time, again.')
    .option('--event <id>', 'the event', parseId)
    .option(
      '--since <time>',
      'every event from this time on, such as 2026-01-31T13:45:00Z',
      parseMoment,
    )
    .option('--endpoint <id>', 'to this endpoint only, even what it was never sent', parseId)
    .action(async (options: ResendOptions) => {
      respond(deps, options, await resend(deps, options));
    });
}

async function events(deps: CommandDeps, options: EventsOptions): Promise<Answer> {
  const { business: businessId, payout: payoutId, before: beforeId, limit } = options;
  const found = await withDatabase(deps, async (database) => {
    await requireBusiness(database, businessId);
    if (options.event !== undefined) return [await requireEvent(database, options)];
    return await listEvents(database, { businessId, payoutId, beforeId, limit });
  });
  return {
    json: found.map(eventJson),
    lines: found.length === 0 ? ['there is no such event'] : found.flatMap(eventLines),
  };
}

async function requireEvent(
  database: Database,
  options: { readonly business: string; readonly event?: string },
): Promise<EventLog> {
  const event = await findEvent(database, options.business, options.event ?? '');
  if (event === undefined) throw new Fault('NOT_FOUND', 'Webhook event not found');
  return event;
}

async function resend(deps: CommandDeps, options: ResendOptions): Promise<Answer> {
  const { business: businessId, event: eventId, since, endpoint: endpointId } = options;
  if ((eventId === undefined) === (since === undefined)) {
    throw new CommandFailure(EXIT.usage, 'either --event or --since says what to send again');
  }
  const count = await withDatabase(deps, async (database) => {
    await requireBusiness(database, businessId);
    const resendDeps = { ...deps, database };
    if (since !== undefined) {
      return await resendSince(resendDeps, { businessId, since, endpointId });
    }
    const event = await requireEvent(database, options);
    const targets = endpointId === undefined ? await targetsOf(database, event) : [endpointId];
    for (const target of targets) {
      await resendDelivery(resendDeps, { businessId, eventId: event.eventId, endpointId: target });
    }
    return targets.length;
  });
  return {
    json: { businessId, queuedDeliveries: count },
    lines: [`${count} ${count === 1 ? 'delivery is' : 'deliveries are'} queued; the worker sends`],
  };
}

/** Where the event was sent the first time, less the endpoints that were disabled since. */
async function targetsOf(database: Database, event: EventLog): Promise<string[]> {
  const endpoints = await listEndpoints(database, event.businessId);
  const enabled = endpoints.filter((endpoint) => endpoint.disabledAt === null);
  const isEnabled = (id: string): boolean => enabled.some(({ endpointId }) => endpointId === id);
  return event.deliveries.map(({ endpointId }) => endpointId).filter(isEnabled);
}

function eventLines(event: EventLog): string[] {
  const head = `${formatTime(event.createdAt)}  ${event.eventId}  ${event.eventType}`;
  return [
    `${head}  payout ${event.payoutId}`,
    ...event.deliveries.flatMap((delivery) => [
      `  ${deliveryText(delivery)}`,
      ...delivery.attempts.map((attempt) => `    ${attemptText(attempt)}`),
    ]),
  ];
}

function deliveryText(delivery: DeliveryLog): string {
  const { state, url, endpointId, detail, nextAttemptAt } = delivery;
  const next = nextAttemptAt === null ? '' : `, next attempt ${timeOrNone(nextAttemptAt)}`;
  return `${state} to ${url} (endpoint ${endpointId})${detail === null ? '' : `: ${detail}`}${next}`;
}

function attemptText(attempt: AttemptLog): string {
  const { number, startedAt, durationMs, responseStatus, error } = attempt;
  const began = `attempt ${number} at ${formatTime(startedAt)}`;
  if (durationMs === null) return `${began}: no outcome`;
  const outcome = [responseStatus === null ? '' : `status ${responseStatus}`, error ?? ''];
  return `${began}: ${outcome.filter((part) => part !== '').join(', ')} after ${durationMs} ms`;
}

function eventJson(event: EventLog): Json {
  const { eventId, eventType, payoutId, createdAt } = event;
  return {
    eventId,
    eventType,
    payoutId,
    createdAt: formatTime(createdAt),
    deliveries: event.deliveries.map((delivery) => ({
      endpointId: delivery.endpointId,
      url: delivery.url,
      state: delivery.state,
      detail: delivery.detail,
      nextAttemptAt: timeOrNull(delivery.nextAttemptAt),
      attempts: delivery.attempts.map((attempt) => ({
        ...attempt,
        startedAt: formatTime(attempt.startedAt),
      })),
    })),
  };
}

import type { Command } from 'commander';
import type { CommandDeps } from './command-deps.ts';
import { addWebhookEndpointCommands } from './webhook-endpoint.ts';
import { addWebhookEventCommands } from './webhook-events.ts';
import { addWebhookSecretCommands } from './webhook-secret.ts';

export function addWebhookCommands(program: Command, deps: CommandDeps): void {
  const webhook = program.command('webhook').description('What a business is told, and where.');
  addWebhookEndpointCommands(webhook, deps);
  addWebhookSecretCommands(webhook, deps);
  addWebhookEventCommands(webhook, deps);
}

import type { Command } from 'commander';
import { formatTime } from '../base/time.ts';
import { readMasterKey } from '../config.ts';
import type { Tx } from '../database/database.ts';
import {
  endRotation,
  getOrCreateWebhookSecrets,
  rotateWebhookSecret,
  switchXSignature,
  type SecretDeps,
  type WebhookSecrets,
} from '../webhooks/webhook-secret.ts';
import type { CommandDeps } from './command-deps.ts';
import { withDatabase } from './open-database.ts';
import { businessCommand, requireBusiness, type BusinessOptions } from './operator-command.ts';
import { pairs, respond, type Answer } from './respond.ts';

type Change = (tx: Tx, deps: SecretDeps, businessId: string) => Promise<WebhookSecrets>;

const CHANGES: readonly (readonly [string, string, Change])[] = [
  [
    'show',
    'Shows what webhooks are signed with; makes the first secret.',
    getOrCreateWebhookSecrets,
  ],
  ['rotate', 'Makes a new secret; the old one signs beside it for 24 hours.', rotateWebhookSecret],
  ['switch', 'During a rotation: X-Signature is made with the new secret.', switchXSignature],
  ['end-rotation', 'Ends a rotation at once, for an old secret that has leaked.', endRotation],
];

export function addWebhookSecretCommands(webhook: Command, deps: CommandDeps): void {
  const secret = webhook.command('secret').description('What webhooks are signed with.');
  for (const [name, summary, change] of CHANGES) {
    businessCommand(secret, name, summary).action(async (options: BusinessOptions) => {
      respond(deps, options, await run(deps, options, change));
    });
  }
}

async function run(deps: CommandDeps, options: BusinessOptions, change: Change): Promise<Answer> {
  const { business: businessId } = options;
  const { clock, random } = deps;
  const secretDeps = { clock, random, masterKey: readMasterKey(deps.terminal.env) };
  const secrets = await withDatabase(deps, async (database) => {
    await requireBusiness(database, businessId);
    return await database.transaction(async (tx) => await change(tx, secretDeps, businessId));
  });
  return secretsAnswer(businessId, secrets);
}

function secretsAnswer(businessId: string, { current, retiring }: WebhookSecrets): Answer {
  if (retiring === null) {
    return {
      json: { businessId, current, retiring: null },
      lines: pairs([['secret', current]]),
    };
  }
  const { secret, makesXSignature } = retiring;
  const retiresAt = formatTime(retiring.retiresAt);
  return {
    json: { businessId, current, retiring: { secret, retiresAt, makesXSignature } },
    lines: pairs([
      ['new secret', current],
      ['old secret', secret],
      ['old until', retiresAt],
      ['X-Signature', `made with the ${makesXSignature ? 'old' : 'new'} secret`],
    ]),
  };
}

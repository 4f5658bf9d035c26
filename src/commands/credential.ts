import type { Command } from 'commander';
import { formatTime } from '../base/time.ts';
import type { CredentialView } from '../businesses/list-credentials.ts';
import { SCOPES } from '../businesses/scope.ts';
import type { BusinessOptions } from './operator-command.ts';
import { collect, parseId } from './parse-option.ts';
import { table, timeOrNone } from './respond.ts';

/** What a new API key and a new OAuth client have in common. */
export interface CredentialOptions extends BusinessOptions {
  readonly user?: string;
  readonly name: string;
  readonly scope?: readonly string[];
}

export function withCredentialOptions(command: Command): Command {
  return command
    .requiredOption('--name <name>', 'what it is for')
    .option('--user <id>', 'whose it is; not needed where the business has one user', parseId)
    .option('--scope <scopes>', `${SCOPES.join(', ')}; may be repeated (default: *)`, collect);
}

/** The credentials under headings, with one column of the kind's own before the name. */
export function credentialTable(
  credentials: readonly CredentialView[],
  own: {
    readonly heading: string;
    readonly value: (credential: CredentialView) => string;
    readonly none: string;
  },
): string[] {
  return table(
    ['ID', 'CREATED', 'REVOKED', 'SCOPES', own.heading, 'NAME'],
    credentials.map((credential) => [
      credential.credentialId,
      formatTime(credential.createdAt),
      timeOrNone(credential.revokedAt),
      credential.scopes.join(','),
      own.value(credential),
      credential.name,
    ]),
    own.none,
  );
}

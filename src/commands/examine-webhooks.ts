import type { Clock } from '../base/clock.ts';
import { SealBroken } from '../base/seal.ts';
import type { Business } from '../businesses/business.ts';
import { listBusinesses } from '../businesses/list-businesses.ts';
import type { Database } from '../database/database.ts';
import { fine, warning, wrong, type Finding } from '../networks/examination.ts';
import { listEndpoints, type Endpoint } from '../webhooks/endpoint.ts';
import { resolveHost } from '../webhooks/resolve-host.ts';
import { checkTarget } from '../webhooks/safe-target.ts';
import { readSecrets } from '../webhooks/webhook-secret.ts';
import type { ReadableSettings } from './examine-settings.ts';

/** An installation with more is looked at by its oldest ones. */
const MOST_BUSINESSES = 500;

/** Whether the master key opens what it sealed, and whether endpoints may be sent to. */
export async function examineWebhooks(it: {
  readonly readable: ReadableSettings;
  readonly database: Database | null;
  readonly clock: Clock;
}): Promise<readonly Finding[]> {
  const { readable, database, clock } = it;
  const { masterKey, settling } = readable;
  const found: Finding[] = settling === undefined ? [] : examinePrivateTargets(readable);
  if (database === null) return found;
  const businesses = await listBusinesses(database, { limit: MOST_BUSINESSES });
  if (masterKey !== undefined) {
    found.push(...(await examineSecrets(database, { masterKey, clock }, businesses)));
  }
  if (settling === undefined) return found;
  const endpoints = await Promise.all(
    businesses.map(async ({ businessId }) => await listEndpoints(database, businessId)),
  );
  const open = endpoints.flat().filter(({ disabledAt }) => disabledAt === null);
  const refused = await Promise.all(
    open.map(async (endpoint) => await examineEndpoint(endpoint, settling.allowedPrivateTargets)),
  );
  return [...found, ...refused.flat()];
}

function examinePrivateTargets({ settling, database }: ReadableSettings): Finding[] {
  const targets = settling?.allowedPrivateTargets ?? [];
  if (targets.length === 0 || database?.environmentName === 'sandbox') return [];
  const what = `webhooks may go to ${targets.join(', ')} although that is not public`;
  return [warning(what, 'none, if it is your own; else empty KNIT_WEBHOOK_PRIVATE_TARGETS')];
}

async function examineSecrets(
  database: Database,
  deps: { readonly masterKey: Uint8Array; readonly clock: Clock },
  businesses: readonly Business[],
): Promise<Finding[]> {
  let opened = 0;
  for (const { businessId } of businesses) {
    try {
      if ((await readSecrets(database, deps, businessId)) !== undefined) opened += 1;
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      const what = `KNIT_MASTER_KEY does not open the webhook secrets of business ${businessId}`;
      const mend = 'give it the key that they were sealed with; docs/runbooks/leaked-credential.md';
      return [wrong(what, mend)];
    }
  }
  return opened === 0
    ? []
    : [fine(`the master key opens the webhook secrets of ${opened} businesses`)];
}

async function examineEndpoint(
  { businessId, endpointId, url }: Endpoint,
  allowedPrivateTargets: readonly string[],
): Promise<Finding[]> {
  const check = await checkTarget(url, { lookup: resolveHost, allowedPrivateTargets });
  if (check.kind === 'safe') return [];
  const what = `webhook endpoint ${endpointId} of business ${businessId}: ${check.reason}`;
  return [warning(what, 'docs/runbooks/webhook-endpoint-down.md')];
}

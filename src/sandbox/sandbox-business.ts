import type { Clock } from '../base/clock.ts';
import type { IdSource } from '../base/id.ts';
import type { Random } from '../base/random.ts';
import { createApiAccount } from '../businesses/api-account.ts';
import { createApiKey } from '../businesses/api-key.ts';
import { createBusiness } from '../businesses/business.ts';
import { creditBusinessWallet } from '../businesses/credit-business-wallet.ts';
import { fundApiAccount } from '../businesses/fund-api-account.ts';
import { addIpRange } from '../businesses/ip-allow-list.ts';
import { createOauthClient } from '../businesses/oauth-client.ts';
import { createUser } from '../businesses/user.ts';
import type { Database, Tx } from '../database/database.ts';
import { LEDGER_DECIMALS } from '../money/amount.ts';
import type { Token } from '../money/asset.ts';
import { resolveHost } from '../webhooks/resolve-host.ts';
import { createEndpoint } from '../webhooks/endpoint.ts';
import { getOrCreateWebhookSecrets } from '../webhooks/webhook-secret.ts';

export interface SandboxBusiness {
  readonly businessId: string;
  readonly userId: string;
  readonly email: string;
  readonly apiKey: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly webhookSecret: string;
}

export interface SandboxSources {
  readonly database: Database;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly random: Random;
  readonly masterKey: Uint8Array;
}

const EMAIL = 'finance@sandbox.example';

/** What the business wallet gets, in whole tokens; the API account is given half of it. */
const WALLET_WHOLE: Readonly<Record<Token, bigint>> = {
  USDT: 1_000_000n,
  USDC: 1_000_000n,
  BTC: 10n,
};

/** A business with everything that a first payout needs, made by the functions that operators use. */
export async function createSandboxBusiness(
  sources: SandboxSources,
  wishes: {
    readonly webhook: { readonly url: string; readonly privateTarget: string };
    /** It has an API account for each. */
    readonly tokens: readonly Token[];
  },
): Promise<SandboxBusiness> {
  const { database, clock, ids } = sources;
  const { webhook } = wishes;
  const made = await database.transaction(
    async (tx) => await createPeople(tx, sources, wishes.tokens),
  );
  const { businessId } = made;
  const guard = { lookup: resolveHost, allowedPrivateTargets: [webhook.privateTarget] };
  await createEndpoint(
    database,
    { clock, ids, guard },
    { businessId, url: webhook.url, eventTypes: ['PAYOUT_SUCCESSFUL', 'PAYOUT_FAILED'] },
  );
  const secrets = await getOrCreateWebhookSecrets(database, sources, businessId);
  return { ...made, webhookSecret: secrets.current };
}

async function createPeople(
  tx: Tx,
  sources: SandboxSources,
  tokens: readonly Token[],
): Promise<Omit<SandboxBusiness, 'webhookSecret'>> {
  const { ids, random, clock } = sources;
  const at = clock.now();
  const { businessId } = await createBusiness(tx, ids, { name: 'Sandbox', at });
  const person = { businessId, email: EMAIL, name: 'Sandbox', at };
  const { userId } = await createUser(tx, ids, person);
  const owner = { businessId, userId, name: 'Sandbox', at };
  const { apiKey } = await createApiKey(tx, { ids, random }, owner);
  const { clientId, clientSecret } = await createOauthClient(tx, { ids, random }, owner);
  for (const range of ['127.0.0.0/8', '::1']) {
    await addIpRange(tx, ids, { businessId, range, label: 'this machine', at });
  }
  for (const token of tokens) {
    await createApiAccount(tx, ids, { businessId, userId, token, at });
    const move = { businessId, token, at };
    const units = WALLET_WHOLE[token] * 10n ** BigInt(LEDGER_DECIMALS);
    await creditBusinessWallet(tx, ids, { ...move, units, referenceId: ids.next() });
    const funding = { ...move, units: units / 2n, referenceId: ids.next() };
    await fundApiAccount(tx, ids, funding);
  }
  return { businessId, userId, email: EMAIL, apiKey, clientId, clientSecret };
}

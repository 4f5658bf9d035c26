import { randomBytes } from 'node:crypto';
import type { Clock } from '../../src/base/clock.ts';
import type { IdSource } from '../../src/base/id.ts';
import type { Random } from '../../src/base/random.ts';
import { createApiAccount } from '../../src/businesses/api-account.ts';
import { createApiKey } from '../../src/businesses/api-key.ts';
import { createBusiness } from '../../src/businesses/business.ts';
import { addIpRange } from '../../src/businesses/ip-allow-list.ts';
import { createOauthClient } from '../../src/businesses/oauth-client.ts';
import { createUser } from '../../src/businesses/user.ts';
import type { Database } from '../../src/database/database.ts';
import { credit, fund } from '../../src/ledger/move.ts';
import { TOKENS, type Token } from '../../src/money/asset.ts';

/** A business with everything that it needs to make payouts. */
export interface Tenant {
  readonly businessId: string;
  readonly userId: string;
  readonly apiKeyId: string;
  readonly apiKey: string;
  readonly oauthClientId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly accountIds: Readonly<Partial<Record<Token, string>>>;
}

export interface TenantSources {
  readonly database: Database;
  readonly ids: IdSource;
  readonly random: Random;
  readonly clock: Clock;
}

/** 10^18: the units of one whole token in the ledger. */
export const ONE = 10n ** 18n;

export const OPENING_BALANCES: Readonly<Record<Token, bigint>> = {
  USDT: 1000n * ONE,
  USDC: 1000n * ONE,
  BTC: ONE,
};

/** Opens and funds an API account for each of `tokens`; all of them where it is left out. */
export async function openTenant(
  sources: TenantSources,
  { tokens = TOKENS }: { readonly tokens?: readonly Token[] } = {},
): Promise<Tenant> {
  const { database, ids, clock } = sources;
  const at = clock.now();
  return await database.transaction(async (tx) => {
    const { businessId } = await createBusiness(tx, ids, { name: 'A business', at });
    const email = `user-${randomBytes(4).toString('hex')}@example.com`;
    const { userId } = await createUser(tx, ids, { businessId, email, name: 'A user', at });
    const owner = { businessId, userId, at };
    const key = await createApiKey(tx, sources, { ...owner, name: 'A key' });
    const client = await createOauthClient(tx, sources, { ...owner, name: 'A client' });
    await addIpRange(tx, ids, { businessId, range: '127.0.0.1', label: 'loopback', at });
    const accountIds: Partial<Record<Token, string>> = {};
    for (const token of tokens) {
      const { apiAccountId } = await createApiAccount(tx, ids, { ...owner, token });
      const move = { businessId, token, units: OPENING_BALANCES[token], at };
      await credit(tx, ids, { ...move, referenceId: ids.next() });
      await fund(tx, ids, { ...move, referenceId: ids.next() });
      accountIds[token] = apiAccountId;
    }
    return { businessId, userId, ...key, ...client, accountIds };
  });
}

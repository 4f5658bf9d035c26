import { randomBytes } from 'node:crypto';
import { present } from '../../src/base/assert.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createIdSource } from '../../src/base/id.ts';
import { systemRandom } from '../../src/base/random.ts';
import { createEndpoint } from '../../src/webhooks/endpoint.ts';
import { getOrCreateWebhookSecrets } from '../../src/webhooks/webhook-secret.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import type { KnitService } from './knit-service.ts';
import { startPayingAnvil } from './paying-anvil.ts';
import { createPlatform, PLATFORM_MNEMONIC, type Platform } from './platform.ts';
import { startReceiver, type Receiver } from './receiver.ts';
import type { Tenant } from './tenant.ts';

/** An API and a worker as processes, on a chain, with secrets that a search finds. */
export interface WatchedKnit {
  readonly platform: Platform;
  readonly db: TestDatabase;
  readonly merchant: Tenant;
  readonly receiver: Receiver;
  /** By what each is. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Adds one that came up meanwhile. */
  keepSecret(name: string, secret: string): void;
  /** Everything that both processes have written. */
  output(): string;
  /** Of the log, as they were written. */
  lines(): readonly Readonly<Record<string, unknown>>[];
  /** What each of the two answers on its port for those who watch. */
  ask(path: string): Promise<Readonly<Record<'api' | 'worker', Response>>>;
  close(): Promise<void>;
}

function mark(name: string): string {
  return `${name}-${randomBytes(8).toString('hex')}`;
}

export async function startWatchedKnit(): Promise<WatchedKnit> {
  const db = await createTestDatabase();
  const chain = await startPayingAnvil(PLATFORM_MNEMONIC);
  const receiver = await startReceiver();
  const masterKey = randomBytes(32);
  const rpcKeys = [mark('rpc'), mark('rpc'), mark('rpc')];
  const platform = await createPlatform({
    databaseUrl: db.url,
    chain,
    rpcUrls: [
      `${chain.rpcUrl}/?key=${rpcKeys[0]}`,
      `${chain.rpcUrl}/?key=${rpcKeys[1]}`,
      // Not there: what is said about it must not name its key.
      `http://127.0.0.1:1/${rpcKeys[2]}`,
    ],
    settings: {
      KNIT_MASTER_KEY: masterKey.toString('hex'),
      KNIT_METRICS_PORT: '0',
      KNIT_LOG_LEVEL: 'debug',
      NODE_OPTIONS: `--import ${new URL('recording-sdk.ts', import.meta.url).href}`,
      KNIT_WEBHOOK_PRIVATE_TARGETS: receiver.target,
    },
  });
  const merchant = present(platform.merchants[0], 'there is a merchant');
  const path = mark('path');
  const webhookSecret = await openEndpoint(db, merchant, {
    masterKey,
    url: `${receiver.url}/${path}?token=${path}`,
    target: receiver.target,
  });
  const api = await platform.startApi();
  const worker = platform.startWorker();
  const output = collect([api, worker]);
  const ports = { api: await metricsPortOf(api), worker: await metricsPortOf(worker) };
  const secrets: Record<string, string> = {
    'the API key': merchant.apiKey,
    'the client secret': merchant.clientSecret,
    'the webhook secret': webhookSecret,
    "the endpoint's path": path,
    'the master key': masterKey.toString('hex'),
    'the mnemonic': PLATFORM_MNEMONIC,
    "the database's password": present(
      new URL(db.url).password || undefined,
      'the server asks for a password',
    ),
    ...Object.fromEntries(rpcKeys.map((key, index) => [`the key of node ${index + 1}`, key])),
  };
  return {
    platform,
    db,
    merchant,
    receiver,
    secrets,
    keepSecret: (name, secret) => {
      secrets[name] = secret;
    },
    output,
    lines: () => parsed(output()),
    ask: async (what) => {
      const of = async (port: number): Promise<Response> =>
        await fetch(`http://127.0.0.1:${port}${what}`);
      return { api: await of(ports.api), worker: await of(ports.worker) };
    },
    close: async () => {
      await platform.close();
      await chain.stop();
      await receiver.stop();
      await db.drop();
    },
  };
}

async function openEndpoint(
  db: TestDatabase,
  { businessId }: Tenant,
  at: { readonly masterKey: Uint8Array; readonly url: string; readonly target: string },
): Promise<string> {
  const { masterKey, url, target } = at;
  const sources = {
    clock: systemClock,
    ids: createIdSource(systemClock, systemRandom),
    random: systemRandom,
    masterKey,
  };
  const { current } = await getOrCreateWebhookSecrets(db.database, sources, businessId);
  const lookup = async (): Promise<never> => await Promise.reject(new Error('no name server'));
  const guard = { lookup, allowedPrivateTargets: [target] };
  await createEndpoint(
    db.database,
    { ...sources, guard },
    { businessId, url, eventTypes: ['PAYOUT_SUCCESSFUL'] },
  );
  return current;
}

/** From now on, and what was said before as far as it is kept; each stream by itself. */
function collect(services: readonly KnitService[]): () => string {
  const texts = services.map(({ lines }) => `${lines.join('\n')}\n`);
  for (const { child } of services) {
    for (const stream of [child.stdout, child.stderr]) {
      const index = texts.push('') - 1;
      stream?.on('data', (chunk: Buffer) => {
        texts[index] += chunk.toString();
      });
    }
  }
  return () => texts.join('\n');
}

async function metricsPortOf(service: KnitService): Promise<number> {
  await service.said('metrics are served');
  const [line] = parsed(service.lines.join('\n')).filter(({ msg }) => msg === 'metrics are served');
  return Number(line?.['port']);
}

function parsed(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

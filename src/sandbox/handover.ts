import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigProblem } from '../config.ts';
import { SAMPLE_RECIPIENTS } from './sample-recipients.ts';
import type { SandboxBusiness } from './sandbox-business.ts';
import type { SandboxChain } from './sandbox-chain.ts';
import type { Service } from './service.ts';

/** The files that hand the sandbox's world over. All are for their owner's eyes only (0600). */
export interface Handover {
  /** What a program needs to use the sandbox: written last, when everything is ready. */
  readonly sandboxFile: string;
  /** The settings with which `knit api` and `knit worker` join the sandbox. */
  readonly environmentFile: string;
  readonly assetsFile: string;
  readonly mnemonicFile: string;
  readonly logFileOf: (name: 'api' | 'worker') => string;
  /** Removes what would lead to a world that is gone. Logs stay. */
  readonly remove: () => Promise<void>;
}

export async function prepareHandover(folder: string): Promise<Handover> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigProblem(`KNIT_SANDBOX_DIR: ${reason}`, { cause: error });
  }
  const files = {
    sandboxFile: join(folder, 'sandbox.json'),
    environmentFile: join(folder, 'sandbox.env'),
    assetsFile: join(folder, 'assets.json'),
    mnemonicFile: join(folder, 'treasury-mnemonic'),
  };
  const remove = async (): Promise<void> => {
    await Promise.all(Object.values(files).map(async (file) => await rm(file, { force: true })));
  };
  await remove();
  return { ...files, logFileOf: (name) => join(folder, `${name}.log`), remove };
}

/** Writes a file that only its owner reads. */
export async function writePrivate(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600 });
  await chmod(file, 0o600);
}

/** The registry file of the local chains, as KNIT_ASSETS_FILE takes it. */
export function assetsFileOf(chains: readonly SandboxChain[]): string {
  const entries = chains.map(({ network, chainId, genesis, tokens }) => [
    network,
    chainId === null ? { genesis, tokens } : { chainId, tokens },
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

/** NAME=value lines that both a shell and Node's --env-file read. Throws for a value that no quotes fit. */
export function environmentFileOf(settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quoted(value)}`);
  return `${lines.join('\n')}\n`;
}

/** A folder's name may hold a quote; within double quotes a shell would still put values in. */
function quoted(value: string): string {
  if (/^[\w.,:/@%+=-]*$/.test(value)) return value;
  if (!/['\n]/.test(value)) return `'${value}'`;
  if (!/["$`\\\n]/.test(value)) return `"${value}"`;
  throw new ConfigProblem(`KNIT_SANDBOX_DIR: cannot be written as a setting: ${value}`);
}

/** The content of sandbox.json. There is no dashboard yet: its fields are null. */
export function sandboxFileOf(world: {
  readonly baseUrl: string;
  readonly business: SandboxBusiness;
  readonly inboxUrl: string;
  readonly databaseUrl: string;
  readonly chains: readonly SandboxChain[];
  /** Of the processes that the sandbox has started. */
  readonly services: readonly Pick<Service, 'name' | 'metricsUrl'>[];
}): string {
  const { baseUrl, business, inboxUrl, databaseUrl, chains } = world;
  const { businessId, userId, apiKey, clientId, clientSecret, webhookSecret, email } = business;
  const networks = chains.map(({ network, rpcUrl, chainId, tokens, treasury }) => [
    network,
    {
      rpcUrl,
      chainId,
      tokens: payable(tokens),
      treasury,
      sampleAddress: SAMPLE_RECIPIENTS[network],
    },
  ]);
  const content = {
    baseUrl,
    dashboardUrl: null,
    businessId,
    userId,
    apiKey,
    clientId,
    clientSecret,
    webhookSecret,
    webhookInbox: inboxUrl,
    dashboardEmail: email,
    dashboardPassword: null,
    databaseUrl,
    metricsUrls: Object.fromEntries(
      world.services.map(({ name, metricsUrl }) => [name, metricsUrl]),
    ) as object,
    networks: Object.fromEntries(networks) as object,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** The tokens that can be paid out there. */
function payable(tokens: SandboxChain['tokens']): SandboxChain['tokens'] {
  return Object.fromEntries(
    Object.entries(tokens).filter(([, token]) => token.payoutsEnabled !== false),
  );
}

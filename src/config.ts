import { readFileSync } from 'node:fs';
import { present } from './base/assert.ts';
import { isNetworkId, NETWORK_IDS, type NetworkId } from './money/asset.ts';
import { parseAssetsFile, createRegistry, type AssetRegistry } from './networks/registry.ts';
import type { NetworkAccess } from './networks/network-access.ts';
import { formatIpRange, parseIpRange } from './businesses/ip-range.ts';

/** A setting is missing or wrong. The message is one line that names it and never shows a secret. */
export class ConfigProblem extends Error {
  override readonly name = 'ConfigProblem';
}

/** The settings by name, as the environment gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What every command that touches the database needs. */
export interface DatabaseConfig {
  readonly databaseUrl: string;
  readonly databaseConnections: number;
  /** What operators call this installation; commands that move money ask for it by name. */
  readonly environmentName: string;
  readonly logLevel: string;
}

export interface NetworkConfig {
  readonly registry: AssetRegistry;
  readonly enabledNetworks: readonly NetworkId[];
  /** In the order of preference, at least one for each enabled network. */
  readonly rpcUrls: ReadonlyMap<NetworkId, readonly string[]>;
  /** How deep a block on Bitcoin lies when it is final; 1 is the newest. */
  readonly bitcoinConfirmations: number;
}

/** How the API serves. */
export interface ServingConfig {
  readonly host: string;
  readonly port: number;
  /** CIDR ranges whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** Requests a second of one business on one process; 0 sets no limit. */
  readonly requestsPerSecond: number;
  /** Requests that one process works on at once. */
  readonly maxRequestsInFlight: number;
  /** Connections of clients that one process holds. */
  readonly maxConnections: number;
  /** So long /readyz says 503 before a stopping API takes no more requests. */
  readonly stopDelayMs: number;
}

/** How a process is watched. */
export interface WatchingConfig {
  readonly metricsHost: string;
  /** Of /metrics, /healthz and /readyz for those who watch; undefined: there is none. */
  readonly metricsPort: number | undefined;
}

export interface ApiConfig extends DatabaseConfig, NetworkConfig, ServingConfig, WatchingConfig {
  readonly masterKey: Uint8Array;
}

/** How the worker settles and sends. */
export interface SettlingConfig {
  /** Accounts that send what the treasury has signed, on each EVM network. */
  readonly gasAccounts: number;
  /** What kind of address the treasury on Bitcoin has. */
  readonly bitcoinAddressType: 'p2tr' | 'p2wpkh';
  /** How long a payout waits at most for others to share a transaction with. */
  readonly batchWaitMs: number;
  /** host:port of webhook targets that are allowed although their address is private. */
  readonly allowedPrivateTargets: readonly string[];
}

export interface WorkerConfig
  extends DatabaseConfig, NetworkConfig, SettlingConfig, WatchingConfig {
  readonly masterKey: Uint8Array;
  readonly treasuryMnemonic: string;
}

/** Plain accounts that send what the treasury has signed, on each EVM network. */
export const STANDARD_GAS_ACCOUNTS = 4;

export interface SandboxConfig {
  readonly port: number;
  readonly networks: readonly NetworkId[];
  /** Where the sandbox's own files are written. */
  readonly folder: string;
  /** A PostgreSQL to use; undefined: start the embedded one. */
  readonly databaseUrl: string | undefined;
  readonly logLevel: string;
}

/** The process's own environment: the only place that reads it. */
export function processEnvironment(): Environment {
  return process.env;
}

export function readDatabaseConfig(env: Environment): DatabaseConfig {
  const databaseUrl = required(env, 'DATABASE_URL');
  if (!/^postgres(ql)?:\/\//.test(databaseUrl)) {
    throw new ConfigProblem('DATABASE_URL: must be a postgres:// or postgresql:// URL');
  }
  // The driver's own error for a URL that it cannot read holds the URL.
  if (!URL.canParse(databaseUrl)) {
    throw new ConfigProblem(
      'DATABASE_URL: cannot be read as a URL; is a special character encoded?',
    );
  }
  return Object.freeze({
    databaseUrl,
    databaseConnections: wholeNumber(env, 'KNIT_DATABASE_CONNECTIONS', { standard: 10, least: 1 }),
    environmentName: readEnvironmentName(env),
    logLevel: readLogLevel(env),
  });
}

/** Settings of `knit api`. A treasury secret is not among them, and is not looked at. */
export function readApiConfig(env: Environment): ApiConfig {
  return Object.freeze({
    ...readDatabaseConfig(env),
    ...readNetworkConfig(env),
    ...readServingConfig(env),
    ...readWatchingConfig(env),
    masterKey: readMasterKey(env),
  });
}

export function readServingConfig(env: Environment): ServingConfig {
  return {
    host: optional(env, 'KNIT_HOST') ?? '127.0.0.1',
    port: wholeNumber(env, 'PORT', { standard: 3000, least: 0, most: 65_535 }),
    trustedProxies: readRanges(env, 'KNIT_TRUSTED_PROXIES'),
    requestsPerSecond: wholeNumber(env, 'KNIT_REQUESTS_PER_SECOND', { standard: 1000, least: 0 }),
    maxRequestsInFlight: wholeNumber(env, 'KNIT_MAX_REQUESTS_IN_FLIGHT', {
      standard: 1000,
      least: 1,
    }),
    maxConnections: wholeNumber(env, 'KNIT_MAX_CONNECTIONS', { standard: 10_000, least: 1 }),
    stopDelayMs: wholeNumber(env, 'KNIT_STOP_DELAY_MS', { standard: 0, least: 0, most: 60_000 }),
  };
}

export function readWatchingConfig(env: Environment): WatchingConfig {
  const name = 'KNIT_METRICS_PORT';
  const isServed = optional(env, name) !== undefined;
  return {
    metricsHost: optional(env, 'KNIT_METRICS_HOST') ?? '127.0.0.1',
    metricsPort: isServed
      ? wholeNumber(env, name, { standard: 0, least: 0, most: 65_535 })
      : undefined,
  };
}

/** Settings of `knit worker`. */
export function readWorkerConfig(env: Environment): WorkerConfig {
  return Object.freeze({
    ...readDatabaseConfig(env),
    ...readNetworkConfig(env),
    ...readSettlingConfig(env),
    ...readWatchingConfig(env),
    masterKey: readMasterKey(env),
    treasuryMnemonic: required(env, 'KNIT_TREASURY_MNEMONIC'),
  });
}

/** Undefined where this process has none: only the worker needs it. */
export function readMnemonic(env: Environment): string | undefined {
  return optional(env, 'KNIT_TREASURY_MNEMONIC');
}

export function readSettlingConfig(env: Environment): SettlingConfig {
  return {
    gasAccounts: wholeNumber(env, 'KNIT_GAS_ACCOUNTS', {
      standard: STANDARD_GAS_ACCOUNTS,
      least: 1,
      most: 16,
    }),
    bitcoinAddressType: readBitcoinAddressType(env),
    batchWaitMs: wholeNumber(env, 'KNIT_BATCH_WAIT_MS', { standard: 1000, least: 0, most: 60_000 }),
    allowedPrivateTargets: readPrivateTargets(env),
  };
}

/** Settings of the sandbox. It chooses all others for its processes itself. */
export function readSandboxConfig(env: Environment): SandboxConfig {
  const names = list(env, 'KNIT_SANDBOX_NETWORKS');
  const networks = names.map((name) => readNetworkName('KNIT_SANDBOX_NETWORKS', name));
  const isDatabaseGiven = optional(env, 'DATABASE_URL') !== undefined;
  return Object.freeze({
    port: wholeNumber(env, 'PORT', { standard: 3000, least: 1, most: 65_535 }),
    networks: networks.length === 0 ? NETWORK_IDS : [...new Set(networks)],
    folder: optional(env, 'KNIT_SANDBOX_DIR') ?? '.knit',
    databaseUrl: isDatabaseGiven ? readDatabaseConfig(env).databaseUrl : undefined,
    logLevel: readLogLevel(env),
  });
}

/** host:port of webhook targets that are allowed although their address is private. */
export function readPrivateTargets(env: Environment): readonly string[] {
  const name = 'KNIT_WEBHOOK_PRIVATE_TARGETS';
  const targets = list(env, name);
  const wrong = targets.find((text) => !/^(\[[0-9a-f:.]+\]|[^\s:/@]+):\d{1,5}$/i.test(text));
  if (wrong === undefined) return targets;
  throw new ConfigProblem(`${name}: ${wrong} is not a host and a port, such as 127.0.0.1:8080`);
}

export function readEnabledNetworks(env: Environment): readonly NetworkId[] {
  const names = list(env, 'KNIT_NETWORKS');
  if (names.length === 0) return NETWORK_IDS;
  return [...new Set(names.map((name) => readNetworkName('KNIT_NETWORKS', name)))];
}

/** Of the enabled networks, or of those given. */
export function readNetworkConfig(
  env: Environment,
  enabledNetworks: readonly NetworkId[] = readEnabledNetworks(env),
): NetworkConfig {
  const registry = readRegistry(env);
  const rpcUrls = new Map(
    enabledNetworks.map((network) => [network, readRpcUrls(env, `KNIT_RPC_${network}`)]),
  );
  const bitcoinConfirmations = wholeNumber(env, 'KNIT_BITCOIN_CONFIRMATIONS', {
    standard: 6,
    least: 1,
    most: MOST_CONFIRMATIONS,
  });
  return { registry, enabledNetworks, rpcUrls, bitcoinConfirmations };
}

/** How an enabled network is reached. */
export function accessOf(config: NetworkConfig, network: NetworkId): NetworkAccess {
  const { registry, bitcoinConfirmations } = config;
  const rpcUrls = present(config.rpcUrls.get(network), `RPC URLs of ${network}`);
  return { registry, rpcUrls, bitcoinConfirmations };
}

/** A coin of a miner's can be spent after so many blocks: no more is ever waited for. */
const MOST_CONFIRMATIONS = 100;

function readBitcoinAddressType(env: Environment): 'p2tr' | 'p2wpkh' {
  const type = optional(env, 'KNIT_BITCOIN_ADDRESS_TYPE') ?? 'p2tr';
  if (type === 'p2tr' || type === 'p2wpkh') return type;
  throw new ConfigProblem('KNIT_BITCOIN_ADDRESS_TYPE: must be p2tr or p2wpkh');
}

/** 32 bytes: encrypts secrets at rest and signs access tokens. */
export function readMasterKey(env: Environment): Uint8Array {
  const text = required(env, 'KNIT_MASTER_KEY');
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new ConfigProblem('KNIT_MASTER_KEY: must be 64 hexadecimal digits (32 bytes)');
  }
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Operators type it to confirm, so it is one plain word. */
function readEnvironmentName(env: Environment): string {
  const name = optional(env, 'KNIT_ENVIRONMENT') ?? 'production';
  if (/^[\w.-]{1,64}$/.test(name)) return name;
  throw new ConfigProblem(
    'KNIT_ENVIRONMENT: must be 1 to 64 letters, digits, dots, hyphens or underscores',
  );
}

/** The assets alone, for commands that ask no chain. */
export function readRegistry(env: Environment): AssetRegistry {
  const path = optional(env, 'KNIT_ASSETS_FILE');
  if (path === undefined) return createRegistry();
  try {
    return createRegistry(parseAssetsFile(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new ConfigProblem(`KNIT_ASSETS_FILE: ${path}: ${messageOf(error)}`);
  }
}

function readNetworkName(setting: string, name: string): NetworkId {
  if (isNetworkId(name)) return name;
  const names = NETWORK_IDS.join(', ');
  throw new ConfigProblem(`${setting}: ${name} is not a network, which are ${names}`);
}

function readRpcUrls(env: Environment, name: string): string[] {
  const texts = required(env, name)
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  // A URL may hold a provider's key, so the message does not show it.
  const isUsable = (text: string): boolean => /^https?:$/.test(URL.parse(text)?.protocol ?? '');
  if (texts.length === 0 || !texts.every(isUsable)) {
    throw new ConfigProblem(`${name}: must be http:// or https:// URLs, separated by commas`);
  }
  // What two nodes say counts for more than what one says: one may not count twice.
  if (new Set(texts.map((text) => new URL(text).href)).size < texts.length) {
    throw new ConfigProblem(`${name}: names the same URL twice`);
  }
  return texts;
}

function readRanges(env: Environment, name: string): string[] {
  return list(env, name).map((text) => {
    const range = parseIpRange(text);
    if ('problem' in range) throw new ConfigProblem(`${name}: ${text}: ${range.problem}`);
    if (range.prefixBits === 0) {
      throw new ConfigProblem(`${name}: ${text} names everybody; name the proxies' own addresses`);
    }
    return formatIpRange(range);
  });
}

function readLogLevel(env: Environment): string {
  const level = optional(env, 'KNIT_LOG_LEVEL') ?? 'info';
  if (/^(debug|info|warn|error)$/.test(level)) return level;
  throw new ConfigProblem('KNIT_LOG_LEVEL: must be debug, info, warn or error');
}

function wholeNumber(
  env: Environment,
  name: string,
  limits: { standard: number; least: number; most?: number },
): number {
  const text = optional(env, name);
  if (text === undefined) return limits.standard;
  const { least, most = 1_000_000 } = limits;
  const value = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new ConfigProblem(`${name}: must be a whole number from ${least} to ${most}`);
}

function list(env: Environment, name: string): string[] {
  const text = optional(env, name) ?? '';
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function required(env: Environment, name: string): string {
  const value = optional(env, name);
  if (value === undefined) {
    throw new ConfigProblem(`${name}: is not set (nor is ${name}_FILE)`);
  }
  return value;
}

/** Every setting may be given as NAME, or as a file's path in NAME_FILE; not as both. */
function optional(env: Environment, name: string): string | undefined {
  const value = env[name];
  const path = env[`${name}_FILE`];
  if (path === undefined || path === '') return value === '' ? undefined : value;
  if (value !== undefined && value !== '') {
    throw new ConfigProblem(`${name}: is set twice, as ${name} and as ${name}_FILE`);
  }
  try {
    const content = readFileSync(path, 'utf8').trim();
    return content === '' ? undefined : content;
  } catch (error) {
    throw new ConfigProblem(`${name}_FILE: ${messageOf(error)}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : String(error);
}

import { statSync } from 'node:fs';
import {
  ConfigProblem,
  readDatabaseConfig,
  readEnabledNetworks,
  readMasterKey,
  readMnemonic,
  readNetworkConfig,
  readSandboxConfig,
  readServingConfig,
  readSettlingConfig,
  readWatchingConfig,
  type DatabaseConfig,
  type Environment,
  type NetworkConfig,
  type SettlingConfig,
} from '../config.ts';
import { NETWORK_IDS, type NetworkId } from '../money/asset.ts';
import { fine, warning, wrong, type Finding, type PlacedFinding } from '../networks/examination.ts';
import type { MnemonicSigner } from '../treasury/mnemonic-signer.ts';
import { createMnemonicSigner } from '../treasury/mnemonic-signer.ts';

/** What could be read of the settings; undefined where something in them is missing or wrong. */
export interface ReadableSettings {
  readonly database: DatabaseConfig | undefined;
  readonly masterKey: Uint8Array | undefined;
  readonly settling: SettlingConfig | undefined;
  /** Undefined where this process is not given the treasury's mnemonic, or not a good one. */
  readonly keys: MnemonicSigner | undefined;
  readonly networks: readonly { readonly network: NetworkId; readonly config: NetworkConfig }[];
}

const CORRECT = 'set or correct it; docs/configuration.md says what it takes';

export async function examineSettings(env: Environment): Promise<{
  readonly findings: readonly PlacedFinding[];
  readonly readable: ReadableSettings;
}> {
  const asked = new Set<string>();
  const findings: PlacedFinding[] = [];
  const note = (finding: Finding, network: NetworkId | null = null): void => {
    findings.push({ ...finding, network });
  };
  const recording = recordingReads(env, asked);
  const attempt = <T>(read: (env: Environment) => T, network: NetworkId | null = null) => {
    try {
      return read(recording);
    } catch (error) {
      if (!(error instanceof ConfigProblem)) throw error;
      note(wrong(error.message, CORRECT), network);
      return undefined;
    }
  };
  const database = attempt(readDatabaseConfig);
  const masterKey = attempt(readMasterKey);
  attempt(readServingConfig);
  attempt(readWatchingConfig);
  const settling = attempt(readSettlingConfig);
  const keys = readKeys(attempt(readMnemonic), note);
  const networks = (attempt(readEnabledNetworks) ?? []).flatMap((network) => {
    const config = attempt((from) => readNetworkConfig(from, [network]), network);
    return config === undefined ? [] : [{ network, config }];
  });
  if (findings.every(({ level }) => level !== 'fail')) note(fine('the settings can be read'));
  for (const finding of [...openSecrets(env), ...findStrangeNames(env, asked)]) note(finding);
  const readable = { database, masterKey, settling, keys, networks };
  return await Promise.resolve({ findings, readable });
}

/** Notes which settings the readers ask for: there is no second list of their names. */
function recordingReads(env: Environment, asked: Set<string>): Environment {
  return new Proxy(env, {
    get: (target, name) => {
      asked.add(String(name));
      return Reflect.get(target, name) as unknown;
    },
  });
}

function readKeys(
  mnemonic: string | undefined,
  note: (finding: Finding) => void,
): MnemonicSigner | undefined {
  if (mnemonic === undefined) {
    const what = 'KNIT_TREASURY_MNEMONIC is not set here: knit worker needs it, and nothing else';
    note(warning(what, 'none, unless this is where the worker runs'));
    return undefined;
  }
  try {
    return createMnemonicSigner({ mnemonic });
  } catch {
    note(wrong('KNIT_TREASURY_MNEMONIC is not a BIP-39 mnemonic in English', CORRECT));
    return undefined;
  }
}

/** Files of secrets that others than their owner can read. */
function openSecrets(env: Environment): Finding[] {
  return ['KNIT_TREASURY_MNEMONIC', 'KNIT_MASTER_KEY'].flatMap((name) => {
    const path = env[`${name}_FILE`];
    const mode = path === undefined ? undefined : modeOf(path);
    if (mode === undefined || (mode & 0o077) === 0) return [];
    const what = `the file of ${name} can be read by others than its owner`;
    return [warning(what, 'chmod 600, or whatever keeps it to the process that needs it')];
  });
}

/** Undefined where it cannot be looked at: its reader has said so. */
function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode;
  } catch {
    return undefined;
  }
}

/** A name that nothing reads is a setting that does not do what it was meant for. */
function findStrangeNames(env: Environment, asked: Set<string>): Finding[] {
  readSandboxNames(env, asked);
  const known = new Set([...asked, ...NETWORK_IDS.flatMap((id) => both(`KNIT_RPC_${id}`))]);
  return Object.keys(env)
    .filter((name) => name.startsWith('KNIT_') && !known.has(name))
    .map((name) => warning(`${name} is no setting of Knit`, 'correct its name, or take it away'));
}

function readSandboxNames(env: Environment, asked: Set<string>): void {
  try {
    readSandboxConfig(recordingReads(env, asked));
  } catch (error) {
    // It is read for its names; the sandbox says itself what is wrong with their values.
    if (!(error instanceof ConfigProblem)) throw error;
  }
  for (const name of ['KNIT_SANDBOX_NETWORKS', 'KNIT_SANDBOX_DIR']) both(name).forEach(add(asked));
}

function both(name: string): string[] {
  return [name, `${name}_FILE`];
}

function add(names: Set<string>): (name: string) => void {
  return (name) => {
    names.add(name);
  };
}

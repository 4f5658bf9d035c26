import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { present } from '../base/assert.ts';
import type { Log } from '../base/log.ts';
import type { EvmNetworkId } from '../networks/evm/evm-network.ts';
import type { Guard } from './guard.ts';

export interface Anvil {
  /** http://127.0.0.1:port */
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly pid: number;
  /** Ends the chain. It keeps nothing. */
  stop(): Promise<void>;
}

/** How a local chain behaves. */
export interface ChainProfile {
  readonly chainId: number;
  /** Null: a block is made only when it is asked for (evm_mine). */
  readonly blockTimeSeconds: number | null;
  /** The `finalized` block is twice this many blocks behind the newest, `safe` once. */
  readonly slotsInAnEpoch: number;
  /** States that can be asked about, counted from the newest block; older ones are forgotten. */
  readonly keptStates: number;
  readonly blockGasLimit: number;
}

/**
 * The real networks, scaled: Polygon finalizes within a few blocks, BSC two blocks behind, Ethereum
 * two epochs behind (12.8 minutes there, 16 seconds here; the blocks are fewer and not shorter,
 * because each kept state grows with the number of blocks: at 64 states a chain grows by about
 * 12 kB a block).
 */
export const PROFILES: Readonly<Record<EvmNetworkId, ChainProfile>> = {
  ETHEREUM_MAINNET: {
    chainId: 1,
    blockTimeSeconds: 1,
    slotsInAnEpoch: 8,
    keptStates: 64,
    blockGasLimit: 60_000_000,
  },
  MATIC_MAINNET: {
    chainId: 137,
    blockTimeSeconds: 1,
    slotsInAnEpoch: 2,
    keptStates: 64,
    blockGasLimit: 60_000_000,
  },
  BSC_MAINNET: {
    chainId: 56,
    blockTimeSeconds: 0.75,
    slotsInAnEpoch: 1,
    keptStates: 64,
    blockGasLimit: 100_000_000,
  },
};

export interface AnvilOptions {
  readonly guard: Guard;
  readonly log: Log;
  readonly network: EvmNetworkId;
  /** Differences from the network's own profile. */
  readonly profile?: Partial<ChainProfile>;
  /** Default: a free one, chosen by the system. */
  readonly port?: number;
}

const START_PATIENCE_MS = 15_000;

/**
 * Starts a local chain on 127.0.0.1 with the network's chain id and manner of finality. Blocks come
 * by interval only: anvil's automatic mining can strand the transactions of an account that sends in
 * parallel. Its ten development accounts are unlocked and hold 10,000 coins each.
 * Throws an Error whose message is one line.
 */
export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  const profile = { ...PROFILES[options.network], ...options.profile };
  const child = spawn(findProgram(), parameters(profile, options.port ?? 0), {
    // A session of its own: Ctrl-C in the terminal does not reach it.
    detached: true,
    cwd: tmpdir(),
    // It keeps caches in its home.
    env: { HOME: tmpdir() },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) options.guard.watch(child.pid);
  try {
    const address = await listening(child);
    options.log.debug({ network: options.network, address, pid: child.pid }, 'chain started');
    return {
      rpcUrl: `http://${address}`,
      chainId: profile.chainId,
      pid: present(child.pid, 'a chain that listens has a process'),
      stop: async () => await stop(child),
    };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

/** The native program of the platform's package; the wrapper beside it would be a second process. */
function findProgram(): string {
  // The package has no entry of its own to resolve, so its folder is looked for as Node.js would.
  const folders = createRequire(import.meta.url).resolve.paths('@foundry-rs') ?? [];
  const programs = folders.map((folder) =>
    join(folder, '@foundry-rs', 'anvil-linux-amd64', 'bin', 'anvil'),
  );
  const found = programs.find((program) => existsSync(program));
  if (found !== undefined) return found;
  throw new Error(
    'anvil is missing: the package @foundry-rs/anvil-linux-amd64 is not installed (it exists for ' +
      'Linux on x64 only). Run npm ci',
  );
}

function parameters(profile: ChainProfile, port: number): string[] {
  return [
    '--host=127.0.0.1',
    `--port=${port}`,
    `--chain-id=${profile.chainId}`,
    profile.blockTimeSeconds === null ? '--no-mining' : `--block-time=${profile.blockTimeSeconds}`,
    `--slots-in-an-epoch=${profile.slotsInAnEpoch}`,
    `--gas-limit=${profile.blockGasLimit}`,
    '--hardfork=osaka',
    // EIP-7825: no transaction above 16,777,216 gas.
    '--enable-tx-gas-limit',
    // Without this, old states go to the disk: 0.2 MB a block.
    `--prune-history=${profile.keptStates}`,
    '--no-cors',
    '--color=never',
  ];
}

/** Waits for the line that names the port. What it says later is read and dropped, so that it never blocks. */
async function listening(child: ChildProcess): Promise<string> {
  const lines: string[] = [];
  return await new Promise((resolve, reject) => {
    const refuse = (): void => {
      clearTimeout(timer);
      const said = lines.findLast((line) => line.trim() !== '') ?? 'it ended without a word';
      reject(new Error(`anvil could not start: ${said.trim()}`));
    };
    const timer = setTimeout(refuse, START_PATIENCE_MS);
    child.once('error', (error) => {
      lines.push(error.message);
      refuse();
    });
    child.once('close', refuse);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      const reader = createInterface({ input: stream });
      reader.on('line', (line) => {
        lines.push(line);
        if (lines.length > 50) lines.shift();
        const address = /^Listening on (\S+)$/.exec(line)?.[1];
        if (address === undefined) return;
        clearTimeout(timer);
        reader.close();
        stream.resume();
        resolve(address);
      });
    }
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  // Nothing of it is kept, so there is nothing to finish.
  child.kill('SIGKILL');
  await ended;
}

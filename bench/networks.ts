import { z } from 'zod';
import { systemClock } from '../src/base/clock.ts';
import { isNetworkId, NETWORK_IDS, type NetworkId } from '../src/money/asset.ts';
import { independentClient } from '../test/harness/independent-clients.ts';
import type { SandboxFile } from '../test/harness/sandbox.ts';
import { compareRuns, type BenchResult, type Run } from './bench-result.ts';
import { partOfSandbox } from './part-of-sandbox.ts';
import { measureMemory } from './process-memory.ts';
import { startSandboxProcess, type SandboxProcess } from './sandbox-process.ts';
import { watchHeads, type WatchedChain } from './watch-heads.ts';

export interface NetworkRuns {
  readonly networks: readonly NetworkId[];
  /** Sandboxes, one after the other. */
  readonly starts: number;
  /** One after the other on each network, on all networks at once. */
  readonly payouts: number;
}

const FULL: NetworkRuns = { networks: NETWORK_IDS, starts: 3, payouts: 3 };

/**
 * The sandbox as `npm start` starts it: how long until it is ready, what memory its parts hold, and for each network
 * the time from the 201 to COMPLETED. Against the chain's own finality: the time of a block, times the number
 * of blocks by which the final one is behind the newest, both as seen on the chain meanwhile.
 */
export async function measureNetworks(
  tell: (progress: string) => void,
  { networks, starts, payouts }: NetworkRuns = FULL,
): Promise<BenchResult> {
  const runs: Run[] = [];
  for (let start = 1; start <= starts; start += 1) {
    const sandbox = await startSandboxProcess(networks);
    try {
      tell(`start ${start}: ready after ${(sandbox.readyAfterMs / 1_000).toFixed(1)} s`);
      runs.push(...(await measureSandbox(sandbox, { payouts, tell })));
    } finally {
      await sandbox.stop();
    }
  }
  const unit = 'milliseconds; blocks and megabytes where the key says so';
  return { ...compareRuns({ name: 'networks', unit }, runs), runs: starts };
}

async function measureSandbox(
  sandbox: SandboxProcess,
  { payouts, tell }: { readonly payouts: number; readonly tell: (progress: string) => void },
): Promise<readonly Run[]> {
  const { file } = sandbox;
  const whole = new Map([
    ['time-to-ready', sandbox.readyAfterMs],
    ...memoryOf(sandbox, 'when-ready'),
  ]);
  const networks = Object.keys(file.networks).filter((name) => isNetworkId(name));
  const runs = await Promise.all(
    networks.map(async (network) => await payOn(file, { network, payouts, tell })),
  );
  for (const [key, figure] of memoryOf(sandbox, 'after-payouts')) whole.set(key, figure);
  tell(JSON.stringify(Object.fromEntries(whole)));
  return [{ ours: whole, baselines: new Map() }, ...runs.flat()];
}

const MEGABYTE = 2 ** 20;

function memoryOf({ pid }: SandboxProcess, when: string): ReadonlyMap<string, number> {
  const figures = new Map<string, number>();
  const parts = [...measureMemory(pid, partOfSandbox)];
  for (const [part, { residentBytes, proportionalBytes }] of parts) {
    figures.set(`resident-MB/${when}/${part}`, residentBytes / MEGABYTE);
    figures.set(`proportional-MB/${when}/${part}`, proportionalBytes / MEGABYTE);
  }
  // Resident sizes do not add up: they hold PostgreSQL's buffers and the code of Node.js once a process.
  const all = parts.reduce((sum, [, { proportionalBytes }]) => sum + proportionalBytes, 0);
  return figures.set(`proportional-MB/${when}/all`, all / MEGABYTE);
}

/** Pays new recipients one after the other, and counts the money with somebody else's client. */
async function payOn(
  file: SandboxFile,
  about: {
    readonly network: NetworkId;
    readonly payouts: number;
    readonly tell: (progress: string) => void;
  },
): Promise<readonly Run[]> {
  const { network, payouts, tell } = about;
  const chain = file.networks[network];
  if (chain === undefined) throw new Error(`${network} is not in the sandbox`);
  const watched = watchHeads(network, chain.rpcUrl);
  const times: PayoutTimes[] = [];
  try {
    for (let number = 0; number < payouts; number += 1) {
      // So that they meet blocks at different moments.
      await systemClock.sleep(number * UNEVEN_MS);
      times.push(await payOne(file, { network, watched }));
    }
  } finally {
    await watched.stop();
  }
  const finalityMs = watched.blockMs() * watched.blocksToFinal();
  return times.map(({ totalMs, untilBlockMs, untilFinalMs, untilCompletedMs }) => {
    const ours = new Map([
      [network, totalMs],
      [`${network}/from-201-to-block`, untilBlockMs],
      [`${network}/from-block-to-final`, untilFinalMs],
      [`${network}/from-final-to-completed`, untilCompletedMs],
      [`${network}/block`, watched.blockMs()],
      [`${network}/blocks-to-final`, watched.blocksToFinal()],
    ]);
    tell(JSON.stringify({ ...Object.fromEntries(ours), finalityMs }));
    return { ours, baselines: new Map([[`finality/${network}`, finalityMs]]) };
  });
}

const UNEVEN_MS = 370;

interface PayoutTimes {
  readonly totalMs: number;
  /** From the 201 to the block that holds it; to its being final; to COMPLETED. */
  readonly untilBlockMs: number;
  readonly untilFinalMs: number;
  readonly untilCompletedMs: number;
}

async function payOne(
  file: SandboxFile,
  { network, watched }: { readonly network: NetworkId; readonly watched: WatchedChain },
): Promise<PayoutTimes> {
  const chain = file.networks[network];
  const [token, { decimals } = { decimals: 0 }] = Object.entries(chain?.tokens ?? {})[0] ?? [];
  if (chain === undefined || token === undefined) throw new Error(`${network} has no token`);
  const client = independentClient(network, chain);
  const toAddress = await client.freshRecipient();
  const amount = token === 'BTC' ? '0.001' : '1';
  const units = token === 'BTC' ? 100_000n : 10n ** BigInt(decimals);
  const { id } = payoutAnswer.parse(
    await ask(file, '', { network, token, amount, toAddress }),
  ).data;
  const acceptedAt = Date.now();
  const completedAt = await untilCompleted(file, id);
  const attempts = attemptsAnswer.parse(await ask(file, `/${id}/attempts`)).data;
  const block = attempts.find(({ fate }) => fate === 'PAID')?.blockNumber;
  if (block === null || block === undefined) throw new Error(`${id} was paid in no block`);
  const paid = await client.unitsOf(token, toAddress);
  if (paid !== units) throw new Error(`${network}: ${paid} units arrived of ${units}`);
  const inBlockAt = watched.firstSeen('newest', Number(block));
  const finalAt = watched.firstSeen('final', Number(block));
  return {
    totalMs: completedAt - acceptedAt,
    untilBlockMs: inBlockAt - acceptedAt,
    untilFinalMs: finalAt - inBlockAt,
    untilCompletedMs: completedAt - finalAt,
  };
}

const payoutAnswer = z.object({
  data: z.object({ id: z.string(), status: z.string(), updatedAt: z.string() }),
});
const attemptsAnswer = z.object({
  data: z.array(z.object({ fate: z.string(), blockNumber: z.string().nullable() })),
});

const PATIENCE_MS = 180_000;
const LOOK_EVERY_MS = 100;

/** By the payout itself, which says when it changed. Throws where it fails, or takes too long. */
async function untilCompleted(file: SandboxFile, id: string): Promise<number> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (Date.now() < giveUpAt) {
    const { status, updatedAt } = payoutAnswer.parse(await ask(file, `/${id}`)).data;
    if (status === 'COMPLETED') return Date.parse(updatedAt);
    if (status === 'FAILED') throw new Error(`the payout ${id} has failed`);
    await systemClock.sleep(LOOK_EVERY_MS);
  }
  throw new Error(`the payout ${id} was not COMPLETED after ${PATIENCE_MS / 1_000} s`);
}

async function ask(file: SandboxFile, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${file.baseUrl}/api/v1/payouts${path}`, {
    headers: { 'X-API-KEY': file.apiKey, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return await response.json();
}

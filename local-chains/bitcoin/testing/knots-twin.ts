import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import path from 'node:path';
import type { BitcoinChain, BitcoinNode } from '../bitcoin-chain.ts';
import { createBitcoinChain } from '../create-bitcoin-chain.ts';
import { isRecord } from '../question.ts';

/** The local chain, and a real node that is given each of its blocks: their answers can be compared whole. */
export interface Twin {
  readonly chain: BitcoinChain;
  readonly node: BitcoinNode;
  /** Asks both; numbers are told by their digits. */
  ask(method: string, params: readonly unknown[], wallet?: string): Promise<TwinAnswers>;
  /** Lets time pass on both. */
  pass(seconds: number): Promise<void>;
  /** Gives the real node every block that it has not seen. Each must be to its liking. */
  share(): Promise<void>;
  stop(): Promise<void>;
}

export interface TwinAnswers {
  readonly ours: unknown;
  readonly real: unknown;
}

/** Blocks take their time from here, so that the real node finds them neither old nor early. */
const START_MS = 1_795_000_000_000;

export async function startTwin(settings: readonly string[] = []): Promise<Twin> {
  const real = await startReal(settings);
  let nowMs = START_MS;
  const chain = createBitcoinChain({ now: () => nowMs });
  const node = chain.openNode('one');
  const shared = new Set<string>([chain.truth.blockAt(0)?.hash ?? '']);
  const askReal = async (
    method: string,
    params: readonly unknown[],
    wallet?: string,
  ): Promise<unknown> =>
    outcomeOf(await real.post(pathOf(wallet), JSON.stringify({ id: 1, method, params })));
  const pass = async (seconds: number): Promise<void> => {
    nowMs += seconds * 1_000;
    await askReal('setmocktime', [nowMs / 1_000]);
  };
  await pass(0);
  return {
    chain,
    node,
    pass,
    async ask(method, params, wallet) {
      const body = JSON.stringify({ id: 1, method, params });
      const exchange = node.exchange(pathOf(wallet), body);
      const ours = exchange.kind === 'answer' ? outcomeOf(exchange.body) : 'silence';
      return { ours, real: await askReal(method, params, wallet) };
    },
    async share() {
      const tip = chain.truth.tip();
      for (let height = 1; height <= tip.height; height += 1) {
        const hash = chain.truth.blockAt(height)?.hash ?? '';
        if (shared.has(hash)) continue;
        shared.add(hash);
        const block = await node.request('getblock', [hash, 0]);
        const answer = await askReal('submitblock', [block]);
        const isTip = height === tip.height;
        // On a branch that is not the longest yet the node answers that it cannot say.
        const isFine = isRecord(answer) && (answer['result'] === null || !isTip);
        if (!isFine) throw new Error(`the block at ${height}: ${JSON.stringify(answer)}`);
      }
    },
    stop: async () => await real.stop(),
  };
}

function pathOf(wallet: string | undefined): string {
  return wallet === undefined ? '/' : `/wallet/${wallet}`;
}

interface Real {
  post(path: string, body: string): Promise<string>;
  stop(): Promise<void>;
}

/** The child ends with this process: its standard input closes then. */
async function startReal(settings: readonly string[]): Promise<Real> {
  const program = path.resolve(import.meta.dirname, '../start-knots.ts');
  const given = settings.flatMap((setting) => ['--setting', setting]);
  const child = spawn(process.execPath, [program, ...given], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit')])) as [unknown];
  if (typeof line !== 'string') throw new Error('no real node was started');
  const { rpcUrl } = JSON.parse(line) as { readonly rpcUrl: string };
  const { username, password, host } = new URL(rpcUrl);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return {
    async post(place, body) {
      const response = await fetch(`http://${host}${place}`, {
        method: 'POST',
        headers: { authorization },
        body,
      });
      return await response.text();
    },
    async stop() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}

/** What a body says, without its id; numbers as their digits, so that none is rounded. */
function outcomeOf(body: string): unknown {
  const parse = JSON.parse as unknown as (
    text: string,
    revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ) => unknown;
  const envelope = parse(body, (_, value, { source }) =>
    typeof value === 'number' ? `number ${source ?? ''}` : value,
  );
  if (!isRecord(envelope)) return envelope;
  const { result, error } = envelope;
  return error === null || error === undefined ? { result } : { error };
}

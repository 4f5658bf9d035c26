// node local-chains/tron/main.ts [--port N] [--block-time MS] [--solidified-after BLOCKS] [--config FILE|-] [--manual]
// One line of JSON on stdout when it is ready; ends on SIGTERM, SIGINT and when its stdin closes.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { readConfig } from './read-config.ts';
import { serveChain } from './serve.ts';
import { createTronChain, type TronChain } from './tron-chain.ts';

const options = {
  port: { type: 'string', default: '0' },
  'block-time': { type: 'string', default: '3000' },
  'solidified-after': { type: 'string', default: '18' },
  config: { type: 'string' },
  // Blocks come by POST /control/produceBlock alone.
  manual: { type: 'boolean', default: false },
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  const lines = createInterface({ input: process.stdin });
  const genesis = readConfig(await configText(values.config, lines));
  const blockTimeMs = wholeNumber(values['block-time'], '--block-time');
  if (blockTimeMs < 1) throw new Error('--block-time is at least 1 ms');
  const chain = await createTronChain({
    ...genesis,
    now: Date.now,
    blockTimeMs,
    solidifiedAfterBlocks: wholeNumber(values['solidified-after'], '--solidified-after'),
  });
  // Funds of the genesis that are transfers lie in block 1.
  await chain.produceBlock();
  const served = await serveChain(chain, wholeNumber(values.port, '--port'));
  const stopProducing = values.manual ? () => undefined : keepProducing(chain, blockTimeMs);
  const end = (): void => {
    stopProducing();
    void served.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  lines.once('close', end);
  process.stdout.write(
    `${JSON.stringify(announcement(chain, served.rpcUrl, genesis.tokens ?? []))}\n`,
  );
}

/** `-`: the first line of stdin, which then stays open for as long as the chain is wanted. */
async function configText(
  path: string | undefined,
  lines: ReturnType<typeof createInterface>,
): Promise<string> {
  if (path === undefined) return '{}';
  if (path !== '-') return await readFile(path, 'utf8');
  return await new Promise((resolve, reject) => {
    lines.once('line', resolve);
    lines.once('close', () => {
      reject(new Error('stdin closed before the configuration came'));
    });
  });
}

/** A block as each slot begins. A chain that cannot go on ends the process: it must not seem alive. */
function keepProducing(chain: TronChain, blockTimeMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const schedule = (): void => {
    const elapsed = (Date.now() - chain.truth.head().timestampMs) % blockTimeMs;
    timer = setTimeout(() => {
      chain.produceBlock().then(schedule, fail);
    }, blockTimeMs - elapsed);
  };
  schedule();
  return () => {
    clearTimeout(timer);
  };
}

function announcement(
  chain: TronChain,
  rpcUrl: string,
  tokens: readonly { readonly symbol: 'USDT' | 'USDC'; readonly decimals?: number }[],
): unknown {
  return {
    rpcUrl,
    controlUrl: `${rpcUrl}/control`,
    genesisBlockId: chain.truth.block(0)?.blockId,
    tokens: Object.fromEntries(
      tokens.map(({ symbol, decimals }) => [
        symbol,
        { address: chain.truth.tokenAddress(symbol), decimals },
      ]),
    ),
  };
}

function wholeNumber(text: string, name: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${name} is not a whole number`);
  return Number(text);
}

function fail(error: unknown): void {
  process.stderr.write(
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
}

main().catch(fail);

import { parseArgs } from 'node:util';
import type { SolanaChain, SolanaRandom } from './chain-interface.ts';
import { serveSolanaChain } from './serve.ts';
import { createSolanaChain } from './solana-chain.ts';

/**
 * A local Solana chain as a process. Prints one line of JSON when it is ready, and ends when it is told to
 * or when its standard input closes: whoever started it is gone then.
 */
const FLAGS = {
  port: { type: 'string', default: '0' },
  'slot-ms': { type: 'string', default: '400' },
  'confirmed-after': { type: 'string', default: '1' },
  'finalized-after': { type: 'string', default: '31' },
  'skip-every': { type: 'string', default: '20' },
  'status-cache': { type: 'string', default: '300' },
  'mint-usdt': { type: 'string' },
  'mint-usdc': { type: 'string' },
  seed: { type: 'string', default: 'local' },
  chance: { type: 'string', default: '1' },
} as const;

const { values: flags } = parseArgs({ options: FLAGS });
const chain = createSolanaChain({
  now: () => Date.now(),
  random: chanceFrom(readCount('chance')),
  seed: flags.seed,
  mints: {
    ...(flags['mint-usdt'] === undefined ? {} : { USDT: flags['mint-usdt'] }),
    ...(flags['mint-usdc'] === undefined ? {} : { USDC: flags['mint-usdc'] }),
  },
  confirmedAfterSlots: readCount('confirmed-after'),
  finalizedAfterSlots: readCount('finalized-after'),
  skipEvery: readCount('skip-every'),
  statusCacheSlots: readCount('status-cache'),
});
const slotMs = readCount('slot-ms');
const served = await serveSolanaChain(chain, { port: readCount('port') });
// Without a time of its own, blocks are made only by POST /control/produceBlock.
const timer = slotMs === 0 ? undefined : setInterval(() => produce(chain), slotMs);

process.once('SIGTERM', stop);
process.once('SIGINT', stop);
process.stdin.once('close', stop).resume();

const { genesisHash, authority, tokens } = chain;
const ready = { rpcUrl: served.rpcUrl, genesisHash, authority, tokens, slotMs };
process.stdout.write(`${JSON.stringify(ready)}\n`);

/** For node faults by rate. The generator is xorshift32 (Marsaglia, 2003), whose state is never 0. */
function chanceFrom(seed: number): SolanaRandom {
  let state = seed | 0 || 1;
  return {
    below(limit) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % limit;
    },
  };
}

function produce(on: SolanaChain): void {
  try {
    on.produceBlock();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function stop(): void {
  clearInterval(timer);
  served.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
}

function readCount(name: Exclude<keyof typeof FLAGS, 'mint-usdt' | 'mint-usdc' | 'seed'>): number {
  const text = flags[name];
  if (/^\d{1,9}$/.test(text)) return Number(text);
  process.stderr.write(`--${name} takes a whole number, not "${text}".\n`);
  process.exit(2);
}

import { parseArgs } from 'node:util';
import { createBitcoinChain } from './create-bitcoin-chain.ts';
import { FAUCET_SCRIPT } from './faucet.ts';
import { serveBitcoinChain } from './serve.ts';

/**
 * A local Bitcoin chain as a process. Prints one line of JSON when it is ready, and ends when it is told to
 * or when its standard input closes: whoever started it is gone then.
 */
const FLAGS = {
  port: { type: 'string', default: '0' },
  'block-ms': { type: 'string', default: '1000' },
  'first-blocks': { type: 'string', default: '101' },
  'halving-blocks': { type: 'string', default: '210000' },
} as const;

const { values: flags } = parseArgs({ options: FLAGS });
const chain = createBitcoinChain({
  now: () => Date.now(),
  firstBlocks: readCount('first-blocks'),
  halvingBlocks: readCount('halving-blocks'),
});
const blockMs = readCount('block-ms');
const served = await serveBitcoinChain(chain, { port: readCount('port') });
// Without a time of its own, blocks are made only by POST /control/produceBlock.
const timer = blockMs === 0 ? undefined : setInterval(produce, blockMs);

process.once('SIGTERM', stop);
process.once('SIGINT', stop);
process.stdin.once('close', stop).resume();

const genesisHash = chain.truth.blockAt(0)?.hash;
const ready = { rpcUrl: served.rpcUrl, genesisHash, faucetScriptHex: FAUCET_SCRIPT, blockMs };
process.stdout.write(`${JSON.stringify(ready)}\n`);

function produce(): void {
  try {
    chain.produceBlock();
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

function readCount(name: keyof typeof FLAGS): number {
  const text = flags[name];
  if (/^\d{1,9}$/.test(text)) return Number(text);
  process.stderr.write(`--${name} takes a whole number, not "${text}".\n`);
  process.exit(2);
}

import { z } from 'zod';
import type { Log } from '../base/log.ts';
import type { Guard } from './guard.ts';
import { TREASURY_TOKENS, type SandboxChain } from './sandbox-chain.ts';
import { startLocalChain } from './start-local-chain.ts';

/** A third of the main network's 3 s, and solidified after four blocks: a minute there. */
const BLOCK_TIME_MS = 1_000;
const SOLIDIFIED_AFTER_BLOCKS = 4;

const DECIMALS = 6;
/** 100,000 TRX: the treasury burns them for its energy, having staked nothing. */
const TREASURY_SUN = 100_000n * 10n ** 6n;

const ANNOUNCED = z.object({
  genesisBlockId: z.string(),
  tokens: z.object({
    USDT: z.object({ address: z.string() }),
    USDC: z.object({ address: z.string() }),
  }),
});

/** Starts a local Tron chain whose treasury has TRX and both tokens from its first block on. */
export async function startTronChain(options: {
  readonly guard: Guard;
  readonly log: Log;
  readonly treasury: string;
}): Promise<SandboxChain> {
  const { treasury } = options;
  const units = (TREASURY_TOKENS * 10n ** BigInt(DECIMALS)).toString();
  const holders = [{ address: treasury, units }];
  const genesis = {
    accounts: [{ address: treasury, sun: TREASURY_SUN.toString() }],
    tokens: ['USDT', 'USDC'].map((symbol) => ({ symbol, decimals: DECIMALS, holders })),
  };
  const chain = await startLocalChain({
    ...options,
    chain: 'tron',
    args: [
      `--block-time=${BLOCK_TIME_MS}`,
      `--solidified-after=${SOLIDIFIED_AFTER_BLOCKS}`,
      '--config=-',
    ],
    input: JSON.stringify(genesis),
  });
  const { genesisBlockId, tokens } = ANNOUNCED.parse(chain.announced);
  const { rpcUrl, pid } = chain;
  return {
    network: 'TRON_MAINNET',
    rpcUrl,
    pid,
    treasury,
    stop: async () => await chain.stop(),
    chainId: null,
    genesis: genesisBlockId,
    tokens: {
      USDT: { address: tokens.USDT.address, decimals: DECIMALS },
      // As on the main network: USDC's issuer has left it.
      USDC: { address: tokens.USDC.address, decimals: DECIMALS, payoutsEnabled: false },
    },
  };
}

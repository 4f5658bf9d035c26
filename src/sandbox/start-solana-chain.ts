import { z } from 'zod';
import type { Log } from '../base/log.ts';
import type { Guard } from './guard.ts';
import { TREASURY_TOKENS, type SandboxChain } from './sandbox-chain.ts';
import { startLocalChain, type LocalChain } from './start-local-chain.ts';

/** The main network's slots. Finalized after twelve of them and not 31: 5 s in the place of 12.8. */
const SLOT_MS = 400;
const FINALIZED_AFTER_SLOTS = 12;

const DECIMALS = 6;
/** 1,000 SOL: for fees, and for the rents of recipients' token accounts. */
const TREASURY_LAMPORTS = 1_000n * 10n ** 9n;

const ANNOUNCED = z.object({
  genesisHash: z.string(),
  tokens: z.object({
    USDT: z.object({ address: z.string() }),
    USDC: z.object({ address: z.string() }),
  }),
});

/** Starts a local Solana chain whose treasury has SOL and a filled account of each token. */
export async function startSolanaChain(options: {
  readonly guard: Guard;
  readonly log: Log;
  readonly treasury: string;
}): Promise<SandboxChain> {
  const { treasury } = options;
  const chain = await startLocalChain({
    ...options,
    chain: 'solana',
    args: [`--slot-ms=${SLOT_MS}`, `--finalized-after=${FINALIZED_AFTER_SLOTS}`],
  });
  try {
    await fund(chain, treasury);
  } catch (error) {
    await chain.stop();
    throw error;
  }
  const { genesisHash, tokens } = ANNOUNCED.parse(chain.announced);
  const { rpcUrl, pid } = chain;
  return {
    network: 'SOL_MAINNET',
    rpcUrl,
    pid,
    treasury,
    stop: async () => await chain.stop(),
    chainId: null,
    genesis: genesisHash,
    tokens: {
      USDT: { address: tokens.USDT.address, decimals: DECIMALS },
      USDC: { address: tokens.USDC.address, decimals: DECIMALS },
    },
  };
}

/** All of it is in the next block, which is final before a worker looks. */
async function fund(chain: LocalChain, owner: string): Promise<void> {
  const units = (TREASURY_TOKENS * 10n ** BigInt(DECIMALS)).toString();
  await chain.control('fund', { owner, lamports: TREASURY_LAMPORTS.toString() });
  for (const token of ['USDT', 'USDC']) await chain.control('mintTo', { token, owner, units });
  for (let slot = 0; slot <= FINALIZED_AFTER_SLOTS; slot += 1) {
    await chain.control('produceBlock', {});
  }
}

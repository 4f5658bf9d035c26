import { z } from 'zod';
import type { Log } from '../base/log.ts';
import { scriptOfAddress } from '../networks/bitcoin/script.ts';
import type { Guard } from './guard.ts';
import type { SandboxChain } from './sandbox-chain.ts';
import { startLocalChain, type LocalChain } from './start-local-chain.ts';

/** Ten minutes on the main network. Final are blocks with six confirmations, as there. */
const BLOCK_TIME_MS = 1_000;
const BLOCKS_TO_FINALITY = 6;

/** A batch spends few coins, and its change is final only later: several pay side by side. */
const COINS = 20;
const COIN_UNITS = 10n ** 8n;

const ANNOUNCED = z.object({ genesisHash: z.string() });

/** Starts a local Bitcoin chain whose treasury has final coins. */
export async function startBitcoinChain(options: {
  readonly guard: Guard;
  readonly log: Log;
  readonly treasury: string;
}): Promise<SandboxChain> {
  const { treasury } = options;
  const chain = await startLocalChain({
    ...options,
    chain: 'bitcoin',
    args: [`--block-ms=${BLOCK_TIME_MS}`],
  });
  try {
    await fund(chain, treasury);
    const { genesisHash } = ANNOUNCED.parse(chain.announced);
    const { rpcUrl, pid } = chain;
    return {
      network: 'BITCOIN_MAINNET',
      rpcUrl,
      pid,
      treasury,
      stop: async () => await chain.stop(),
      chainId: null,
      genesis: genesisHash,
      tokens: { BTC: { address: null, decimals: 8 } },
    };
  } catch (error) {
    await chain.stop();
    throw error;
  }
}

/** The chain is a regtest one, whose addresses are written otherwise: the script is the same. */
async function fund(chain: LocalChain, treasury: string): Promise<void> {
  const scriptHex = scriptOfAddress(treasury);
  for (let coin = 0; coin < COINS; coin += 1) {
    await chain.control('fund', { scriptHex, units: COIN_UNITS.toString() });
  }
  await chain.control('produceBlocks', { count: BLOCKS_TO_FINALITY });
}

import { assert, present } from '../base/assert.ts';
import type { Log } from '../base/log.ts';
import { parseContract } from '../networks/address.ts';
import type { EvmNetworkId } from '../networks/evm/evm-network.ts';
import { createRpcEndpoints, type RpcEndpoint } from '../networks/nodes/json-rpc.ts';
import { PROFILES, startAnvil } from './anvil.ts';
import { deployTokens, fundTreasury, type LocalToken } from './deploy-tokens.ts';
import type { Guard } from './guard.ts';
import { prepareTreasury } from './prepare-treasury.ts';
import { TREASURY_TOKENS, type SandboxChain } from './sandbox-chain.ts';

/** What the treasury holds of the chain's coin. */
const TREASURY_WEI = 1_000n * 10n ** 18n;
/** Of each gas account. */
const GAS_WEI = 500n * 10n ** 18n;
const RPC_TIMEOUT_MS = 10_000;
/** More than lie between the newest and the finalized block of any local chain. */
const BLOCKS_TO_FINALITY = 32;

/** Starts one local chain with the tokens of the real network, and with a treasury ready to pay. */
export async function startEvmChain(options: {
  readonly guard: Guard;
  readonly log: Log;
  readonly network: EvmNetworkId;
  readonly treasury: string;
  readonly gasAccounts: readonly string[];
}): Promise<SandboxChain> {
  const { network, treasury, gasAccounts } = options;
  const anvil = await startAnvil({ ...options, profile: { blockTimeSeconds: null } });
  try {
    const [found] = createRpcEndpoints([anvil.rpcUrl], RPC_TIMEOUT_MS);
    const endpoint = present(found, 'one URL gives one endpoint');
    const decimals = network === 'BSC_MAINNET' ? 18 : 6;
    const tokens = await deployTokens(endpoint, decimals);
    const units = TREASURY_TOKENS * 10n ** BigInt(decimals);
    await fundTreasury(endpoint, tokens, { treasury, units, wei: TREASURY_WEI });
    await prepareTreasury(endpoint, { treasury, gasAccounts, wei: GAS_WEI });
    // A worker reads the treasury at a final block, and signs nothing before. No time passes in these blocks.
    await endpoint.request('anvil_mine', [`0x${BLOCKS_TO_FINALITY.toString(16)}`, '0x0']);
    const stopMining = keepMining(endpoint, PROFILES[network].blockTimeSeconds ?? 1);
    const { rpcUrl, chainId, pid } = anvil;
    return {
      network,
      rpcUrl,
      chainId,
      pid,
      treasury,
      genesis: null,
      tokens: { USDT: shown(network, tokens.USDT), USDC: shown(network, tokens.USDC) },
      stop: async () => {
        stopMining();
        await anvil.stop();
      },
    };
  } catch (error) {
    await anvil.stop();
    throw error;
  }
}

/**
 * Asks for each block. Where anvil makes them by an interval of 2 s or less it keeps 1,500 states whatever it is
 * told, each with all block hashes: 0.34 GB after 1,800 blocks, and more by the square of them. Asked, it keeps
 * as many as it is told: 56 MB, and 86 MB after 3,600.
 */
function keepMining(endpoint: RpcEndpoint, everySeconds: number): () => void {
  let isAsked = false;
  const mine = async (): Promise<void> => {
    if (isAsked) return;
    isAsked = true;
    // A chain that does not answer is being stopped, or shows it to whoever else asks.
    await endpoint.request('evm_mine', []).catch(() => undefined);
    isAsked = false;
  };
  const timer = setInterval(() => void mine(), everySeconds * 1_000);
  return () => clearInterval(timer);
}

function shown(network: EvmNetworkId, token: LocalToken): LocalToken {
  const contract = parseContract(network, token.address);
  assert(contract.ok, 'a deployed contract has an address');
  return { ...token, address: contract.address };
}

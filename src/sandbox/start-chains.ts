import { assert, present } from '../base/assert.ts';
import type { Log } from '../base/log.ts';
import type { NetworkId } from '../money/asset.ts';
import { isEvmNetwork } from '../networks/evm/evm-network.ts';
import { createRpcEndpoints } from '../networks/nodes/json-rpc.ts';
import { parseContract } from '../networks/address.ts';
import { startAnvil } from './anvil.ts';
import { deployTokens, fundTreasury, type LocalToken } from './deploy-tokens.ts';
import type { Guard } from './guard.ts';
import { prepareTreasury } from './prepare-treasury.ts';

/** A network of the sandbox: a local chain with tokens and a funded treasury. */
export interface SandboxChain {
  readonly network: NetworkId;
  readonly rpcUrl: string;
  readonly chainId: number;
  /** Contracts in EIP-55. */
  readonly tokens: Readonly<Record<'USDT' | 'USDC', LocalToken>>;
  readonly stop: () => Promise<void>;
}

/** What the treasury holds of each token, in whole tokens, and of the chain's coin, in wei. */
const TREASURY_TOKENS = 10_000_000n;
const TREASURY_WEI = 1_000n * 10n ** 18n;
/** Of each gas account. */
const GAS_WEI = 500n * 10n ** 18n;
const RPC_TIMEOUT_MS = 10_000;
/** More than lie between the newest and the finalized block of any local chain. */
const BLOCKS_TO_FINALITY = 32;

/** What the sandbox's keys can sign for on an EVM network. */
export interface SandboxAccounts {
  readonly treasury: string;
  readonly gasAccounts: readonly string[];
}

/** Starts one local chain with the tokens of the real network, and with a treasury ready to pay. */
export async function startSandboxChain(options: {
  readonly guard: Guard;
  readonly log: Log;
  readonly network: NetworkId;
  readonly accounts: SandboxAccounts;
}): Promise<SandboxChain> {
  const { network, accounts } = options;
  const { treasury } = accounts;
  assert(isEvmNetwork(network), `${network} has a local chain`);
  const anvil = await startAnvil({ ...options, network });
  try {
    const [found] = createRpcEndpoints([anvil.rpcUrl], RPC_TIMEOUT_MS);
    const endpoint = present(found, 'one URL gives one endpoint');
    const decimals = network === 'BSC_MAINNET' ? 18 : 6;
    const tokens = await deployTokens(endpoint, decimals);
    const units = TREASURY_TOKENS * 10n ** BigInt(decimals);
    await fundTreasury(endpoint, tokens, { treasury, units, wei: TREASURY_WEI });
    await prepareTreasury(endpoint, { ...accounts, wei: GAS_WEI });
    // A worker reads the treasury at a final block, and signs nothing before. No time passes in these blocks.
    await endpoint.request('anvil_mine', [`0x${BLOCKS_TO_FINALITY.toString(16)}`, '0x0']);
    const shown = (token: LocalToken): LocalToken => {
      const contract = parseContract(network, token.address);
      assert(contract.ok, 'a deployed contract has an address');
      return { ...token, address: contract.address };
    };
    return {
      network,
      rpcUrl: anvil.rpcUrl,
      chainId: anvil.chainId,
      tokens: { USDT: shown(tokens.USDT), USDC: shown(tokens.USDC) },
      stop: async () => {
        await anvil.stop();
      },
    };
  } catch (error) {
    await anvil.stop();
    throw error;
  }
}

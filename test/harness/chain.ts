import { present } from '../../src/base/assert.ts';
import type { Json } from '../../src/base/json.ts';
import { silentLog } from '../../src/base/log.ts';
import type { EvmNetworkId } from '../../src/networks/evm/evm-network.ts';
import { createRpcEndpoints } from '../../src/networks/nodes/json-rpc.ts';
import { startAnvil } from '../../src/sandbox/anvil.ts';
import {
  callData,
  deployToken,
  deployTokens,
  fundTreasury,
  readArtifact,
  sendAsOwner,
  type LocalToken,
  type LocalTokens,
} from '../../src/sandbox/deploy-tokens.ts';
import { createGuard } from '../../src/sandbox/guard.ts';

export type TestToken = keyof LocalTokens;

/** One Transfer event. */
export interface TransferLog {
  readonly from: string;
  readonly to: string;
  readonly units: bigint;
  readonly transactionHash: string;
  readonly blockNumber: bigint;
  readonly logIndex: number;
}

export interface TestChainOptions {
  /** Default MATIC_MAINNET; decides the chain id and the tokens' decimals (18 on BSC). */
  readonly network?: EvmNetworkId;
  readonly chainId?: number;
  /** Default null: blocks come by `mine` only, so that a test decides what is in which block. */
  readonly blockTimeSeconds?: number | null;
  /** How far `finalized` is behind the newest block; an even number, default 2. */
  readonly finalizedBehind?: number;
  /** Default: the network's own in the sandbox, 60,000,000. */
  readonly blockGasLimit?: number;
}

export interface TestChain {
  readonly network: EvmNetworkId;
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly tokens: LocalTokens;
  /** Any JSON-RPC method; throws RpcErrorAnswer where the node answers with an error. */
  readonly rpc: (method: string, ...params: Json[]) => Promise<unknown>;
  /** Makes `blocks` blocks, default 1. */
  readonly mine: (blocks?: number) => Promise<void>;
  /** Null: blocks come by `mine` only. Whole seconds. */
  readonly setIntervalMining: (seconds: number | null) => Promise<void>;
  /** Gives an address coins and tokens; defaults: 1,000 coins and 1,000,000 of each token. */
  readonly fund: (address: string, funds?: { units?: bigint; wei?: bigint }) => Promise<void>;
  /** Of "USDT", "USDC" or any contract's address, in units. */
  readonly balanceOf: (token: string, address: string) => Promise<bigint>;
  /** USDT asks its blacklist about the sender only, as Tether's does; USDC about both. */
  readonly setBlacklisted: (token: TestToken, address: string, listed: boolean) => Promise<void>;
  readonly pauseToken: (token: TestToken, paused: boolean) => Promise<void>;
  /** USDT's fee: below 20 basis points, at most `maximumWhole` (below 50) whole tokens. */
  readonly setFee: (basisPoints: number, maximumWhole: number) => Promise<void>;
  /** Every Transfer event of "USDT", "USDC" or any contract's address, oldest first. */
  readonly transferLogs: (token: string) => Promise<TransferLog[]>;
  /**
   * Replaces the newest `depth` blocks by others. Their transactions are gone, from the pool too,
   * except for the raw ones given, which land `atBlock` (0 is the first) of the new branch.
   */
  readonly reorg: (
    depth: number,
    keep?: readonly { raw: string; atBlock: number }[],
  ) => Promise<void>;
  /** Deploys another contract of contracts/test, "TestFalseToken" say. */
  readonly deploy: (name: string, decimals?: number) => Promise<LocalToken>;
  readonly stop: () => Promise<void>;
}

/** keccak256("Transfer(address,address,uint256)") */
const TRANSFER_TOPIC = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

/** A real local chain with USDT and USDC on it. One process; the caller stops it. */
export async function startTestChain(options: TestChainOptions = {}): Promise<TestChain> {
  const { network = 'MATIC_MAINNET', blockTimeSeconds = null, finalizedBehind = 2 } = options;
  const guard = createGuard();
  const anvil = await startAnvil({
    guard,
    log: silentLog,
    network,
    profile: {
      blockTimeSeconds,
      slotsInAnEpoch: finalizedBehind / 2,
      keptStates: 256,
      ...(options.chainId === undefined ? {} : { chainId: options.chainId }),
      ...(options.blockGasLimit === undefined ? {} : { blockGasLimit: options.blockGasLimit }),
    },
  });
  const [found] = createRpcEndpoints([anvil.rpcUrl], 30_000);
  const endpoint = present(found, 'one URL gives one endpoint');
  const decimals = network === 'BSC_MAINNET' ? 18 : 6;
  const tokens = await deployTokens(endpoint, decimals);
  const artifacts = { USDT: await readArtifact('TestUSDT'), USDC: await readArtifact('TestUSDC') };
  const rpc: TestChain['rpc'] = async (method, ...params) => await endpoint.request(method, params);
  const addressOf = (token: string): string =>
    token === 'USDT' || token === 'USDC' ? tokens[token].address : token;
  const asOwner = async (
    token: TestToken,
    signature: string,
    ...values: (string | bigint)[]
  ): Promise<void> => {
    const data = callData(artifacts[token], signature, ...values);
    await sendAsOwner(endpoint, [{ to: tokens[token].address, data }]);
  };
  return {
    network,
    rpcUrl: anvil.rpcUrl,
    chainId: anvil.chainId,
    tokens,
    rpc,
    mine: async (blocks = 1) => {
      await rpc('anvil_mine', hex(blocks));
    },
    setIntervalMining: async (seconds) => {
      await rpc('evm_setIntervalMining', seconds ?? 0);
    },
    fund: async (treasury, funds = {}) => {
      const { units = 1_000_000n * 10n ** BigInt(decimals), wei = 1_000n * 10n ** 18n } = funds;
      await fundTreasury(endpoint, tokens, { treasury, units, wei });
    },
    balanceOf: async (token, address) => {
      const data = callData(artifacts.USDT, 'balanceOf(address)', address);
      return BigInt((await rpc('eth_call', { to: addressOf(token), data }, 'latest')) as string);
    },
    setBlacklisted: async (token, address, listed) => {
      const [add, remove] =
        token === 'USDT'
          ? ['addBlackList(address)', 'removeBlackList(address)']
          : ['blacklist(address)', 'unBlacklist(address)'];
      await asOwner(token, listed ? add : remove, address);
    },
    pauseToken: async (token, paused) => await asOwner(token, paused ? 'pause()' : 'unpause()'),
    setFee: async (basisPoints, maximumWhole) => {
      const values = [BigInt(basisPoints), BigInt(maximumWhole)];
      await asOwner('USDT', 'setParams(uint256,uint256)', ...values);
    },
    transferLogs: async (token) => {
      const filter = { fromBlock: '0x0', address: addressOf(token), topics: [TRANSFER_TOPIC] };
      return ((await rpc('eth_getLogs', filter)) as RawLog[]).map(readLog);
    },
    reorg: async (depth, keep = []) => {
      const kept = keep.map(({ raw, atBlock }) => [raw, atBlock]);
      await rpc('anvil_reorg', depth, kept);
    },
    deploy: async (name, otherDecimals = 6) => await deployToken(endpoint, name, otherDecimals),
    stop: async () => {
      await anvil.stop();
      await guard.dispose();
    },
  };
}

interface RawLog {
  readonly topics: readonly string[];
  readonly data: string;
  readonly transactionHash: string;
  readonly blockNumber: string;
  readonly logIndex: string;
}

function readLog(log: RawLog): TransferLog {
  const address = (topic: string | undefined): string => `0x${(topic ?? '').slice(26)}`;
  return {
    from: address(log.topics[1]),
    to: address(log.topics[2]),
    units: BigInt(log.data),
    transactionHash: log.transactionHash,
    blockNumber: BigInt(log.blockNumber),
    logIndex: Number(log.logIndex),
  };
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

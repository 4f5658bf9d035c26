import { formatUnits } from '../../money/amount.ts';
import {
  examineNodes,
  fine,
  messageOfNode,
  warning,
  wrong,
  type Ability,
  type Finding,
  type NetworkExaminer,
} from '../examination.ts';
import { SigningPostponed } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { EvmNetworkId } from './evm-network.ts';
import { FEE_POLICIES, quoteFees } from './fees.ts';
import { readFinalized } from './finality.ts';
import { BATCH_GAS, COINS } from './install.ts';
import type { EvmNode } from './node.ts';
import { boundsOf, connectNodes, type EvmConnection } from './nodes.ts';
import { lowerAddress } from './token.ts';
import { readSetUp, TREASURY_CODE } from './treasury-code.ts';

/** About two hours: a worker that was stopped for that long judges attempts by blocks of that age. */
const OLD_BLOCKS: Readonly<Record<EvmNetworkId, bigint>> = {
  ETHEREUM_MAINNET: 600n,
  MATIC_MAINNET: 3_600n,
  BSC_MAINNET: 9_600n,
};

const OLDEST_NEWEST_MS = 5 * 60_000;
const COIN_DECIMALS = 18;
/** A gas account with less is filled from the treasury. */
const FEW_BATCHES = 20n;

export function createEvmExaminer(
  options: EvmConnection & { readonly network: EvmNetworkId },
): NetworkExaminer {
  const pool = connectNodes(options);
  return {
    lagBlocks: boundsOf(options.chainId).lagBlocks,
    oldestNewestMs: OLDEST_NEWEST_MS,
    examineNodes: async () =>
      await examineNodes(
        pool.all,
        async (node) => {
          const { number, timestamp } = await node.latestBlock();
          return { number, time: new Date(Number(timestamp) * 1_000) };
        },
        (node) => abilitiesOf(node, options.network),
      ),
    examineTreasury: async (accounts) => {
      try {
        return await pool.onOne(async (node) => [
          await examineSetUp(node, accounts.treasury),
          ...(await examineCoins(node, options.network, accounts)),
        ]);
      } catch (error) {
        return [wrong(messageOfNode(error), 'see what is said of the nodes')];
      }
    },
  };
}

const ANY_ACCOUNT = '0x000000000000000000000000000000000000dead';
/** Answers every call with the word 1. */
const ANSWERS_ONE = '0x600160005260206000f3';

function abilitiesOf(node: EvmNode, network: EvmNetworkId): Ability[] {
  const archive = 'use a node that keeps the states and events of the last hours';
  const finalized = async (): Promise<bigint> => (await readFinalized(node)).number;
  return [
    {
      of: 'the finalized block',
      without: 'fail',
      mend: 'use a node that serves the tag "finalized"',
      tryOut: finalized,
    },
    {
      of: 'the state at the finalized block',
      without: 'fail',
      mend: archive,
      tryOut: async () => await node.transactionCount(ANY_ACCOUNT, await finalized()),
    },
    {
      of: 'states that are about two hours old',
      without: 'warn',
      mend: archive,
      tryOut: async () => {
        const newest = await finalized();
        const old = newest > OLD_BLOCKS[network] ? newest - OLD_BLOCKS[network] : 0n;
        return await node.transactionCount(ANY_ACCOUNT, old);
      },
    },
    {
      of: 'events of a range of blocks',
      without: 'fail',
      mend: 'use a node that serves eth_getLogs',
      tryOut: async () => {
        const to = await finalized();
        const from = to > 10n ? to - 10n : 0n;
        return await node.logsBetween({ from, to, address: ANY_ACCOUNT, topics: [] });
      },
    },
    {
      of: 'calls with code of the caller, by which a batch is tried before it is signed',
      without: 'fail',
      mend: 'use a node that takes state overrides in eth_call',
      tryOut: async () => {
        const request = { to: ANY_ACCOUNT, data: '0x', gas: 100_000n } as const;
        const answer = await node.callAs(ANSWERS_ONE, request);
        if (answer.kind === 'returned' && BigInt(answer.data) === 1n) return;
        throw new RpcFailure(`${node.label}, eth_call: the override was left out`);
      },
    },
    {
      of: 'recent fees',
      without: 'fail',
      mend: 'use a node that serves eth_feeHistory',
      tryOut: async () => await node.feeHistory(),
    },
  ];
}

async function examineSetUp(node: EvmNode, treasury: string): Promise<Finding> {
  const setUp = await readSetUp(node, lowerAddress(treasury));
  const mend = 'nothing: a running worker does it, with coins of the treasury';
  switch (setUp.kind) {
    case 'ready':
      return fine(`the treasury is delegated to its code at ${TREASURY_CODE}`);
    case 'not deployed':
      return warning(`the treasury's code is not deployed at ${TREASURY_CODE}`, mend);
    case 'not delegated':
      return warning('the treasury is not delegated to its code (EIP-7702)', mend);
    case 'strange':
      return wrong(setUp.reason, 'find out who did it: the treasury key was used by hand');
  }
}

async function examineCoins(
  node: EvmNode,
  network: EvmNetworkId,
  accounts: { readonly treasury: string; readonly gasAccounts: readonly string[] },
): Promise<Finding[]> {
  const { treasury, gasAccounts } = accounts;
  const held = async (address: string): Promise<bigint> =>
    await node.balance(lowerAddress(address));
  const show = (wei: bigint): string => `${formatUnits(wei, COIN_DECIMALS)} ${COINS[network]}`;
  const batchWei = await batchCost(node, network);
  if (typeof batchWei === 'string') return [warning(batchWei, 'wait: fees are above the ceiling')];
  const own = await held(treasury);
  const fund = `send ${COINS[network]} to ${treasury}`;
  const low: Finding[] = [];
  for (const account of gasAccounts) {
    const wei = await held(account);
    if (wei >= FEW_BATCHES * batchWei) continue;
    const what = `gas account ${account} holds ${show(wei)}, enough for ${wei / batchWei} batches`;
    low.push(warning(what, `${fund}: the worker fills it from there`));
  }
  const filled = fine(`${gasAccounts.length} gas accounts hold coins for many batches`);
  const gas = low.length === 0 && gasAccounts.length > 0 ? [filled] : low;
  if (own === 0n) return [wrong(`the treasury holds no ${COINS[network]}`, fund), ...gas];
  if (own < batchWei)
    return [warning(`the treasury holds ${show(own)} for its own fees`, fund), ...gas];
  return [fine(`the treasury holds ${show(own)}`), ...gas];
}

/** In wei, or why it cannot be said. */
async function batchCost(node: EvmNode, network: EvmNetworkId): Promise<bigint | string> {
  try {
    const { maxFeeWei } = quoteFees(await node.feeHistory(), FEE_POLICIES[network]);
    return BATCH_GAS * maxFeeWei;
  } catch (error) {
    if (error instanceof SigningPostponed) return error.message;
    throw error;
  }
}

import { hexToBytes, keccak256 } from 'viem';
import { createEvmDriver } from '../../../src/networks/evm/driver.ts';
import type { EvmNetworkId } from '../../../src/networks/evm/evm-network.ts';
import { RpcFailure } from '../../../src/networks/nodes/json-rpc.ts';
import type { Asset } from '../../../src/money/asset.ts';
import { createSimulatedChain } from '../../harness/simulated-chain/create-chain.ts';
import type {
  SimulatedChain,
  SimulatedNode as ChainNode,
} from '../../harness/simulated-chain/simulated-chain.ts';
import type {
  DriverPlace,
  NetworkPlace,
  Payment,
  SimulatedNetwork,
  SimulatedNode,
} from '../simulated-network.ts';
import { createBatchFinder } from './batches.ts';
import { breakFinality, makeBlock } from './blocks.ts';
import { createFrontRunner } from './front-runner.ts';
import { createIssuer } from './issuer.ts';
import { createSimulatedKey } from './keys.ts';
import { blocksOfProof } from '../blocks-of-proof.ts';
import { createTroubles, DEAR_METHODS } from './troubles.ts';

const CHAIN_IDS = { ETHEREUM_MAINNET: 1, MATIC_MAINNET: 137, BSC_MAINNET: 56 } as const;
const GWEI = 10n ** 9n;
const MUCH_WEI = 10n ** 24n;

/** An EVM chain in memory (test/harness/simulated-chain) under the driver of src/networks/evm. */
export function createEvmNetwork(
  place: NetworkPlace & { readonly network: EvmNetworkId },
): SimulatedNetwork {
  const { network, shape, random, nowMs } = place;
  const decimals = network === 'BSC_MAINNET' ? 18 : 6;
  const treasury = createSimulatedKey(0);
  const gasKeys = Array.from({ length: shape.gasAccounts }, (_, index) =>
    createSimulatedKey(index + 1),
  );
  const chain = createSimulatedChain({
    chainId: CHAIN_IDS[network],
    decimals,
    treasury: treasury.address,
    clock: { now: () => new Date(nowMs()) },
    random: random.fork('chain'),
    finalizedBehind: shape.finalizedBehind,
    baseFeeWei: GWEI,
  });
  const nodes = [1, 2, 3].map((number) => chain.node(`node ${number} of 3`));
  const judge = chain.node('the node of the judge');
  const issuer = createIssuer(chain);
  for (const { address } of [treasury, ...gasKeys]) chain.fund(address, { wei: MUCH_WEI });
  const assets = (['USDT', 'USDC'] as const).map((token): Asset => ({
    network,
    token,
    contract: chain.tokens[token].address,
    decimals,
    minimumUnits: 1n,
    payoutsEnabled: true,
  }));
  return {
    network,
    assets,
    nodes: nodes.map(reachable),
    blockMs: shape.blockMs,
    slowness: 1,
    catchUpMs: 0,
    openDriver: (driverPlace: DriverPlace) =>
      createEvmDriver({
        network,
        chainId: chain.chainId,
        signer: treasury.signer,
        gasSigners: gasKeys.map(({ signer }) => signer),
        assets,
        lifetimeSeconds: shape.lifetimeSeconds,
        ...driverPlace,
      }),
    sentBy: (method, params) => {
      const raw: unknown = Array.isArray(params) ? params[0] : undefined;
      if (method !== 'eth_sendRawTransaction' || typeof raw !== 'string') return null;
      const hex = raw as `0x${string}`;
      return { transactionHash: keccak256(hex), raw: hexToBytes(hex) };
    },
    summaryOf,
    dearMethods: DEAR_METHODS,
    troubles: (troublePlace) => {
      const frontRunner = createFrontRunner({
        chain,
        node: chain.node('the node of a stranger'),
        treasury: treasury.address,
        random: random.fork('stranger'),
        maxFeeWei: 5_000n * GWEI,
      });
      chain.fund(frontRunner.address, { wei: MUCH_WEI });
      return createTroubles({ ...troublePlace, chain, issuer, nodes, frontRunner });
    },
    makeBlock: async (blockPlace) => await Promise.resolve(makeBlock(chain, blockPlace)),
    breakFinality: async (blockPlace) => await Promise.resolve(breakFinality(chain, blockPlace)),
    head: () => chain.head(),
    finalNumber: () => chain.finalized().number,
    holds: async ({ number, hash }) => {
      const block = await judge.request('eth_getBlockByNumber', [
        `0x${number.toString(16)}`,
        false,
      ]);
      return (block as { hash: string } | null)?.hash === hash;
    },
    payments: (since) => paymentsOf(chain, since),
    createPayeeFinder: createBatchFinder,
    blocksOfProof,
    judgeSent: async () => await Promise.resolve([]),
    fund: (units) => issuer.fund(treasury.address, units),
    orderUnits: { least: 10_000, most: 2_000_000_000 },
    addressOf: (hash) => `0x${Buffer.from(hash.subarray(0, 20)).toString('hex')}`,
    isSetUp: async (db) => {
      const text = `SELECT 1 FROM settlement_transactions WHERE purpose = 'DELEGATE' AND state = 'FINAL'`;
      return (await db.query(text)).length > 0;
    },
    madeByHand: () => [],
    calm: () => {
      chain.setBaseFee(GWEI);
      for (const token of ['USDT', 'USDC'] as const) issuer.setPaused(token, false);
    },
    answerFaults: () => {
      const { reorg: _, ...answers } = chain.faultCounts();
      return answers;
    },
  };
}

function reachable(node: ChainNode): SimulatedNode {
  return {
    label: node.label,
    request: async (method, params) =>
      await node.request(method, Array.isArray(params) ? params : []),
    heal: () => node.heal(),
    isSilence: (error) => error instanceof RpcFailure && error.name === 'RpcFailure',
  };
}

function summaryOf(answer: unknown): string {
  if (Array.isArray(answer)) return `${answer.length}`;
  if (typeof answer !== 'object' || answer === null) return String(answer).slice(0, 80);
  const { hash, blockHash, transactionHash, status } = answer as Record<string, unknown>;
  return [hash, blockHash, transactionHash, status].map(String).join();
}

function paymentsOf(chain: SimulatedChain, since: bigint): Payment[] {
  return chain.truth(since).map(({ token, units, recipient, transactionHash, ...it }) => ({
    token,
    units,
    recipients: [recipient],
    transactionHash,
    place: it.batchId === null ? '' : `${it.batchId}:${it.item}`,
    block: it.block,
  }));
}

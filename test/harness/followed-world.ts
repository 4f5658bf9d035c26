import { hexToBytes, type Hex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { Asset } from '../../src/money/asset.ts';
import type { RpcEndpoint } from '../../src/networks/nodes/json-rpc.ts';
import { connectNodes } from '../../src/networks/evm/nodes.ts';
import { createReaderOver } from '../../src/networks/evm/reader.ts';
import type { AttemptToFollow, Sighting } from '../../src/networks/network.ts';
import { createBatchPayer, recipient, type BatchPayer } from './batch-payer.ts';
import { startTestChain, type TestChain } from './chain.ts';
import { createLyingNode } from './lying-node.ts';
import { digestOf, post, type Batch, type BatchItem } from './treasury-contract.ts';

/** A delegated treasury on a local chain whose blocks a test makes, and the attempts of its batches. */
export interface FollowedWorld {
  readonly chain: TestChain;
  readonly payer: BatchPayer;
  /** Configured as USDT, at any contract. */
  assetAt(contract: string): Asset;
  /** An unsigned batch of USDT with a fresh id that pays these units to recipients 0, 1, 2 …. */
  batchOf(units: readonly bigint[], changes?: Partial<Batch>): Batch;
  /** The row of a batch, as settlement would have stored it. */
  attemptOf(batch: Batch, changes?: Partial<AttemptToFollow>): Promise<AttemptToFollow>;
  /** Sends the batch and leaves it in the pool; gives the transaction's hash. */
  submit(batch: Batch, by?: PrivateKeyAccount): Promise<Hex>;
  /** Sends it, mines it, makes that final, and gives its row. */
  carryOut(batch: Batch): Promise<AttemptToFollow>;
  /** Makes everything so far final. */
  finalize(): Promise<void>;
  /** What a fresh reader over these nodes says; default: the one honest node. */
  status(attempt: AttemptToFollow, nodes?: readonly RpcEndpoint[]): Promise<Sighting>;
  /** Keeps the chain as it is now; gives what brings it back. */
  keep(): Promise<() => Promise<void>>;
  latestTime(): Promise<bigint>;
  /** Mines blocks after this second and makes them final. */
  passTime(second: bigint): Promise<void>;
}

export async function startFollowedWorld(): Promise<FollowedWorld> {
  const chain = await startTestChain({ network: 'MATIC_MAINNET' });
  const payer = await createBatchPayer(chain);
  const assetAt = (contract: string): Asset => ({
    network: chain.network,
    token: 'USDT',
    contract,
    decimals: 6,
    minimumUnits: 1n,
    payoutsEnabled: true,
  });
  let kept = 0n;
  const world: FollowedWorld = {
    chain,
    payer,
    assetAt,
    batchOf(units, changes = {}) {
      const items: BatchItem[] = units.map((it, index) => ({ to: recipient(index), units: it }));
      return payer.batchOf({ items, ...changes });
    },
    async attemptOf(batch, changes = {}) {
      const treasury = payer.treasury.toLowerCase();
      const asset = assetAt(batch.token);
      return {
        fence: `${treasury}:batch:${batch.batchId}`,
        payer: payer.treasury,
        authority: hexToBytes(await payer.dataOf(batch)),
        authorityHash: digestOf(batch, payer),
        validUntil: new Date(Number(batch.deadline) * 1_000),
        validUntilBlock: null,
        sinceBlock: 0n,
        orders: batch.items.map(({ to, units }, index) => {
          return { payoutId: `p${index}`, asset, units, toAddress: to };
        }),
        transactionHashes: [],
        ...changes,
      };
    },
    submit: async (batch, by = payer.submitter) =>
      await post(chain, by, { to: payer.treasury, data: await payer.dataOf(batch) }),
    async carryOut(batch) {
      const transactionHashes = [await world.submit(batch)];
      await chain.mine();
      await world.finalize();
      return await world.attemptOf(batch, { transactionHashes });
    },
    finalize: async () => await chain.mine(4),
    async status(attempt, endpoints = [createLyingNode(chain.rpcUrl)]) {
      const options = { chainId: chain.chainId, network: chain.network };
      return await createReaderOver(connectNodes({ ...options, endpoints }), options).status(
        attempt,
      );
    },
    async keep() {
      const snapshot = (await chain.rpc('evm_snapshot')) as string;
      // The local node forgets old states by their block's hash: two branches must not share one.
      kept += 1n;
      await world.passTime((await world.latestTime()) + kept * 60n);
      return async () => {
        await chain.rpc('evm_revert', snapshot);
      };
    },
    async latestTime() {
      const block = await chain.rpc('eth_getBlockByNumber', 'latest', false);
      return BigInt((block as { timestamp: string }).timestamp);
    },
    async passTime(second) {
      await chain.rpc('evm_setNextBlockTimestamp', Number(second) + 1);
      await world.finalize();
      await world.finalize();
    },
  };
  return world;
}

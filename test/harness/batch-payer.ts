import { encodeFunctionData, zeroAddress, type Hex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { TestChain } from './chain.ts';
import {
  deployContract,
  executeData,
  readReport,
  refusalOf,
  send,
  signBatch,
  testKey,
  treasuryAbi,
  type Batch,
  type BatchReport,
  type CompactSignature,
  type ContractReceipt,
  type Place,
  type Transaction,
} from './treasury-contract.ts';

export const TREASURY_KINDS = ['delegated account', 'contract'] as const;
export type TreasuryKind = (typeof TREASURY_KINDS)[number];

/** A treasury on a local chain, and the short ways to pay from it. */
export interface BatchPayer extends Place {
  readonly chain: TestChain;
  /** Signs for the treasury. */
  readonly key: PrivateKeyAccount;
  /** A plain account with coins: submits. */
  readonly submitter: PrivateKeyAccount;
  /** The contract that holds the treasury's code. */
  readonly implementation: Hex;
  /** One unit of USDT to {@link recipient} 0 with a fresh id, but for the changes. */
  batchOf(changes?: Partial<Batch>): Batch;
  sign(batch: Batch): Promise<CompactSignature>;
  /** The call's data, signed by the treasury's key. */
  dataOf(batch: Batch): Promise<Hex>;
  /** Sends a batch as the submitter, or another, and mines it. */
  execute(batch: Batch, how?: { by?: PrivateKeyAccount; gas?: bigint }): Promise<Outcome>;
  /** Sends anything to the treasury as the submitter and mines it. */
  call(transaction: Omit<Transaction, 'to'>): Promise<ContractReceipt>;
  /** Why the treasury would refuse this call now; null where it would not. */
  refusal(data: Hex, from?: Hex): Promise<string | null>;
  isSpent(batchId: bigint): Promise<boolean>;
}

export interface Outcome {
  readonly receipt: ContractReceipt;
  readonly report: BatchReport | null;
}

/** A recipient that never had anything. */
export function recipient(number: number): Hex {
  return `0x${(0xb0b0_0000 + number).toString(16).padStart(40, 'd')}`;
}

/** Long after every test. */
export const FAR_DEADLINE = 2n ** 40n;

/** A treasury with 1,000,000 of each token, by either way. */
export async function createBatchPayer(
  chain: TestChain,
  kind: TreasuryKind = 'delegated account',
): Promise<BatchPayer> {
  const key = testKey(0x11);
  const submitter = testKey(0x22);
  await chain.fund(submitter.address, { units: 0n });
  await chain.fund(key.address, { units: 0n });
  const signer = kind === 'contract' ? key.address : zeroAddress;
  const implementation = await deployContract(chain, submitter, {
    name: 'Treasury',
    args: [signer],
  });
  if (kind === 'delegated account') {
    await send(chain, submitter, { to: submitter.address, delegate: { key, to: implementation } });
  }
  const treasury = kind === 'contract' ? implementation : key.address;
  await chain.fund(treasury);
  let lastId = 0n;
  const place = { chainId: chain.chainId, treasury };
  const payer: BatchPayer = {
    ...place,
    chain,
    key,
    submitter,
    implementation,
    batchOf(changes = {}) {
      lastId += 1n;
      const items = [{ to: recipient(0), units: 1n }];
      const token = chain.tokens.USDT.address as Hex;
      return {
        batchId: lastId,
        deadline: FAR_DEADLINE,
        token,
        gasPerItem: 100_000n,
        items,
        ...changes,
      };
    },
    sign: async (batch) => await signBatch(key, batch, place),
    dataOf: async (batch) => executeData(batch, await payer.sign(batch)),
    async execute(batch, { by = submitter, gas } = {}) {
      const data = await payer.dataOf(batch);
      const limit = gas === undefined ? {} : { gas };
      const receipt = await send(chain, by, { to: treasury, data, ...limit });
      return { receipt, report: readReport(receipt, treasury) };
    },
    call: async (transaction) => await send(chain, submitter, { ...transaction, to: treasury }),
    refusal: async (data, from = submitter.address) =>
      await refusalOf(chain, { from, to: treasury, data }),
    isSpent: async (batchId) => {
      const data = encodeFunctionData({
        abi: treasuryAbi,
        functionName: 'isSpent',
        args: [batchId],
      });
      return (
        BigInt((await chain.rpc('eth_call', { to: treasury, data }, 'latest')) as string) === 1n
      );
    },
  };
  return payer;
}

import { base64 } from '@scure/base';
import type { Json } from '../../base/json.ts';
import { ChainMismatch } from '../network.ts';
import { RpcErrorAnswer, RpcFailure, type RpcEndpoint } from '../nodes/json-rpc.ts';
import { readExecutedTransaction, type ExecutedTransaction } from './executed-transaction.ts';
import {
  readAccount,
  readBlock,
  readContext,
  readCount,
  readError,
  readKey,
  readList,
  readListedSignature,
  readRecord,
  readSignature,
  readSignatureStatus,
  type Account,
  type Block,
  type ListedSignature,
  type SignatureStatus,
  type TransactionError,
} from './read-answer.ts';

/** What a block has to be for a question: what a supermajority voted for, or what is final. */
export type AskedCommitment = 'confirmed' | 'finalized';

/** A value with the slot of the state that it was read in. */
export interface AtSlot<T> {
  readonly slot: bigint;
  readonly value: T;
}

/** What a transaction would do in the newest confirmed block. */
export interface Simulated {
  readonly error: TransactionError;
  readonly unitsConsumed: bigint;
}

/** One node of one chain, each question in a type. Every answer is read strictly. */
export interface SolanaNode {
  readonly label: string;
  /** Throws {@link ChainMismatch} where the node is of another chain. */
  checkChain(): Promise<void>;
  genesisHash(): Promise<string>;
  /** Null where the slot has none on the node's chain, as far as it knows. */
  blockAt(slot: bigint, detail?: 'signatures'): Promise<Block | null>;
  finalizedBlock(): Promise<Block>;
  /** The newest block that a supermajority has voted for. */
  latestBlock(): Promise<Block>;
  /** The slots that have finalized blocks, from one on, at most so many, in their order. */
  finalizedSlots(from: bigint, count: number): Promise<readonly bigint[]>;
  /** The first slot whose block the node still has. */
  firstAvailableSlot(): Promise<bigint>;
  latestBlockhash(): Promise<AtSlot<{ blockhash: string; lastValidBlockHeight: bigint }>>;
  /** With the whole history. The slot is of the node's newest state. */
  signatureStatus(signature: string): Promise<AtSlot<SignatureStatus | null>>;
  /** A finalized one. */
  transaction(signature: string): Promise<ExecutedTransaction | null>;
  /** Finalized transactions that name the address, newest first, before the one named. */
  signaturesOf(address: string, before: string | null): Promise<readonly ListedSignature[]>;
  /** In the order asked. At most 100. */
  accounts(
    addresses: readonly string[],
    commitment: AskedCommitment,
  ): Promise<AtSlot<readonly (Account | null)[]>>;
  /** Lamports that an account of so many bytes has to hold. */
  rentOf(bytes: number): Promise<bigint>;
  /** Signatures are not looked at, and any blockhash will do. */
  simulate(transaction: Uint8Array): Promise<Simulated>;
  /** What recent blocks took for each compute unit of transactions that write to these, in micro-lamports. */
  recentUnitPrices(writable: readonly string[]): Promise<readonly bigint[]>;
  /** Gives the signature that the node says it accepted. */
  send(transaction: Uint8Array): Promise<string>;
}

/** So many a page: the most that a node gives. */
export const SIGNATURES_A_PAGE = 1_000;

/** A node that has shown its genesis once is trusted to stay on that chain. Null: any chain. */
export function createSolanaNode(
  endpoint: RpcEndpoint,
  expectedGenesis: string | null,
): SolanaNode {
  const genesisHash = async (): Promise<string> =>
    readKey(await endpoint.request('getGenesisHash', []), 'genesis hash');
  let checked = expectedGenesis === null;
  const checkChain = async (): Promise<void> => {
    if (checked) return;
    const found = await genesisHash();
    if (found !== expectedGenesis) {
      throw new ChainMismatch(`${endpoint.label} is of the chain ${found}, not ${expectedGenesis}`);
    }
    checked = true;
  };
  /** The same keys are of use on every chain: a node of another one is not heard. */
  const ask: Ask = async (method, params) => {
    await checkChain();
    return await endpoint.request(method, params);
  };
  const { label } = endpoint;
  return {
    label,
    checkChain,
    genesisHash,
    ...blockReads(ask, label),
    ...historyReads(ask),
    ...stateReads(ask),
    ...transactionReads(ask),
  };
}

type Ask = (method: string, params: readonly Json[]) => Promise<unknown>;

type BlockReads = 'blockAt' | 'finalizedBlock' | 'latestBlock' | 'latestBlockhash';

function blockReads(ask: Ask, label: string): Pick<SolanaNode, BlockReads> {
  const blockAt = async (slot: bigint, detail?: 'signatures'): Promise<Block | null> => {
    const options = {
      commitment: 'confirmed',
      transactionDetails: detail ?? 'none',
      rewards: false,
      maxSupportedTransactionVersion: 0,
    };
    try {
      const answer = await ask('getBlock', [Number(slot), options]);
      const block = answer === null ? null : readBlock(answer, slot);
      if (detail !== undefined && block?.signatures === null) {
        throw new RpcFailure(`${label}: a block without the signatures that were asked for`);
      }
      return block;
    } catch (error) {
      if (isSkipped(error)) return null;
      throw error;
    }
  };
  /** The node's newest state is often a little ahead of the blocks that it can show. */
  const newestBlock = async (commitment: AskedCommitment): Promise<Block> => {
    const slot = readCount(await ask('getSlot', [{ commitment }]), 'slot');
    const newest = await blockAt(slot).catch(nullWhereNotYet);
    if (newest !== null) return newest;
    const from = slot > LOOK_BACK_SLOTS ? slot - LOOK_BACK_SLOTS : 0n;
    const answer = await ask('getBlocks', [Number(from), Number(slot), { commitment }]);
    const [before] = readList(answer, 'slots')
      .map((it) => readCount(it, 'slot'))
      .filter((it) => it >= from && it < slot)
      .toReversed();
    const block = before === undefined ? null : await blockAt(before);
    if (block === null) throw new RpcFailure(`${label}: it shows none of its newest blocks`);
    return block;
  };
  return {
    blockAt,
    finalizedBlock: async () => await newestBlock('finalized'),
    latestBlock: async () => await newestBlock('confirmed'),
    // A finalized blockhash cannot go with a fork, and every node knows it.
    async latestBlockhash() {
      const answer = await ask('getLatestBlockhash', [{ commitment: 'finalized' }]);
      const { slot, value } = readContext(answer, 'latest blockhash');
      const latest = readRecord(value, 'latest blockhash');
      const blockhash = readKey(latest['blockhash'], 'blockhash');
      const lastValidBlockHeight = readCount(latest['lastValidBlockHeight'], 'last valid height');
      return { slot, value: { blockhash, lastValidBlockHeight } };
    },
  };
}

const LOOK_BACK_SLOTS = 32n;

/** The block, or its status, is not available yet. Agave's custom_error.rs. */
const NOT_YET_CODES: readonly number[] = [-32_004, -32_014];

function nullWhereNotYet(error: unknown): null {
  if (error instanceof RpcErrorAnswer && NOT_YET_CODES.includes(error.code)) return null;
  throw error;
}

/** Skipped, or missing: in the ledger (-32007) or in long-term storage (-32009). Agave's custom_error.rs. */
const NO_BLOCK_CODES: readonly number[] = [-32_007, -32_009];

function isSkipped(error: unknown): boolean {
  return error instanceof RpcErrorAnswer && NO_BLOCK_CODES.includes(error.code);
}

type HistoryReads =
  'finalizedSlots' | 'firstAvailableSlot' | 'signatureStatus' | 'transaction' | 'signaturesOf';

function historyReads(ask: Ask): Pick<SolanaNode, HistoryReads> {
  return {
    async finalizedSlots(from, count) {
      const params = [Number(from), count, { commitment: 'finalized' }];
      const answer = readList(await ask('getBlocksWithLimit', params), 'slots');
      const slots = answer.map((it) => readCount(it, 'slot'));
      const isInOrder = slots.every((slot, index) => slot > (slots[index - 1] ?? from - 1n));
      if (isInOrder && slots.length <= count) return slots;
      throw new RpcFailure('the node answered with other slots');
    },
    async firstAvailableSlot() {
      return readCount(await ask('getFirstAvailableBlock', []), 'first available slot');
    },
    async signatureStatus(signature) {
      const params = [[signature], { searchTransactionHistory: true }];
      const answer = readContext(await ask('getSignatureStatuses', params), 'signature statuses');
      const statuses = readList(answer.value, 'signature statuses');
      if (statuses.length !== 1) throw new RpcFailure('one signature has one status');
      return { slot: answer.slot, value: readSignatureStatus(statuses[0] ?? null) };
    },
    async transaction(signature) {
      const options = {
        commitment: 'finalized',
        encoding: 'base64',
        maxSupportedTransactionVersion: 0,
      };
      const answer = await ask('getTransaction', [signature, options]);
      return answer === null ? null : readExecutedTransaction(answer, signature);
    },
    async signaturesOf(address, before) {
      const page = { commitment: 'finalized', limit: SIGNATURES_A_PAGE };
      const options = before === null ? page : { ...page, before };
      const answer = await ask('getSignaturesForAddress', [address, options]);
      const listed = readList(answer, 'listed signatures').map(readListedSignature);
      const isFalling = listed.every(
        ({ slot }, index) => slot <= (listed[index - 1]?.slot ?? slot),
      );
      const isEachOnce = new Set(listed.map(({ signature }) => signature)).size === listed.length;
      if (isFalling && isEachOnce) return listed;
      throw new RpcFailure('the signatures of an address are not in the order of the chain');
    },
  };
}

function stateReads(ask: Ask): Pick<SolanaNode, 'accounts' | 'rentOf' | 'recentUnitPrices'> {
  return {
    async accounts(addresses, commitment) {
      const params = [[...addresses], { commitment, encoding: 'base64' }];
      const answer = readContext(await ask('getMultipleAccounts', params), 'accounts');
      const accounts = readList(answer.value, 'accounts').map(readAccount);
      if (accounts.length === addresses.length) return { slot: answer.slot, value: accounts };
      throw new RpcFailure('the node answered with other accounts');
    },
    async rentOf(bytes) {
      return readCount(await ask('getMinimumBalanceForRentExemption', [bytes]), 'rent');
    },
    async recentUnitPrices(writable) {
      const answer = await ask('getRecentPrioritizationFees', [[...writable]]);
      return readList(answer, 'recent fees').map((it) =>
        readCount(readRecord(it, 'recent fee')['prioritizationFee'], 'recent fee'),
      );
    },
  };
}

function transactionReads(ask: Ask): Pick<SolanaNode, 'simulate' | 'send'> {
  return {
    async simulate(transaction) {
      const options = {
        commitment: 'confirmed',
        encoding: 'base64',
        sigVerify: false,
        replaceRecentBlockhash: true,
      };
      const answer = await ask('simulateTransaction', [base64.encode(transaction), options]);
      const result = readRecord(readContext(answer, 'simulation').value, 'simulation');
      return {
        error: readError(result['err'], 'error of a simulation'),
        unitsConsumed: readCount(result['unitsConsumed'] ?? 0, 'compute units'),
      };
    },
    async send(transaction) {
      // A preflight's refusal proves nothing, and who sends again is settlement.
      const options = { encoding: 'base64', skipPreflight: true, maxRetries: 0 };
      const answer = await ask('sendTransaction', [base64.encode(transaction), options]);
      return readSignature(answer, 'signature');
    },
  };
}

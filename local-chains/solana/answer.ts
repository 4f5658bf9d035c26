import {
  getAccountInfo,
  getBalance,
  getMultipleAccounts,
  getTokenAccountBalance,
  getTokenAccountsByOwner,
  getTokenSupply,
} from './answer-accounts.ts';
import {
  getBlockHeight,
  getEpochInfo,
  getFeeForMessage,
  getGenesisHash,
  getHealth,
  getIdentity,
  getLatestBlockhash,
  getMinimumBalanceForRentExemption,
  getRecentPrioritizationFees,
  getSlot,
  getTransactionCount,
  getVersion,
  isBlockhashValid,
} from './answer-cluster.ts';
import {
  getBlock,
  getBlocks,
  getBlocksWithLimit,
  getBlockTime,
  getFirstAvailableBlock,
  getSignaturesForAddress,
  getSignatureStatuses,
  getTransaction,
} from './answer-history.ts';
import { requestAirdrop, sendTransaction, simulateTransaction } from './answer-sending.ts';
import type { Json } from './chain-interface.ts';
import type { Knowledge, Params } from './question.ts';
import { RpcRefusal } from './rpc-error.ts';

/** An honest node's answer. Throws {@link RpcRefusal}. */
export function answer(knowledge: Knowledge, method: string, params: Params): Json {
  const handler = HANDLERS.get(method);
  if (handler === undefined) throw new RpcRefusal(-32_601, 'Method not found');
  return handler(knowledge, params);
}

type Handler = (knowledge: Knowledge, params: Params) => Json;

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['getAccountInfo', getAccountInfo],
  ['getBalance', getBalance],
  ['getBlock', getBlock],
  ['getBlockHeight', getBlockHeight],
  ['getBlocks', getBlocks],
  ['getBlocksWithLimit', getBlocksWithLimit],
  ['getBlockTime', getBlockTime],
  ['getEpochInfo', getEpochInfo],
  ['getFeeForMessage', getFeeForMessage],
  ['getFirstAvailableBlock', getFirstAvailableBlock],
  ['getGenesisHash', getGenesisHash],
  ['getHealth', getHealth],
  ['getIdentity', getIdentity],
  ['getLatestBlockhash', getLatestBlockhash],
  ['getMinimumBalanceForRentExemption', getMinimumBalanceForRentExemption],
  ['getMultipleAccounts', getMultipleAccounts],
  ['getRecentPrioritizationFees', getRecentPrioritizationFees],
  ['getSignaturesForAddress', getSignaturesForAddress],
  ['getSignatureStatuses', getSignatureStatuses],
  ['getSlot', getSlot],
  ['getTokenAccountBalance', getTokenAccountBalance],
  ['getTokenAccountsByOwner', getTokenAccountsByOwner],
  ['getTokenSupply', getTokenSupply],
  ['getTransaction', getTransaction],
  ['getTransactionCount', getTransactionCount],
  ['getVersion', getVersion],
  ['isBlockhashValid', isBlockhashValid],
  ['minimumLedgerSlot', getFirstAvailableBlock],
  ['requestAirdrop', requestAirdrop],
  ['sendTransaction', sendTransaction],
  ['simulateTransaction', simulateTransaction],
]);

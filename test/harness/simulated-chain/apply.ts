import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { nonceKey, weiKey } from './accounts.ts';
import { callAccount } from './call.ts';
import { codeAt, setCode } from './code.ts';
import type { CallResult, Execution, LogRecord } from './frame.ts';
import { costOf, gasPriceOf, type Authorization, type ChainTransaction } from './transaction.ts';

/** What all executions on one chain share. */
export type ExecutionPlace = Pick<
  Execution,
  'state' | 'chainId' | 'timestamp' | 'codes' | 'tokens' | 'signatures'
>;

/** What a transaction did in its block. */
export interface Applied {
  readonly transaction: ChainTransaction;
  readonly succeeded: boolean;
  readonly gasUsed: number;
  readonly gasPriceWei: bigint;
  readonly logs: readonly LogRecord[];
  readonly result: CallResult;
}

export function newExecution(place: ExecutionPlace, warm: readonly Hex[]): Execution {
  return {
    ...place,
    logs: [],
    warm: new Set<string>(warm),
    touched: [],
    originals: new Map(),
    refund: 0,
    paying: null,
  };
}

/** Whether a block of this base fee may hold it now. */
export function isApplicable(
  transaction: ChainTransaction,
  place: ExecutionPlace & { readonly baseFeeWei: bigint },
): boolean {
  const { state, codes, baseFeeWei } = place;
  const { from, nonce, maxFeeWei } = transaction;
  const code = codeAt(state, codes, from).kind;
  return (
    state.word(nonceKey(from)) === nonce &&
    maxFeeWei >= baseFeeWei &&
    state.word(weiKey(from)) >= costOf(transaction) &&
    // EIP-3607, with the exception of EIP-7702.
    (code === 'none' || code === 'delegation')
  );
}

/** Applies a transaction that {@link isApplicable}. */
export function applyTransaction(
  transaction: ChainTransaction,
  place: ExecutionPlace & { readonly baseFeeWei: bigint },
): Applied {
  const { from, to, gasLimit } = transaction;
  const { state } = place;
  const gasPriceWei = gasPriceOf(transaction, place.baseFeeWei);
  const execution = newExecution(place, [from, to]);
  state.set(nonceKey(from), transaction.nonce + 1n);
  state.set(weiKey(from), state.word(weiKey(from)) - BigInt(gasLimit) * gasPriceWei);
  for (const authorization of transaction.authorizations) authorize(execution, authorization);
  const gas = gasLimit - transaction.intrinsicGas;
  const { wei, data } = transaction;
  const { result, gasUsed: ranFor } = callAccount(execution, { from, to, wei, data, gas });
  const gasUsed = finalGas(transaction, {
    spent: transaction.intrinsicGas + ranFor,
    refund: execution.refund,
  });
  const unused = BigInt(gasLimit - gasUsed) * gasPriceWei;
  state.set(weiKey(from), state.word(weiKey(from)) + unused);
  const succeeded = result.kind === 'returned';
  return { transaction, succeeded, gasUsed, gasPriceWei, logs: execution.logs, result };
}

/** A refund is at most a fifth (EIP-3529); calldata has a floor (EIP-7623). */
export function finalGas(
  { floorGas }: Pick<ChainTransaction, 'floorGas'>,
  { spent, refund }: { readonly spent: number; readonly refund: number },
): number {
  return Math.max(floorGas, spent - Math.min(refund, Math.floor(spent / 5)));
}

const EXISTING_AUTHORITY_REFUND = 12_500;

/** EIP-7702: one that does not hold is passed over. What holds stays, whatever the call does. */
function authorize(execution: Execution, authorization: Authorization): void {
  const { state, codes } = execution;
  const { authority, chainId, nonce, to } = authorization;
  if (authority === null || (chainId !== 0 && chainId !== execution.chainId)) return;
  execution.warm.add(authority);
  const code = codeAt(state, codes, authority);
  if (code.kind !== 'none' && code.kind !== 'delegation') return;
  if (state.word(nonceKey(authority)) !== nonce) return;
  const exists = nonce > 0n || state.word(weiKey(authority)) > 0n || code.kind !== 'none';
  if (exists) execution.refund += EXISTING_AUTHORITY_REFUND;
  const clears = BigInt(to) === 0n;
  setCode(state, codes, {
    address: authority,
    code: clears ? { kind: 'none' } : { kind: 'delegation', to },
  });
  state.set(nonceKey(authority), nonce + 1n);
}

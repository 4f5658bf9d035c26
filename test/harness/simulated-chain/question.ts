import type { Json } from '../../../src/base/json.ts';
import { isRecord } from '../../../src/networks/nodes/json-rpc.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { BlockRecord } from './block.ts';
import type { Core } from './core.ts';
import { BeyondModel } from './frame.ts';
import type { ChainView } from './lineage.ts';
import { stateRootOf } from './render.ts';
import { INVALID_PARAMETERS, REFUSED, RpcError } from './rpc-error.ts';
import type { StateView } from './state.ts';
import type { ChainTransaction } from './transaction.ts';

/** What one node knows: a chain, and what of it lies in its index and its pool. */
export interface Knowledge {
  readonly core: Core;
  readonly view: ChainView;
  /** Transactions and logs of blocks above this one are not indexed yet. */
  readonly indexedTo: number;
  /** In its pool, and not in its chain. */
  pooled(hash: Hex): ChainTransaction | null;
  pendingNonce(sender: Hex, state: StateView): bigint;
}

export type Parameters = readonly Json[];

/** A block by number or tag; null where the view has none. */
export function blockOf(view: ChainView, id: Json | undefined): BlockRecord | null {
  if (id === undefined || id === 'latest') return view.head;
  if (id === 'finalized') return view.at(view.head.finalNumber);
  if (id === 'safe') return view.at(view.head.safeNumber);
  if (id === 'earliest') return view.at(0);
  if (id === 'pending') throw new BeyondModel('a pending block');
  if (typeof id !== 'string' || !/^0x(0|[1-9a-f][0-9a-f]*)$/i.test(id)) {
    throw invalid('invalid argument: hex string');
  }
  return view.at(Number(BigInt(id)));
}

/** The block and the state after it. What is pending counts as the newest. */
export function blockAndStateOf(
  view: ChainView,
  id: Json | undefined,
): { readonly block: BlockRecord; readonly state: StateView } {
  const block = blockOf(view, id === 'pending' ? 'latest' : id);
  if (block === null) throw new RpcError(REFUSED, 'header not found');
  const state = view.stateAt(block);
  if (state === null) {
    const root = stateRootOf(block).slice(2);
    const message = `missing trie node ${root} (path ) state 0x${root} is not available, not found`;
    throw new RpcError(REFUSED, message);
  }
  return { block, state };
}

export function stateOf(view: ChainView, id: Json | undefined): StateView {
  return blockAndStateOf(view, id).state;
}

export function readHash(value: Json | undefined): Hex {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{64}$/i.test(value)) {
    throw invalid('invalid argument: a hash has 32 bytes');
  }
  return value.toLowerCase() as Hex;
}

export function readAddress(value: Json | undefined): Hex {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{40}$/i.test(value)) {
    throw invalid('invalid argument: an address has 20 bytes');
  }
  return value.toLowerCase() as Hex;
}

export function readObject(value: Json | undefined): Readonly<Record<string, Json>> {
  if (!isRecord(value)) throw invalid('invalid argument: an object is expected');
  return value;
}

export function invalid(message: string): RpcError {
  return new RpcError(INVALID_PARAMETERS, message);
}

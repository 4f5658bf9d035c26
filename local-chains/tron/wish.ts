import { sha256 } from '@noble/hashes/sha2.js';
import { hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { addressOfSecretKey, signDigest, type Address } from './address.ts';
import type { ChainState } from './state.ts';
import {
  createTransaction,
  writeContract,
  type ContractCall,
  type Transaction,
} from './transaction.ts';

/** What a control asks for: done at the start of the next block, and again after a reorganisation. */
export type Wish =
  | { readonly kind: 'setting'; readonly change: (state: ChainState) => ChainState }
  | {
      readonly kind: 'transaction';
      readonly owner: KeptKey;
      readonly call: ContractCall;
      /** Makes two equal wishes two transactions. */
      readonly number: number;
    };

/** An account whose key the chain holds: a token's owner, or the giver of TRX. */
export interface KeptKey {
  readonly secretKey: Uint8Array;
  readonly address: Address;
}

export function keptKey(role: string): KeptKey {
  const secretKey = sha256(utf8ToBytes(`local Tron chain: ${role}`));
  return { secretKey, address: addressOfSecretKey(secretKey) };
}

/** Signed anew in each block that carries it, since it refers to the block before. */
export function signWish(
  wish: Wish & { kind: 'transaction' },
  parent: { readonly id: string; readonly timestampMs: number },
): Transaction {
  const raw = {
    refBlockBytes: hexToBytes(parent.id.slice(12, 16)),
    refBlockHash: hexToBytes(parent.id.slice(16, 32)),
    refBlockNumber: 0n,
    expiration: BigInt(parent.timestampMs + 60_000),
    data: new Uint8Array(0),
    contracts: [writeContract(wish.call)],
    scripts: new Uint8Array(0),
    timestamp: BigInt(parent.timestampMs + wish.number),
    feeLimit: wish.call.kind === 'TriggerSmartContract' ? 1_000_000_000n : 0n,
  };
  const { txid } = createTransaction(raw, []);
  return createTransaction(raw, [signDigest(hexToBytes(txid), wish.owner.secretKey)]);
}

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Address } from './address.ts';
import {
  allBytesIn,
  bytesField,
  bytesIn,
  messageField,
  numberField,
  numberIn,
  readFields,
} from './wire.ts';

/** protocol.Transaction of tronprotocol/protocol, core/Tron.proto. */
export interface Transaction {
  readonly raw: TransactionRaw;
  /** sha256 of the canonical bytes of `raw`, hex. */
  readonly txid: string;
  readonly signatures: readonly Uint8Array[];
  /** As it counts for bandwidth: canonical, signatures included, results not. */
  readonly sizeBytes: number;
}

export interface TransactionRaw {
  readonly refBlockBytes: Uint8Array;
  readonly refBlockHash: Uint8Array;
  readonly refBlockNumber: bigint;
  /** Milliseconds since 1970. */
  readonly expiration: bigint;
  readonly data: Uint8Array;
  readonly contracts: readonly RawContract[];
  readonly scripts: Uint8Array;
  readonly timestamp: bigint;
  /** In sun. */
  readonly feeLimit: bigint;
}

export interface RawContract {
  readonly type: number;
  readonly typeUrl: string;
  readonly value: Uint8Array;
  readonly permissionId: bigint;
}

export type ContractCall =
  | {
      readonly kind: 'TransferContract';
      readonly owner: Address;
      readonly to: Address;
      readonly amount: bigint;
    }
  | {
      readonly kind: 'TriggerSmartContract';
      readonly owner: Address;
      readonly contract: Address;
      readonly callValue: bigint;
      readonly data: Uint8Array;
      readonly tokenValue: bigint;
      readonly tokenId: bigint;
    };

/** protocol.Transaction.Contract.ContractType: the two that this chain executes. */
export const CONTRACT_TYPES = { TransferContract: 1, TriggerSmartContract: 31 } as const;

const TYPE_URL = 'type.googleapis.com/protocol.';

export function createTransaction(
  raw: TransactionRaw,
  signatures: readonly Uint8Array[],
): Transaction {
  const rawBytes = encodeRaw(raw);
  return {
    raw,
    txid: bytesToHex(sha256(rawBytes)),
    signatures,
    sizeBytes: encodeWith(rawBytes, signatures).length,
  };
}

/** Throws WireError. What is read is what would be written again: other encodings have other txids. */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  const fields = readFields(bytes);
  return createTransaction(decodeRaw(bytesIn(fields, 1)), allBytesIn(fields, 2));
}

export function encodeTransaction(transaction: Transaction): Uint8Array {
  return encodeWith(encodeRaw(transaction.raw), transaction.signatures);
}

export function encodeRaw(raw: TransactionRaw): Uint8Array {
  return concatBytes(
    bytesField(1, raw.refBlockBytes),
    numberField(3, raw.refBlockNumber),
    bytesField(4, raw.refBlockHash),
    numberField(8, raw.expiration),
    bytesField(10, raw.data),
    ...raw.contracts.map((contract) => messageField(11, encodeContract(contract))),
    bytesField(12, raw.scripts),
    numberField(14, raw.timestamp),
    numberField(18, raw.feeLimit),
  );
}

/** Undefined where the chain does not execute such contracts. */
export function readContract(contract: RawContract): ContractCall | undefined {
  const fields = readFields(contract.value);
  if (contract.type === CONTRACT_TYPES.TransferContract) {
    return {
      kind: 'TransferContract',
      owner: bytesToHex(bytesIn(fields, 1)),
      to: bytesToHex(bytesIn(fields, 2)),
      amount: numberIn(fields, 3),
    };
  }
  if (contract.type !== CONTRACT_TYPES.TriggerSmartContract) return undefined;
  return {
    kind: 'TriggerSmartContract',
    owner: bytesToHex(bytesIn(fields, 1)),
    contract: bytesToHex(bytesIn(fields, 2)),
    callValue: numberIn(fields, 3),
    data: bytesIn(fields, 4),
    tokenValue: numberIn(fields, 5),
    tokenId: numberIn(fields, 6),
  };
}

export function writeContract(call: ContractCall, permissionId = 0n): RawContract {
  return {
    type: CONTRACT_TYPES[call.kind],
    typeUrl: TYPE_URL + call.kind,
    value: call.kind === 'TransferContract' ? encodeTransfer(call) : encodeTrigger(call),
    permissionId,
  };
}

function decodeRaw(bytes: Uint8Array): TransactionRaw {
  const fields = readFields(bytes);
  return {
    refBlockBytes: bytesIn(fields, 1),
    refBlockNumber: numberIn(fields, 3),
    refBlockHash: bytesIn(fields, 4),
    expiration: numberIn(fields, 8),
    data: bytesIn(fields, 10),
    contracts: allBytesIn(fields, 11).map(decodeContract),
    scripts: bytesIn(fields, 12),
    timestamp: numberIn(fields, 14),
    feeLimit: numberIn(fields, 18),
  };
}

function decodeContract(bytes: Uint8Array): RawContract {
  const fields = readFields(bytes);
  const any = readFields(bytesIn(fields, 2));
  return {
    type: Number(numberIn(fields, 1)),
    typeUrl: new TextDecoder().decode(bytesIn(any, 1)),
    value: bytesIn(any, 2),
    permissionId: numberIn(fields, 5),
  };
}

function encodeContract(contract: RawContract): Uint8Array {
  const any = concatBytes(
    bytesField(1, utf8ToBytes(contract.typeUrl)),
    bytesField(2, contract.value),
  );
  return concatBytes(
    numberField(1, BigInt(contract.type)),
    messageField(2, any),
    numberField(5, contract.permissionId),
  );
}

function encodeTransfer(call: ContractCall & { kind: 'TransferContract' }): Uint8Array {
  return concatBytes(
    bytesField(1, hexToBytes(call.owner)),
    bytesField(2, hexToBytes(call.to)),
    numberField(3, call.amount),
  );
}

function encodeTrigger(call: ContractCall & { kind: 'TriggerSmartContract' }): Uint8Array {
  return concatBytes(
    bytesField(1, hexToBytes(call.owner)),
    bytesField(2, hexToBytes(call.contract)),
    numberField(3, call.callValue),
    bytesField(4, call.data),
    numberField(5, call.tokenValue),
    numberField(6, call.tokenId),
  );
}

function encodeWith(rawBytes: Uint8Array, signatures: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    messageField(1, rawBytes),
    ...signatures.map((signature) => messageField(2, signature)),
  );
}

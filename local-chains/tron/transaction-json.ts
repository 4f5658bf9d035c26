import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import {
  addressIn,
  asObject,
  bytesOf,
  integerIn,
  jsonNumber,
  parseError,
  showAddress,
  withoutDefaults,
  type JsonObject,
} from './question.ts';
import {
  createTransaction,
  encodeRaw,
  readContract,
  writeContract,
  type ContractCall,
  type RawContract,
  type Transaction,
} from './transaction.ts';

/** A transaction as java-tron prints it. `contractRet` once it has been executed. */
export function printTransaction(
  { raw, txid, signatures }: Transaction,
  { visible, contractRet }: { visible: boolean; contractRet: string | undefined },
): JsonObject {
  return {
    ...(contractRet === undefined ? {} : { ret: [{ contractRet }] }),
    ...withoutDefaults({ signature: signatures.map(bytesToHex) }),
    txID: txid,
    raw_data: withoutDefaults({
      data: bytesToHex(raw.data),
      contract: raw.contracts.map((contract) => printContract(contract, visible)),
      ref_block_bytes: bytesToHex(raw.refBlockBytes),
      ref_block_num: jsonNumber(raw.refBlockNumber),
      ref_block_hash: bytesToHex(raw.refBlockHash),
      expiration: jsonNumber(raw.expiration),
      fee_limit: jsonNumber(raw.feeLimit),
      timestamp: jsonNumber(raw.timestamp),
    }),
    raw_data_hex: bytesToHex(encodeRaw(raw)),
  };
}

/**
 * Reads what clients post. As in java-tron `raw_data` counts and not `raw_data_hex`: the bytes, and so the
 * txid, are made from it anew.
 */
export function parseTransaction(body: JsonObject): Transaction {
  const visible = body['visible'] === true;
  const raw = asObject(body['raw_data']);
  const { contract, ref_block_bytes, ref_block_hash, data, scripts } = raw;
  const signatures = body['signature'] ?? [];
  if (!Array.isArray(contract) || !Array.isArray(signatures)) throw parseError('Expected "["');
  return createTransaction(
    {
      refBlockBytes: bytesOf(ref_block_bytes),
      refBlockHash: bytesOf(ref_block_hash),
      refBlockNumber: integerIn(raw, 'ref_block_num'),
      expiration: integerIn(raw, 'expiration'),
      data: bytesOf(data),
      contracts: contract.map((each: unknown) => parseContract(asObject(each), visible)),
      scripts: bytesOf(scripts),
      timestamp: integerIn(raw, 'timestamp'),
      feeLimit: integerIn(raw, 'fee_limit'),
    },
    signatures.map((signature: unknown) => bytesOf(signature)),
  );
}

function printContract(contract: RawContract, visible: boolean): JsonObject {
  const call = readContract(contract);
  if (call === undefined) throw new Error('only what the chain executes is printed');
  return {
    parameter: { value: printCall(call, visible), type_url: contract.typeUrl },
    type: call.kind,
    ...withoutDefaults({ Permission_id: jsonNumber(contract.permissionId) }),
  };
}

function printCall(call: ContractCall, visible: boolean): JsonObject {
  const owner_address = showAddress(call.owner, visible);
  if (call.kind === 'TransferContract') {
    const amount = jsonNumber(call.amount);
    return withoutDefaults({ amount, owner_address, to_address: showAddress(call.to, visible) });
  }
  return withoutDefaults({
    data: bytesToHex(call.data),
    owner_address,
    contract_address: showAddress(call.contract, visible),
    call_value: jsonNumber(call.callValue),
    call_token_value: jsonNumber(call.tokenValue),
    token_id: jsonNumber(call.tokenId),
  });
}

function parseContract(contract: JsonObject, visible: boolean): RawContract {
  const { type } = contract;
  const parameter = asObject(contract['parameter']);
  const permissionId = integerIn(contract, 'Permission_id');
  if (type !== 'TransferContract' && type !== 'TriggerSmartContract') {
    return { type: unknownType(type), typeUrl: '', value: new Uint8Array(0), permissionId };
  }
  const call = parseCall(type, asObject(parameter['value']), visible);
  const written = writeContract(call, permissionId);
  const typeUrl = parameter['type_url'];
  return { ...written, typeUrl: typeof typeUrl === 'string' ? typeUrl : '' };
}

function parseCall(kind: ContractCall['kind'], value: JsonObject, visible: boolean): ContractCall {
  const owner = addressIn(value, 'owner_address', visible);
  if (kind === 'TransferContract') {
    const to = addressIn(value, 'to_address', visible);
    return { kind, owner, to, amount: integerIn(value, 'amount') };
  }
  return {
    kind,
    owner,
    contract: addressIn(value, 'contract_address', visible),
    callValue: integerIn(value, 'call_value'),
    data: bytesOf(value['data']),
    tokenValue: integerIn(value, 'call_token_value'),
    tokenId: integerIn(value, 'token_id'),
  };
}

/** Any number that no contract of this chain has. */
function unknownType(type: unknown): number {
  if (typeof type !== 'string') throw parseError('no type in the transaction');
  return -1;
}

/** An unsigned transaction, as createtransaction and triggersmartcontract make it. */
export function buildTransaction(
  call: ContractCall,
  about: {
    readonly head: { readonly id: string; readonly timestampMs: number };
    readonly feeLimit: bigint;
    readonly data: Uint8Array;
    readonly permissionId: bigint;
    readonly nowMs: number;
  },
): Transaction {
  return createTransaction(
    {
      refBlockBytes: hexToBytes(about.head.id.slice(12, 16)),
      refBlockHash: hexToBytes(about.head.id.slice(16, 32)),
      refBlockNumber: 0n,
      expiration: BigInt(about.head.timestampMs + 60_000),
      data: about.data,
      contracts: [writeContract(call, about.permissionId)],
      scripts: new Uint8Array(0),
      timestamp: BigInt(about.nowMs),
      feeLimit: about.feeLimit,
    },
    [],
  );
}

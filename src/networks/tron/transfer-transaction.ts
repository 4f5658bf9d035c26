import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { assert } from '../../base/assert.ts';
import { contractForm, fromContractForm, isHexAddress, type HexAddress } from './hex-address.ts';

/**
 * A TRC-20 transfer as a transaction. Messages and field numbers: protocol/core/Tron.proto and
 * protocol/core/contract/smart_contract.proto of tronprotocol/protocol. Fields that are not named here
 * (memo, scripts, permission, call value) are never set.
 */
export interface TransferTransaction {
  /** Whose tokens move, and who signs. */
  readonly owner: HexAddress;
  readonly contract: HexAddress;
  readonly to: HexAddress;
  readonly units: bigint;
  readonly reference: ReferenceBlock;
  /** In milliseconds since 1970. No block whose parent is as late holds it. */
  readonly expirationMs: bigint;
  /** Told to nobody: the chain does not read it. */
  readonly timestampMs: bigint;
  /** The most that its energy may cost, whatever pays for it. */
  readonly feeLimitSun: bigint;
}

/** The block that the transaction is bound to: a chain without it refuses the transaction. In hex. */
export interface ReferenceBlock {
  /** Bytes 6 and 7 of the block's number in 8 bytes. */
  readonly bytes: string;
  /** Bytes 8 to 15 of the block's id. */
  readonly hash: string;
}

/** The first four bytes of the Keccak-256 of "transfer(address,uint256)". */
const TRANSFER_SELECTOR = 'a9059cbb';

/** `ContractType.TriggerSmartContract`, and the name of its message. */
const TRIGGER = 31;
const TRIGGER_URL = 'type.googleapis.com/protocol.TriggerSmartContract';

const LARGEST_UNITS = 2n ** 256n - 1n;
const LARGEST_INT64 = 2n ** 63n - 1n;

/** Of a block's id: 8 bytes of its number, then 24 of its hash. */
export function referenceTo(blockId: string): ReferenceBlock {
  assert(/^[0-9a-f]{64}$/.test(blockId), 'not a block id');
  return { bytes: blockId.slice(12, 16), hash: blockId.slice(16, 32) };
}

/** The bytes of `Transaction.raw`: what is signed, and whose SHA-256 is the transaction's id. */
export function encodeTransfer(transfer: TransferTransaction): Uint8Array {
  assertEncodable(transfer);
  const { reference, expirationMs, timestampMs, feeLimitSun } = transfer;
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .bytes(hexToBytes(reference.bytes))
    .tag(4, WireType.LengthDelimited)
    .bytes(hexToBytes(reference.hash))
    .tag(8, WireType.Varint)
    .int64(expirationMs)
    .tag(11, WireType.LengthDelimited)
    .bytes(encodeContract(transfer))
    .tag(14, WireType.Varint)
    .int64(timestampMs)
    .tag(18, WireType.Varint)
    .int64(feeLimitSun)
    .finish();
}

/** `Transaction.Contract`, whose parameter is a google.protobuf.Any. */
function encodeContract(transfer: TransferTransaction): Uint8Array {
  const any = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(TRIGGER_URL)
    .tag(2, WireType.LengthDelimited)
    .bytes(encodeTrigger(transfer))
    .finish();
  return new BinaryWriter()
    .tag(1, WireType.Varint)
    .int32(TRIGGER)
    .tag(2, WireType.LengthDelimited)
    .bytes(any)
    .finish();
}

/** `TriggerSmartContract` without call values. */
function encodeTrigger({ owner, contract, to, units }: TransferTransaction): Uint8Array {
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .bytes(hexToBytes(owner))
    .tag(2, WireType.LengthDelimited)
    .bytes(hexToBytes(contract))
    .tag(4, WireType.LengthDelimited)
    .bytes(hexToBytes(`${TRANSFER_SELECTOR}${transferParameters(to, units)}`))
    .finish();
}

/** The arguments of transfer(address,uint256): two words, in hex. */
export function transferParameters(to: HexAddress, units: bigint): string {
  assert(units >= 0n && units <= LARGEST_UNITS, 'the units do not fit in a word');
  return contractForm(to).padStart(64, '0') + units.toString(16).padStart(64, '0');
}

function assertEncodable(transfer: TransferTransaction): void {
  const { owner, contract, to, reference } = transfer;
  assert([owner, contract, to].every(isHexAddress), 'an address is malformed');
  assert(/^[0-9a-f]{4}$/.test(reference.bytes), 'the reference has two bytes of a number');
  assert(/^[0-9a-f]{16}$/.test(reference.hash), 'the reference has eight bytes of a hash');
  for (const value of [transfer.expirationMs, transfer.timestampMs, transfer.feeLimitSun]) {
    // A zero would be left out of the message.
    assert(value > 0n && value <= LARGEST_INT64, 'a time or the fee limit is out of range');
  }
}

/** SHA-256 of the bytes of `Transaction.raw`, in hex. */
export function txidOf(rawData: Uint8Array): string {
  return bytesToHex(sha256(rawData));
}

/**
 * Reads the bytes of `Transaction.raw` back. Null unless they are a TRC-20 transfer exactly as
 * {@link encodeTransfer} writes it: no other field, no other order, no longer form of a number.
 */
export function readTransfer(rawData: Uint8Array): TransferTransaction | null {
  try {
    const transfer = readRaw(rawData);
    const again = transfer === null ? null : encodeTransfer(transfer);
    return again !== null && isSame(again, rawData) ? transfer : null;
  } catch {
    return null;
  }
}

function readRaw(rawData: Uint8Array): TransferTransaction | null {
  const raw = fieldsOf(rawData);
  const contract = fieldsOf(raw.bytes(11));
  const any = fieldsOf(contract.bytes(2));
  const trigger = fieldsOf(any.bytes(2));
  const data = bytesToHex(trigger.bytes(4));
  const to = /^a9059cbb0{24}([0-9a-f]{40})([0-9a-f]{64})$/.exec(data);
  const owner = bytesToHex(trigger.bytes(1));
  const token = bytesToHex(trigger.bytes(2));
  if (to === null || !isHexAddress(owner) || !isHexAddress(token)) return null;
  const [, recipient = '', units = ''] = to;
  return {
    owner,
    contract: token,
    to: fromContractForm(recipient),
    units: BigInt(`0x${units}`),
    reference: { bytes: bytesToHex(raw.bytes(1)), hash: bytesToHex(raw.bytes(4)) },
    expirationMs: raw.number(8),
    timestampMs: raw.number(14),
    feeLimitSun: raw.number(18),
  };
}

interface Fields {
  /** Throws where the message has no such field. */
  bytes(field: number): Uint8Array;
  number(field: number): bigint;
}

/** The last of each field; what else is in the message shows when it is written again. */
function fieldsOf(message: Uint8Array): Fields {
  const found = new Map<number, Uint8Array | bigint>();
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType === WireType.LengthDelimited) found.set(field, reader.bytes());
    else if (wireType === WireType.Varint) found.set(field, BigInt(reader.int64()));
    else reader.skip(wireType, field);
  }
  return {
    bytes(field) {
      const value = found.get(field);
      assert(value instanceof Uint8Array, `no bytes in field ${field}`);
      return value;
    },
    number(field) {
      const value = found.get(field);
      assert(typeof value === 'bigint', `no number in field ${field}`);
      return value;
    },
  };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The bytes of `Transaction`: the raw message and one signature. */
export function encodeSigned(rawData: Uint8Array, signature: Uint8Array): Uint8Array {
  assert(signature.length === 65, 'a signature has 65 bytes');
  return new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .bytes(rawData)
    .tag(2, WireType.LengthDelimited)
    .bytes(signature)
    .finish();
}

/** The opposite of {@link encodeSigned}; null for every other bytes. */
export function readSigned(
  transaction: Uint8Array,
): { readonly rawData: Uint8Array; readonly signature: Uint8Array } | null {
  try {
    const fields = fieldsOf(transaction);
    const [rawData, signature] = [fields.bytes(1), fields.bytes(2)];
    return isSame(encodeSigned(rawData, signature), transaction) ? { rawData, signature } : null;
  } catch {
    return null;
  }
}

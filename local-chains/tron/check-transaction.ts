import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { base58Of, signerOf } from './address.ts';
import type { Block } from './block.ts';
import { invalidContract, Refusal } from './refusal.ts';
import { readContract, type ContractCall, type Transaction } from './transaction.ts';
import { WireError } from './wire.ts';

const MAX_BYTES = 500 * 1024;
const SIGNATURE_BYTES = 65;
const MAX_LIFE_MS = 24 * 60 * 60 * 1_000;

/** Owner, and the one active permission that an account has from its beginning. */
const PERMISSIONS: readonly bigint[] = [0n, 2n];

/** What a node can tell without a chain. Gives the one contract. Throws {@link Refusal}. */
export function checkAlone(transaction: Transaction): ContractCall {
  for (const signature of transaction.signatures) {
    if (signature.length !== SIGNATURE_BYTES) {
      throw unsigned(`Signature size is ${signature.length}`);
    }
  }
  const [contract, ...others] = transaction.raw.contracts;
  if (contract === undefined) throw invalidContract('No contract!');
  if (others.length > 0) {
    throw new Refusal('OTHER_ERROR', 'Error: act size should be exactly 1, this is extend feature');
  }
  const call = readOrRefuse(contract);
  if (!contract.typeUrl.endsWith(`/protocol.${call.kind}`)) {
    throw invalidContract(`contract type error, expected type [${call.kind}]`);
  }
  checkAddresses(call);
  checkSignature(transaction, call, contract.permissionId);
  if (transaction.sizeBytes > MAX_BYTES) {
    throw new Refusal('TOO_BIG_TRANSACTION_ERROR', 'Transaction size is too big.');
  }
  return call;
}

/** A node's own look at the clock, before anything else of the chain. */
export function checkNotExpiring(transaction: Transaction, nextSlotMs: number): void {
  if (transaction.raw.expiration < BigInt(nextSlotMs)) throw expired();
}

/** What java-tron asks of every transaction of a block: `head` is the block that it would follow. */
export function checkAgainst(
  transaction: Transaction,
  head: Block,
  blockAt: (number: number) => Block | undefined,
): void {
  checkReference(transaction, head, blockAt);
  const headTime = BigInt(head.timestampMs);
  const { expiration } = transaction.raw;
  if (expiration <= headTime || expiration > headTime + BigInt(MAX_LIFE_MS)) throw expired();
}

/** TAPOS: the block that it names, among the last 65,536, has the hash that it names. */
function checkReference(
  { raw }: Transaction,
  head: Block,
  blockAt: (number: number) => Block | undefined,
): void {
  const refused = new Refusal('TAPOS_ERROR', 'Tapos check error.');
  if (raw.refBlockBytes.length !== 2 || raw.refBlockHash.length !== 8) throw refused;
  const low = Number.parseInt(bytesToHex(raw.refBlockBytes), 16);
  const span = 0x1_0000;
  const number = head.number - ((head.number - low + span) % span);
  const block = number < 0 ? undefined : blockAt(number);
  if (block === undefined || block.id.slice(16, 32) !== bytesToHex(raw.refBlockHash)) throw refused;
}

function readOrRefuse(contract: Transaction['raw']['contracts'][number]): ContractCall {
  try {
    const call = readContract(contract);
    if (call !== undefined) return call;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw invalidContract(error.message);
  }
  throw invalidContract(`contract type ${contract.type} is not of this chain`);
}

function checkAddresses(call: ContractCall): void {
  const isAddress = (text: string): boolean => /^41[0-9a-f]{40}$/.test(text);
  if (!isAddress(call.owner)) throw invalidContract('Invalid ownerAddress!');
  if (call.kind === 'TransferContract' && !isAddress(call.to)) {
    throw invalidContract('Invalid toAddress!');
  }
  if (call.kind === 'TriggerSmartContract' && !isAddress(call.contract)) {
    throw invalidContract('No contract or not a smart contract');
  }
}

function checkSignature(transaction: Transaction, call: ContractCall, permission: bigint): void {
  if (!PERMISSIONS.includes(permission)) throw unsigned("permission isn't exit");
  const [signature, ...others] = transaction.signatures;
  if (signature === undefined) throw unsigned('miss sig or contract');
  if (others.length > 0) {
    throw unsigned(
      `Signature count is ${others.length + 1} more than key counts of permission : 1`,
    );
  }
  const signer = signerOf(hexToBytes(transaction.txid), signature);
  if (signer === call.owner) return;
  const name = signer === undefined ? 'nobody' : base58Of(signer);
  throw unsigned(
    `${bytesToHex(signature)} is signed by ${name} but it is not contained of permission.`,
  );
}

function unsigned(message: string): Refusal {
  return new Refusal('SIGERROR', `Validate signature error: ${message}`);
}

function expired(): Refusal {
  return new Refusal('TRANSACTION_EXPIRATION_ERROR', 'Transaction expired');
}

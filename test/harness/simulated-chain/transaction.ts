import { parseTransaction, serializeTransaction, type TransactionSerializableGeneric } from 'viem';
import { hashAuthorization } from 'viem/utils';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { BeyondModel } from './frame.ts';
import { bytesOf, HALF_ORDER, keccakOf, type Signatures } from './signatures.ts';
import { byteLength } from './words.ts';

/** A transaction as a block holds it. Addresses in lower case. */
export interface ChainTransaction {
  readonly hash: Hex;
  readonly raw: Hex;
  readonly type: 2 | 4;
  readonly chainId: number;
  readonly from: Hex;
  readonly nonce: bigint;
  readonly to: Hex;
  readonly wei: bigint;
  readonly data: Hex;
  readonly gasLimit: number;
  readonly maxFeeWei: bigint;
  readonly maxTipWei: bigint;
  readonly authorizations: readonly Authorization[];
  readonly signature: { readonly r: bigint; readonly s: bigint; readonly yParity: number };
  /** What it costs before anything runs. */
  readonly intrinsicGas: number;
  /** The least that its calldata costs (EIP-7623). */
  readonly floorGas: number;
  /** Of an account that needs no key: outside the pool, and in every branch. */
  readonly keyless: boolean;
}

/** EIP-7702. `authority`: who signed it, null for what is no signature. */
export interface Authorization {
  readonly chainId: number;
  readonly to: Hex;
  readonly nonce: bigint;
  readonly authority: Hex | null;
  readonly signature: { readonly r: bigint; readonly s: bigint; readonly yParity: number };
}

/** What geth says of bytes that are no transaction for this chain. */
export class TransactionRefusal extends Error {
  override readonly name = 'TransactionRefusal';
}

/** Reads raw bytes as a node does. Throws {@link TransactionRefusal}. */
export function readTransaction(
  raw: Hex,
  context: { readonly chainId: number; readonly signatures: Signatures },
): ChainTransaction {
  if (!/^0x(?:[0-9a-f]{2})+$/.test(raw)) throw new TransactionRefusal('rlp: expected List');
  if (!raw.startsWith('0x02') && !raw.startsWith('0x04')) {
    throw new TransactionRefusal('transaction type not supported');
  }
  const parsed = parseStrictly(raw);
  if (parsed.chainId !== context.chainId) {
    const ids = `have ${parsed.chainId} want ${context.chainId}`;
    throw new TransactionRefusal(`invalid chain id for signer: ${ids}`);
  }
  if (typeof parsed.to !== 'string') {
    if (parsed.type === 'eip7702') throw new TransactionRefusal('rlp: input string too short');
    throw new BeyondModel('a transaction that creates a contract');
  }
  if ((parsed.accessList ?? []).length > 0) throw new BeyondModel('an access list');
  const authorizations = (parsed.authorizationList ?? []).map((entry) =>
    readAuthorization(entry, context.signatures),
  );
  const data = parsed.data ?? '0x';
  return {
    hash: keccakOf(raw.slice(2)),
    raw,
    type: parsed.type === 'eip7702' ? 4 : 2,
    chainId: context.chainId,
    ...senderOf(parsed, context.signatures),
    nonce: BigInt(parsed.nonce ?? 0),
    to: parsed.to.toLowerCase() as Hex,
    wei: parsed.value ?? 0n,
    data,
    gasLimit: Number(parsed.gas ?? 0n),
    maxFeeWei: parsed.maxFeePerGas ?? 0n,
    maxTipWei: parsed.maxPriorityFeePerGas ?? 0n,
    authorizations,
    ...gasOf(data, authorizations.length),
    keyless: false,
  };
}

type Parsed = TransactionSerializableGeneric & { readonly type?: string };

/** Bytes that say the same otherwise are no transaction: RLP has one form. */
function parseStrictly(raw: Hex): Parsed {
  let parsed: Parsed;
  try {
    parsed = parseTransaction(raw as `0x02${string}`) as Parsed;
  } catch (error) {
    if (error instanceof Error && error.name === 'TipAboveFeeCapError') {
      throw new TransactionRefusal('max priority fee per gas higher than max fee per gas');
    }
    throw new TransactionRefusal('rlp: expected input list');
  }
  if (serializeTransaction(parsed as Parameters<typeof serializeTransaction>[0]) !== raw) {
    throw new TransactionRefusal('rlp: non-canonical encoding');
  }
  return parsed;
}

function senderOf(
  parsed: Parsed,
  signatures: Signatures,
): Pick<ChainTransaction, 'from' | 'signature'> {
  const { r, s, yParity, v: _v, ...unsigned } = parsed;
  const signature = { r: BigInt(r ?? 0), s: BigInt(s ?? 0), yParity: yParity ?? 0 };
  const bytes = serializeTransaction(unsigned as Parameters<typeof serializeTransaction>[0]);
  const from =
    signature.s > HALF_ORDER
      ? null
      : signatures.recover(bytesOf(keccakOf(bytes.slice(2)).slice(2)), signature);
  if (from === null) throw new TransactionRefusal('invalid sender');
  return { from, signature };
}

type ParsedAuthorization = NonNullable<Parsed['authorizationList']>[number];

function readAuthorization(entry: ParsedAuthorization, signatures: Signatures): Authorization {
  const { address, chainId, nonce, r, s, yParity } = entry as ParsedAuthorization & {
    r?: Hex;
    s?: Hex;
    yParity?: number;
  };
  const signature = { r: BigInt(r ?? 0), s: BigInt(s ?? 0), yParity: yParity ?? 0 };
  const digest = hashAuthorization({ address, chainId, nonce, to: 'bytes' });
  const authority = signature.s > HALF_ORDER ? null : signatures.recover(digest, signature);
  const to = address.toLowerCase() as Hex;
  return { chainId, to, nonce: BigInt(nonce), authority, signature };
}

const BASE_GAS = 21_000;
const GAS_PER_AUTHORIZATION = 25_000;

/** EIP-2028, EIP-7702 and EIP-7623. */
export function gasOf(
  data: Hex,
  authorizations: number,
): Pick<ChainTransaction, 'intrinsicGas' | 'floorGas'> {
  let zeros = 0;
  for (let at = 2; at < data.length; at += 2) {
    if (data.codePointAt(at) === 48 && data.codePointAt(at + 1) === 48) zeros += 1;
  }
  const tokens = zeros + (byteLength(data) - zeros) * 4;
  return {
    intrinsicGas: BASE_GAS + tokens * 4 + authorizations * GAS_PER_AUTHORIZATION,
    floorGas: BASE_GAS + tokens * 10,
  };
}

/** A transaction that nobody signed; its hash is of what it says. */
export function keylessTransaction(
  chainId: number,
  call: { from: Hex; nonce: bigint; to: Hex; data: Hex; wei: bigint },
): ChainTransaction {
  const { from, nonce, to, data, wei } = call;
  const content = [from, nonce.toString(16), to, wei.toString(16), data].join('/');
  const hash = keccakOf(Buffer.from(content).toString('hex'));
  return {
    hash,
    raw: '0x',
    type: 2,
    chainId,
    from,
    nonce,
    to,
    wei,
    data,
    gasLimit: 1_000_000,
    maxFeeWei: 10n ** 18n,
    maxTipWei: 0n,
    authorizations: [],
    signature: { r: 0n, s: 0n, yParity: 0 },
    ...gasOf(data, 0),
    keyless: true,
  };
}

/** What it pays for a unit of gas in a block of this base fee, in wei. */
export function gasPriceOf(transaction: ChainTransaction, baseFeeWei: bigint): bigint {
  const most = baseFeeWei + transaction.maxTipWei;
  return most < transaction.maxFeeWei ? most : transaction.maxFeeWei;
}

/** The most that it may take from its sender, in wei. */
export function costOf({ gasLimit, maxFeeWei, wei }: ChainTransaction): bigint {
  return BigInt(gasLimit) * maxFeeWei + wei;
}

import { equalBytes } from '@noble/curves/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { RawOldTx, RawTx } from '@scure/btc-signer/script.js';
import { formatOutpoint, parseOutpoint } from './coin.ts';

/** One output: satoshis, and its script as lower-case hexadecimal. */
export interface Output {
  readonly units: bigint;
  readonly script: string;
}

/** A transaction as its bytes say it. */
export interface Transaction {
  readonly txid: string;
  readonly version: number;
  readonly lockTime: number;
  /** What it spends, in its order: "txid:vout". */
  readonly spends: readonly string[];
  readonly sequences: readonly number[];
  /** By input; empty without a witness. */
  readonly witnesses: readonly (readonly Uint8Array[])[];
  readonly outputs: readonly Output[];
  readonly weight: number;
}

/** Throws a RangeError where the bytes are not one whole transaction. */
export function readTransaction(bytes: Uint8Array): Transaction {
  const raw = decode(bytes);
  const stripped = RawOldTx.encode(raw);
  return {
    txid: hashOf(stripped),
    version: raw.version,
    lockTime: raw.lockTime,
    spends: raw.inputs.map(({ txid, index }) =>
      formatOutpoint({ txid: bytesToHex(txid), vout: index }),
    ),
    sequences: raw.inputs.map(({ sequence }) => sequence),
    witnesses: raw.inputs.map((_, index) => raw.witnesses?.[index] ?? []),
    outputs: raw.outputs.map(({ amount, script }) => ({
      units: amount,
      script: bytesToHex(script),
    })),
    // Once for the witness, three times more for everything else (BIP-141).
    weight: stripped.length * 3 + bytes.length,
  };
}

/** As the library decodes it. */
interface RawTransaction {
  readonly version: number;
  readonly inputs: readonly { txid: Uint8Array; index: number; sequence: number }[];
  readonly outputs: readonly { amount: bigint; script: Uint8Array }[];
  readonly witnesses: readonly Uint8Array[][] | undefined;
  readonly lockTime: number;
}

function decode(bytes: Uint8Array): RawTransaction & Parameters<typeof RawOldTx.encode>[0] {
  try {
    const raw = RawTx.decode(bytes) as RawTransaction & Parameters<typeof RawTx.encode>[0];
    const isWhole = equalBytes(RawTx.encode(raw), bytes);
    if (isWhole && raw.inputs.length > 0) return raw;
  } catch (error) {
    throw new RangeError('not a transaction', { cause: error });
  }
  throw new RangeError('not a transaction');
}

/** Reads what a node gave as hexadecimal. Throws a RangeError, as {@link readTransaction} does. */
export function readTransactionHex(hex: string): Transaction {
  if (!/^([0-9a-f]{2})+$/.test(hex)) throw new RangeError('not a transaction');
  return readTransaction(hexToBytes(hex));
}

/** What is to be signed: inputs that can be replaced (BIP-125), no lock time. */
export interface UnsignedTransaction {
  readonly spends: readonly string[];
  readonly outputs: readonly Output[];
}

export const VERSION = 2;
/** Below 0xfffffffe: whoever sees it knows that it may be replaced (BIP-125). */
export const REPLACEABLE = 0xfffffffd;

/** The bytes without a witness: their hash is the transaction's id whatever its signatures are. */
export function strippedBytes({ spends, outputs }: UnsignedTransaction): Uint8Array {
  return RawOldTx.encode(rawOf({ spends, outputs }));
}

/** The whole bytes, with a witness for each input. */
export function signedBytes(
  unsigned: UnsignedTransaction,
  witnesses: readonly (readonly Uint8Array[])[],
): Uint8Array {
  return RawTx.encode({
    ...rawOf(unsigned),
    segwitFlag: true,
    witnesses: witnesses.map((stack) => [...stack]),
  });
}

function rawOf({ spends, outputs }: UnsignedTransaction): Parameters<typeof RawOldTx.encode>[0] {
  return {
    version: VERSION,
    inputs: spends.map((outpoint) => {
      const { txid, vout } = parseOutpoint(outpoint);
      const finalScriptSig = new Uint8Array();
      return { txid: hexToBytes(txid), index: vout, finalScriptSig, sequence: REPLACEABLE };
    }),
    outputs: outputs.map(({ units, script }) => ({ amount: units, script: hexToBytes(script) })),
    lockTime: 0,
  };
}

/** Double SHA-256, written backwards, as nodes and explorers show it. */
function hashOf(bytes: Uint8Array): string {
  return bytesToHex(sha256(sha256(bytes)).toReversed());
}

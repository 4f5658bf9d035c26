import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { hash160, sized, taggedHash } from './encoding.ts';
import { operationsOf } from './script.ts';
import { legacyHash, segwitHash, taprootHash, type SpentInput } from './signature-hash.ts';

/**
 * What consensus demands of a spend, or also what relay demands (strict encodings, low S, compressed
 * keys, no failing signature that is not empty).
 */
export type Strictness = 'consensus' | 'relay';

/** Why an input may not spend its coin, in bitcoind's words; undefined where it may. */
export function inputProblem(input: SpentInput, strictness: Strictness): string | undefined {
  const own = input.transaction.inputs[input.index];
  const spent = input.spent[input.index];
  if (own === undefined || spent === undefined) throw new RangeError(`no input ${input.index}`);
  const { scriptHex } = spent;
  if (/^76a914.{40}88ac$/.test(scriptHex)) {
    if (own.witness.length > 0) return 'Witness provided for non-witness script';
    return publicKeyHashProblem(input, scriptHex, strictness);
  }
  if (/^(0014.{40}|5120.{64})$/.test(scriptHex)) {
    if (own.scriptSig.length > 0) return 'Witness requires empty scriptSig';
    const program = hexToBytes(scriptHex.slice(4));
    return scriptHex.startsWith('00')
      ? witnessKeyHashProblem(input, program, strictness)
      : taprootProblem(input, program);
  }
  return 'this local chain knows no spend of such a script';
}

const EVALUATES_FALSE =
  'Script evaluated without error but finished with a false/empty top stack element';
const KEY_MISMATCH = 'Script failed an OP_EQUALVERIFY operation';

function publicKeyHashProblem(
  input: SpentInput,
  scriptHex: string,
  strictness: Strictness,
): string | undefined {
  const scriptSig = input.transaction.inputs[input.index]?.scriptSig ?? new Uint8Array();
  const operations = operationsOf(scriptSig);
  const [signature, publicKey] = operations?.map(({ data }) => data) ?? [];
  if (operations?.length !== 2 || signature === undefined || publicKey === undefined) {
    return EVALUATES_FALSE;
  }
  if (bytesToHex(hash160(publicKey)) !== scriptHex.slice(6, 46)) return KEY_MISMATCH;
  const digest = (type: number): Uint8Array => legacyHash(input, hexToBytes(scriptHex), type);
  return ecdsaProblem({ signature, publicKey, digest }, strictness, 'legacy');
}

function witnessKeyHashProblem(
  input: SpentInput,
  keyHash: Uint8Array,
  strictness: Strictness,
): string | undefined {
  const witness = input.transaction.inputs[input.index]?.witness ?? [];
  const [signature, publicKey] = witness;
  if (witness.length !== 2 || signature === undefined || publicKey === undefined) {
    return 'Witness program hash mismatch';
  }
  if (bytesToHex(hash160(publicKey)) !== bytesToHex(keyHash)) return KEY_MISMATCH;
  const digest = (type: number): Uint8Array => segwitHash(input, keyHash, type);
  return ecdsaProblem({ signature, publicKey, digest }, strictness, 'segwit');
}

interface EcdsaSpend {
  /** DER, and the type of hash. */
  readonly signature: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly digest: (type: number) => Uint8Array;
}

function ecdsaProblem(
  spend: EcdsaSpend,
  strictness: Strictness,
  era: 'legacy' | 'segwit',
): string | undefined {
  const { signature, publicKey } = spend;
  if (signature.length === 0) return EVALUATES_FALSE;
  const der = signature.subarray(0, -1);
  const type = signature.at(-1) ?? 0;
  // Strict DER is consensus since BIP-66.
  const compact = compactOfDer(der);
  if (compact === undefined) return 'Non-canonical DER signature';
  if (strictness === 'relay') {
    const problem = encodingProblem(spend, compact, era);
    if (problem !== undefined) return problem;
  }
  if (isSignedBy(compact, spend.digest(type), publicKey)) return undefined;
  return strictness === 'relay'
    ? 'Signature must be zero for failed CHECK(MULTI)SIG operation'
    : EVALUATES_FALSE;
}

function encodingProblem(
  { signature, publicKey }: EcdsaSpend,
  compact: Uint8Array,
  era: 'legacy' | 'segwit',
): string | undefined {
  if (hasHighS(compact)) return 'Non-canonical signature: S value is unnecessarily high';
  const base = (signature.at(-1) ?? 0) & ~0x80;
  if (base < 1 || base > 3) return 'Signature hash type missing or not understood';
  const [first] = publicKey;
  const isCompressed = publicKey.length === 33 && (first === 2 || first === 3);
  if (isCompressed) return undefined;
  if (publicKey.length !== 65 || first !== 4) {
    return 'Public key is neither compressed or uncompressed';
  }
  return era === 'segwit' ? 'Using non-compressed keys in segwit' : undefined;
}

function hasHighS(compact: Uint8Array): boolean {
  const s = BigInt(`0x${bytesToHex(compact.subarray(32))}`);
  return s > secp256k1.Point.Fn.ORDER >> 1n;
}

function isSignedBy(compact: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean {
  try {
    return secp256k1.verify(compact, digest, publicKey, { prehash: false, lowS: false });
  } catch {
    return false;
  }
}

/** R and S, 32 bytes each, of strict DER (BIP-66); undefined for anything else. */
function compactOfDer(der: Uint8Array): Uint8Array | undefined {
  if (der.length < 8 || der.length > 72) return undefined;
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return undefined;
  const r = derInteger(der, 2);
  if (r === undefined) return undefined;
  const s = derInteger(der, 4 + r.length);
  if (s === undefined || 6 + r.length + s.length !== der.length) return undefined;
  const compact = new Uint8Array(64);
  for (const [part, end] of [
    [r, 32],
    [s, 64],
  ] as const) {
    const digits = part[0] === 0 ? part.subarray(1) : part;
    if (digits.length > 32) return new Uint8Array(64);
    compact.set(digits, end - digits.length);
  }
  return compact;
}

function derInteger(der: Uint8Array, at: number): Uint8Array | undefined {
  const length = der[at + 1] ?? 0;
  const integer = der.subarray(at + 2, at + 2 + length);
  const [first, second] = integer;
  if (der[at] !== 2 || length === 0 || integer.length !== length) return undefined;
  if (first === undefined || first >= 0x80) return undefined;
  return first === 0 && length > 1 && (second ?? 0) < 0x80 ? undefined : integer;
}

/** Source: BIP-341, spends by the output key alone. */
function taprootProblem(input: SpentInput, outputKey: Uint8Array): string | undefined {
  const witness = input.transaction.inputs[input.index]?.witness ?? [];
  const [signature] = witness;
  if (signature === undefined) return 'Witness program was passed an empty witness';
  if (witness.length > 1) return scriptPathProblem(witness, outputKey);
  if (signature.length !== 64 && signature.length !== 65) return 'Invalid Schnorr signature size';
  const type = signature[64] ?? 0;
  const isKnown = type <= 3 || (type >= 0x81 && type <= 0x83);
  if ((signature.length === 65 && type === 0) || !isKnown) {
    return 'Invalid Schnorr signature hash type';
  }
  if ((type & 3) === 3 && input.index >= input.transaction.outputs.length) {
    return 'Invalid Schnorr signature hash type';
  }
  const isSigned = schnorr.verify(signature.subarray(0, 64), taprootHash(input, type), outputKey);
  return isSigned ? undefined : 'Invalid Schnorr signature';
}

/** A script that the output key does not commit to is told from one that this chain does not run. */
function scriptPathProblem(
  witness: readonly Uint8Array[],
  outputKey: Uint8Array,
): string | undefined {
  const control = witness.at(-1) ?? new Uint8Array();
  const script = witness.at(-2) ?? new Uint8Array();
  if (control.length < 33 || control.length > 33 + 32 * 128 || (control.length - 33) % 32 !== 0) {
    return 'Invalid Taproot control block size';
  }
  const version = Uint8Array.of((control[0] ?? 0) & 0xfe);
  let node = taggedHash('TapLeaf', version, sized(script));
  for (let at = 33; at < control.length; at += 32) {
    const pair = [node, control.subarray(at, at + 32)].toSorted(byBytes);
    node = taggedHash('TapBranch', ...pair);
  }
  const committed = tweakedKey(control.subarray(1, 33), node);
  const isEven = ((control[0] ?? 0) & 1) === 0;
  const expected = `${isEven ? '02' : '03'}${bytesToHex(outputKey)}`;
  if (committed !== expected) return 'Witness program hash mismatch';
  return 'this local chain runs no taproot scripts';
}

function byBytes(a: Uint8Array, b: Uint8Array): number {
  return bytesToHex(a) < bytesToHex(b) ? -1 : 1;
}

/** Compressed, in hexadecimal; empty where the internal key is none. */
function tweakedKey(internalKey: Uint8Array, root: Uint8Array): string {
  try {
    const tweak = BigInt(`0x${bytesToHex(taggedHash('TapTweak', internalKey, root))}`);
    const point = secp256k1.Point.fromHex(`02${bytesToHex(internalKey)}`);
    return point.add(secp256k1.Point.BASE.multiply(tweak)).toHex(true);
  } catch {
    return '';
  }
}

import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { doubleSha256, int64, sized, taggedHash, uint32 } from './encoding.ts';
import {
  outpointBytes,
  outputBytes,
  serialise,
  type TransactionFields,
  type TransactionInput,
  type TransactionOutput,
} from './transaction.ts';

/** An input, by its place, and what it and its companions spend. */
export interface SpentInput {
  readonly transaction: TransactionFields;
  readonly index: number;
  readonly spent: readonly TransactionOutput[];
}

const ZERO = new Uint8Array(32);
const NONE = 2;
const SINGLE = 3;
const ANYONE_CAN_PAY = 0x80;

/** Before segwit. `scriptCode` is the script that is spent.. */
export function legacyHash(
  { transaction, index }: SpentInput,
  scriptCode: Uint8Array,
  type: number,
): Uint8Array {
  const base = type & 0x1f;
  const one = new Uint8Array(32);
  one[0] = 1;
  if (base === SINGLE && index >= transaction.outputs.length) return one;
  const inputs = transaction.inputs.map((input, place) => {
    const others = place !== index && (base === NONE || base === SINGLE);
    const scriptSig = place === index ? scriptCode : new Uint8Array();
    return { ...input, witness: [], scriptSig, sequence: others ? 0 : input.sequence };
  });
  const blank: TransactionOutput = { units: -1n, scriptHex: '' };
  const outputs =
    base === NONE
      ? []
      : base === SINGLE
        ? transaction.outputs
            .slice(0, index + 1)
            .map((output, place) => (place === index ? output : blank))
        : transaction.outputs;
  const kept =
    (type & ANYONE_CAN_PAY) === 0 ? inputs : inputs.filter((_, place) => place === index);
  const fields = { ...transaction, inputs: kept, outputs };
  return doubleSha256(concatBytes(serialise(fields, 'stripped'), uint32(type)));
}

/** Source: BIP-143, of a P2WPKH input whose key hash is given. */
export function segwitHash(input: SpentInput, keyHash: Uint8Array, type: number): Uint8Array {
  const { transaction, index, spent } = input;
  const own = ownInput(input);
  const base = type & 0x1f;
  const anyone = (type & ANYONE_CAN_PAY) !== 0;
  const sharesAll = base !== NONE && base !== SINGLE;
  const output = transaction.outputs[index];
  const single = base === SINGLE && output !== undefined ? doubleSha256(outputBytes(output)) : ZERO;
  return doubleSha256(
    concatBytes(
      uint32(transaction.version),
      anyone ? ZERO : doubleSha256(allOutpoints(transaction)),
      anyone || !sharesAll ? ZERO : doubleSha256(allSequences(transaction)),
      outpointBytes(own),
      sized(concatBytes(hexToBytes('76a914'), keyHash, hexToBytes('88ac'))),
      int64(spent[index]?.units ?? 0n),
      uint32(own.sequence),
      sharesAll ? doubleSha256(allOutputs(transaction)) : single,
      uint32(transaction.lockTime),
      uint32(type),
    ),
  );
}

/** Source: BIP-341, key path, without annex. `type` is a valid one: 0, 1, 2, 3 or one of the last three with 0x80. */
export function taprootHash(input: SpentInput, type: number): Uint8Array {
  const { transaction, index, spent } = input;
  const own = ownInput(input);
  const anyone = (type & ANYONE_CAN_PAY) !== 0;
  const base = type & 3;
  const output = transaction.outputs[index];
  const spentOutput = spent[index];
  const everyone = [
    sha256(allOutpoints(transaction)),
    sha256(concatBytes(...spent.map(({ units }) => int64(units)))),
    sha256(concatBytes(...spent.map(({ scriptHex }) => sized(hexToBytes(scriptHex))))),
    sha256(allSequences(transaction)),
  ];
  const alone = [
    outpointBytes(own),
    spentOutput === undefined ? new Uint8Array() : outputBytes(spentOutput),
    uint32(own.sequence),
  ];
  return taggedHash(
    'TapSighash',
    Uint8Array.of(0, type),
    uint32(transaction.version),
    uint32(transaction.lockTime),
    ...(anyone ? [] : everyone),
    ...(base === NONE || base === SINGLE ? [] : [sha256(allOutputs(transaction))]),
    Uint8Array.of(0),
    ...(anyone ? alone : [uint32(index)]),
    ...(base === SINGLE && output !== undefined ? [sha256(outputBytes(output))] : []),
  );
}

function ownInput({ transaction, index }: SpentInput): TransactionInput {
  const own = transaction.inputs[index];
  if (own === undefined) throw new RangeError(`no input ${index}`);
  return own;
}

function allOutpoints(transaction: TransactionFields): Uint8Array {
  return concatBytes(...transaction.inputs.map(outpointBytes));
}

function allSequences(transaction: TransactionFields): Uint8Array {
  return concatBytes(...transaction.inputs.map(({ sequence }) => uint32(sequence)));
}

function allOutputs(transaction: TransactionFields): Uint8Array {
  return concatBytes(...transaction.outputs.map(outputBytes));
}

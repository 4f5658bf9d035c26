import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';

/** The names that bitcoind gives to the kinds of output script. */
export type ScriptKind =
  | 'pubkey'
  | 'pubkeyhash'
  | 'scripthash'
  | 'multisig'
  | 'nulldata'
  | 'anchor'
  | 'witness_v0_keyhash'
  | 'witness_v0_scripthash'
  | 'witness_v1_taproot'
  | 'witness_unknown'
  | 'nonstandard';

const HASH = '[0-9a-f]{40}';
const WORD = '[0-9a-f]{64}';
const SHAPES: readonly (readonly [RegExp, ScriptKind])[] = [
  [new RegExp(`^0014${HASH}$`), 'witness_v0_keyhash'],
  [new RegExp(`^0020${WORD}$`), 'witness_v0_scripthash'],
  [new RegExp(`^5120${WORD}$`), 'witness_v1_taproot'],
  [/^51024e73$/, 'anchor'],
  [new RegExp(`^76a914${HASH}88ac$`), 'pubkeyhash'],
  [new RegExp(`^a914${HASH}87$`), 'scripthash'],
  [new RegExp(`^(21(02|03)${WORD}|4104${WORD}${WORD})ac$`), 'pubkey'],
];

export function kindOfScript(scriptHex: string): ScriptKind {
  const known = SHAPES.find(([shape]) => shape.test(scriptHex));
  if (known !== undefined) return known[1];
  const script = hexToBytes(scriptHex);
  const program = witnessProgram(script);
  // Version 0 has two lengths only (BIP-141).
  if (program !== undefined) return program.version === 0 ? 'nonstandard' : 'witness_unknown';
  if (script[0] === 0x6a && isPushOnly(script.subarray(1))) return 'nulldata';
  return isMultisig(script) ? 'multisig' : 'nonstandard';
}

/** No one can ever spend it: it carries data, or is too long to run. */
export function isUnspendable(scriptHex: string): boolean {
  return scriptHex.startsWith('6a') || scriptHex.length > 20_000;
}

/** Whether it could be run at all: whole pushes of at most 520 bytes, and operations that there are. */
export function hasValidOperations(scriptHex: string): boolean {
  const operations = operationsOf(hexToBytes(scriptHex));
  return (
    operations?.every(({ opcode, data }) => opcode <= 0xb9 && (data?.length ?? 0) <= 520) ?? false
  );
}

/** Source: BIP-141. */
export function witnessProgram(
  script: Uint8Array,
): { readonly version: number; readonly program: Uint8Array } | undefined {
  const [opcode, length] = script;
  if (opcode === undefined || length === undefined) return undefined;
  if (opcode !== 0 && (opcode < 0x51 || opcode > 0x60)) return undefined;
  if (length < 2 || length > 40 || script.length !== length + 2) return undefined;
  return { version: opcode === 0 ? 0 : opcode - 0x50, program: script.subarray(2) };
}

interface Operation {
  readonly opcode: number;
  readonly data?: Uint8Array;
}

/** Undefined where a push reaches beyond the end. */
export function operationsOf(script: Uint8Array): readonly Operation[] | undefined {
  const operations: Operation[] = [];
  for (let at = 0; at < script.length;) {
    const opcode = script[at] ?? 0;
    const width = opcode === 0x4c ? 1 : opcode === 0x4d ? 2 : opcode === 0x4e ? 4 : 0;
    at += 1;
    if (opcode > 0x4e) {
      operations.push({ opcode });
      continue;
    }
    let length = opcode < 0x4c ? opcode : 0;
    for (let index = 0; index < width; index += 1) {
      length += (script[at + index] ?? 0) * 256 ** index;
    }
    at += width + length;
    if (at > script.length) return undefined;
    operations.push({ opcode, data: script.subarray(at - length, at) });
  }
  return operations;
}

export function isPushOnly(script: Uint8Array): boolean {
  return operationsOf(script)?.every(({ opcode }) => opcode <= 0x60) ?? false;
}

/** OP_CHECKSIG counts 1, OP_CHECKMULTISIG 20, in scripts of outputs and inputs (before BIP-16). */
export function legacySigops(script: Uint8Array): number {
  let count = 0;
  for (const { opcode } of operationsOf(script) ?? []) {
    if (opcode === 0xac || opcode === 0xad) count += 1;
    if (opcode === 0xae || opcode === 0xaf) count += 20;
  }
  return count;
}

/** Pushes bytes as the shortest form does for these lengths (below 76). */
export function push(bytes: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}

/** A number as scripts hold it, pushed by the shortest form (as BIP-34 wants of a height). */
export function pushNumber(value: number): Uint8Array {
  if (value === 0) return Uint8Array.of(0);
  if (value <= 16) return Uint8Array.of(0x50 + value);
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  if ((bytes.at(-1) ?? 0) >= 0x80) bytes.push(0);
  return push(Uint8Array.from(bytes));
}

const NAMES: Readonly<Record<number, string>> = {
  0x6a: 'OP_RETURN',
  0x76: 'OP_DUP',
  0x87: 'OP_EQUAL',
  0x88: 'OP_EQUALVERIFY',
  0xa9: 'OP_HASH160',
  0xac: 'OP_CHECKSIG',
  0xae: 'OP_CHECKMULTISIG',
};

/** As bitcoind writes a script: data in hexadecimal, up to four bytes as a number. */
export function scriptAsm(scriptHex: string): string {
  const operations = operationsOf(hexToBytes(scriptHex));
  if (operations === undefined) return '[error]';
  return operations.map(asmOf).join(' ');
}

function asmOf({ opcode, data }: Operation): string {
  if (data !== undefined) return data.length > 4 ? bytesToHex(data) : numberOf(data).toString();
  if (opcode >= 0x51 && opcode <= 0x60) return (opcode - 0x50).toString();
  if (opcode === 0x4f) return '-1';
  return NAMES[opcode] ?? `OP_${opcode.toString(16)}`;
}

function numberOf(data: Uint8Array): number {
  const last = data.at(-1) ?? 0;
  const size = data.reduce(
    (sum, byte, index) => sum + (index === data.length - 1 ? byte & 0x7f : byte) * 256 ** index,
    0,
  );
  return last >= 0x80 ? -size : size;
}

function isMultisig(script: Uint8Array): boolean {
  const operations = operationsOf(script) ?? [];
  const [first] = operations;
  const keys = operations.slice(1, -2);
  const total = operations.at(-2);
  if (first === undefined || total === undefined || operations.at(-1)?.opcode !== 0xae)
    return false;
  const [needed, given] = [first.opcode - 0x50, total.opcode - 0x50];
  return (
    needed >= 1 &&
    given >= needed &&
    given <= 3 &&
    keys.length === given &&
    keys.every(({ data }) => data?.length === 33 || data?.length === 65)
  );
}

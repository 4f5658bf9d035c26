import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { completeTransaction, parseTransaction, type TransactionFields } from '../transaction.ts';
import { createPayer, type OwnCoin, type Paid } from './payer.ts';
import { spend } from './twin-desk.ts';

/** What the odd transactions spend. */
export interface Stock {
  readonly taproot: readonly [OwnCoin, OwnCoin];
  readonly segwit: OwnCoin;
  readonly legacy: OwnCoin;
  /** To the taproot payer, a few blocks deep. */
  readonly young: OwnCoin;
  /** Of the newest block. */
  readonly height: number;
}

export const TAPROOT = createPayer('taproot', 'p2tr');
export const SEGWIT = createPayer('segwit', 'p2wpkh');
export const LEGACY = createPayer('legacy', 'p2pkh');

const NONE = new Uint8Array();

type Odd = readonly [string, (stock: Stock) => { readonly rawHex: string }];

const P2SH = `a914${'ab'.repeat(20)}87`;
const P2WSH = `0020${'ab'.repeat(32)}`;

const FEES: readonly Odd[] = [
  ['a fee below the least', ({ taproot: [a] }) => spend(TAPROOT, [a], { fee: 50n })],
  ['no fee', ({ taproot: [a] }) => spend(TAPROOT, [a], { fee: 0n })],
  ['the least fee', ({ taproot: [a] }) => spend(TAPROOT, [a], { fee: 111n })],
  ['a fee one below', ({ taproot: [a] }) => spend(TAPROOT, [a], { fee: 110n })],
  ['a fee far too high', ({ taproot: [a] }) => spend(TAPROOT, [a], { fee: 9_000_000n })],
  ['more out than in', ({ taproot: [a] }) => valued(spend(TAPROOT, [a]), a.units + 1n)],
  [
    'a coin that is not there',
    ({ taproot: [a] }) => spend(TAPROOT, [{ ...a, txid: 'cd'.repeat(32) }]),
  ],
  ['an output that is not there', ({ taproot: [a] }) => spend(TAPROOT, [{ ...a, vout: 5 }])],
  ['a young coinbase', ({ young }) => spend(TAPROOT, [young])],
];

/** Each kind of output, one satoshi below what is dust and at it. */
const DUST: readonly Odd[] = (
  [
    ['P2TR', TAPROOT.scriptHex, 330n],
    ['P2WPKH', SEGWIT.scriptHex, 294n],
    ['P2PKH', LEGACY.scriptHex, 546n],
    ['P2SH', P2SH, 540n],
    ['P2WSH', P2WSH, 330n],
    ['an anchor', '51024e73', 240n],
  ] as const
).flatMap(([kind, scriptHex, least]): readonly Odd[] => [
  [`dust to ${kind}`, ({ taproot: [a] }) => paying(a, scriptHex, least - 1n)],
  [`no dust to ${kind}`, ({ taproot: [a] }) => paying(a, scriptHex, least)],
]);

/** Bare keys and multisig are not among them: Knots refuses scripts above 34 bytes by a rule of its own. */
const SCRIPTS: readonly Odd[] = [
  ['an unknown script', '51'],
  ['an empty script', ''],
  ['a later witness version', `5220${'ab'.repeat(32)}`],
  ['a short taproot program', `5114${'ab'.repeat(20)}`],
  ['a version 0 program of another length', `0015${'ab'.repeat(21)}`],
  ['bare multisig of too many', `51${`21${SEGWIT.publicKey}`.repeat(4)}54ae`],
  ['a truncated push', '4c'],
].map(([name = '', scriptHex = '']) => [
  name,
  ({ taproot: [a] }) =>
    altered(paying(a, P2WSH, 10_000n), ({ outputs: [first, ...more] }) => ({
      outputs: first === undefined ? more : [{ ...first, scriptHex }, ...more],
    })),
]);

const DATA: readonly Odd[] = [
  ['data', ({ taproot: [a] }) => paying(a, data(80), 0n)],
  ['too much data', ({ taproot: [a] }) => paying(a, data(81), 0n)],
  ['data with value', ({ taproot: [a] }) => paying(a, data(20), 1_000n)],
  ['data twice', ({ taproot: [a] }) => spend(TAPROOT, [a], { to: twice(data(20), 0n) })],
  ['dust twice', ({ taproot: [a] }) => spend(TAPROOT, [a], { to: twice(P2WSH, 100n) })],
  [
    'dust without a fee',
    ({ taproot: [a] }) => spend(TAPROOT, [a], { fee: 0n, to: [{ scriptHex: P2WSH, units: 100n }] }),
  ],
  ['much weight', ({ taproot }) => heavy(taproot, 2_300)],
  ['too much weight', ({ taproot }) => heavy(taproot, 2_400)],
];

const TIMES: readonly Odd[] = [
  ['version 0', ({ taproot: [a] }) => spend(TAPROOT, [a], { version: 0 })],
  ['version 1', ({ taproot: [a] }) => spend(TAPROOT, [a], { version: 1 })],
  ['version 4', ({ taproot: [a] }) => spend(TAPROOT, [a], { version: 4 })],
  ['a later height', ({ taproot: [a] }) => spend(TAPROOT, [a], { lockTime: 100_000 })],
  [
    'a later height, not meant',
    ({ taproot: [a] }) => spend(TAPROOT, [a], { lockTime: 100_000, sequence: 0xffffffff }),
  ],
  ['a later time', ({ taproot: [a] }) => spend(TAPROOT, [a], { lockTime: 1_900_000_000 })],
  ['the next height', ({ taproot: [a], height }) => spend(TAPROOT, [a], { lockTime: height + 1 })],
  ['this height', ({ taproot: [a], height }) => spend(TAPROOT, [a], { lockTime: height })],
  ['many blocks', ({ taproot: [a] }) => spend(TAPROOT, [a], { sequence: 144 })],
  ['few blocks', ({ taproot: [a] }) => spend(TAPROOT, [a], { sequence: 2 })],
  ['much time', ({ taproot: [a] }) => spend(TAPROOT, [a], { sequence: (1 << 22) + 1_000 })],
  ['little time', ({ taproot: [a] }) => spend(TAPROOT, [a], { sequence: (1 << 22) + 1 })],
  [
    'many blocks, not meant in version 1',
    ({ taproot: [a] }) => spend(TAPROOT, [a], { sequence: 144, version: 1 }),
  ],
];

/** Relative locks of each length from none to one too long: blocks, and 512 seconds. */
const LOCKS: readonly Odd[] = Array.from({ length: 13 }, (_, length) => length).flatMap(
  (length): readonly Odd[] => [
    [`a lock of ${length} blocks`, ({ taproot: [a] }) => spend(TAPROOT, [a], { sequence: length })],
    [
      `a lock of ${length} times 512 seconds`,
      ({ taproot: [a] }) => spend(TAPROOT, [a], { sequence: (1 << 22) + length }),
    ],
  ],
);

const SCHNORR: readonly Odd[] = (
  [
    ['a broken signature', ([item]) => [flipped(item, 5)]],
    ['a signature of 63 bytes', ([item]) => [(item ?? NONE).slice(0, 63)]],
    ['a signature with type 0', ([item]) => [concatBytes(item ?? NONE, Uint8Array.of(0))]],
    ['a signature with type 4', ([item]) => [concatBytes(item ?? NONE, Uint8Array.of(4))]],
    ['a signature of another type', ([item]) => [concatBytes(item ?? NONE, Uint8Array.of(1))]],
    ['no witness', () => []],
    ['an annex', (items) => [...items, Uint8Array.of(0x50)]],
  ] as readonly (readonly [string, Change])[]
).map(([name, change]) => [
  `taproot: ${name}`,
  ({ taproot: [a] }) => witnessed(spend(TAPROOT, [a]), change),
]);

const ECDSA: readonly Odd[] = (
  [
    ['a broken signature', ([item = NONE, key = NONE]) => [flipped(item, 20), key]],
    ['broken DER', ([item = NONE, key = NONE]) => [flipped(item, 0), key]],
    ['an empty signature', ([, key = NONE]) => [NONE, key]],
    ['another key', ([item = NONE]) => [item, hexToBytes(LEGACY.publicKey)]],
    ['type 0', ([item = NONE, key = NONE]) => [typed(item, 0), key]],
    ['another type', ([item = NONE, key = NONE]) => [typed(item, 2), key]],
    ['a high S', ([item = NONE, key = NONE]) => [highS(item), key]],
    ['no witness', () => []],
    ['a witness of three', (items) => [...items, NONE]],
  ] as readonly (readonly [string, Change])[]
).map(([name, change]) => [
  `segwit: ${name}`,
  ({ segwit }) => witnessed(spend(SEGWIT, [segwit]), change),
]);

const TYPES: readonly Odd[] = [0x01, 0x02, 0x03, 0x81, 0x82, 0x83].flatMap(
  (hashType): readonly Odd[] => [
    [
      `taproot: signed with type ${hashType}`,
      ({ taproot }) => spend(TAPROOT, taproot, { hashType, to: twice(P2WSH, 1_000n) }),
    ],
    [
      `segwit: signed with type ${hashType}`,
      ({ segwit }) => spend(SEGWIT, [segwit], { hashType, to: twice(P2WSH, 1_000n) }),
    ],
    [
      `legacy: signed with type ${hashType}`,
      ({ legacy }) => spend(LEGACY, [legacy], { hashType, to: twice(P2WSH, 1_000n) }),
    ],
  ],
);

const SHAPES: readonly Odd[] = [
  ['the key of another', ({ taproot: [a] }) => spend(SEGWIT, [a])],
  [
    'a script beside the witness',
    ({ segwit }) => scripted(spend(SEGWIT, [segwit]), () => Uint8Array.of(0x51)),
  ],
  [
    'a witness for a script of old',
    ({ legacy }) => witnessed(spend(LEGACY, [legacy]), () => [Uint8Array.of(1)]),
  ],
  [
    'a broken signature of old',
    ({ legacy }) => scripted(spend(LEGACY, [legacy]), (script) => flipped(script, 20)),
  ],
  [
    'a script of old that does more than push',
    ({ legacy }) => scripted(spend(LEGACY, [legacy]), () => Uint8Array.of(0x76)),
  ],
  ['no outputs', ({ taproot: [a] }) => altered(spend(TAPROOT, [a]), () => ({ outputs: [] }))],
  [
    'a coin twice',
    ({ taproot: [a] }) =>
      altered(spend(TAPROOT, [a]), ({ inputs }) => ({ inputs: [...inputs, ...inputs] })),
  ],
  ['a negative value', ({ taproot: [a] }) => valued(spend(TAPROOT, [a]), -1n)],
  ['too much value', ({ taproot: [a] }) => valued(spend(TAPROOT, [a]), 2_100_000_000_000_001n)],
  [
    'too much value together',
    ({ taproot: [a] }) =>
      valued(spend(TAPROOT, [a], { to: twice(P2WSH, 1_000n) }), 1_100_000_000_000_000n),
  ],
  [
    'a spend of nothing',
    ({ taproot: [a] }) =>
      altered(spend(TAPROOT, [a]), ({ inputs }) => ({
        inputs: inputs.map((each) => ({ ...each, txid: '0'.repeat(64), vout: 0xffffffff })),
      })),
  ],
  [
    'too small',
    ({ taproot: [a] }) =>
      altered(spend(TAPROOT, [a]), () => ({ outputs: [{ scriptHex: '6a', units: 0n }] })),
  ],
];

export const ODD_TRANSACTIONS: readonly Odd[] = [
  ...FEES,
  ...DUST,
  ...SCRIPTS,
  ...DATA,
  ...TIMES,
  ...LOCKS,
  ...SCHNORR,
  ...ECDSA,
  ...TYPES,
  ...SHAPES,
];

type Change = (items: readonly Uint8Array[]) => readonly Uint8Array[];

function paying(coin: OwnCoin, scriptHex: string, units: bigint): Paid {
  return spend(TAPROOT, [coin], { to: [{ scriptHex, units }] });
}

function twice(scriptHex: string, units: bigint): readonly { scriptHex: string; units: bigint }[] {
  return [
    { scriptHex, units },
    { scriptHex, units },
  ];
}

function data(length: number): string {
  const size = length.toString(16).padStart(2, '0');
  return `6a${length < 76 ? '' : '4c'}${size}${'ab'.repeat(length)}`;
}

function heavy(coins: readonly OwnCoin[], outputs: number): Paid {
  const to = Array.from({ length: outputs }, () => ({ scriptHex: P2WSH, units: 1_000n }));
  return spend(TAPROOT, coins, { to, fee: 200_000n });
}

function altered(
  paid: Paid,
  change: (fields: TransactionFields) => Partial<TransactionFields>,
): { readonly rawHex: string } {
  const fields = parseTransaction(hexToBytes(paid.rawHex));
  return { rawHex: bytesToHex(completeTransaction({ ...fields, ...change(fields) }).raw) };
}

function witnessed(paid: Paid, change: Change): { readonly rawHex: string } {
  return altered(paid, ({ inputs }) => ({
    inputs: inputs.map((each) => ({ ...each, witness: change(each.witness) })),
  }));
}

function scripted(
  paid: Paid,
  change: (script: Uint8Array) => Uint8Array,
): { readonly rawHex: string } {
  return altered(paid, ({ inputs }) => ({
    inputs: inputs.map((each) => ({ ...each, scriptSig: change(each.scriptSig) })),
  }));
}

function valued(paid: Paid, units: bigint): { readonly rawHex: string } {
  return altered(paid, ({ outputs }) => ({ outputs: outputs.map((each) => ({ ...each, units })) }));
}

function flipped(item: Uint8Array | undefined, at: number): Uint8Array {
  return (item ?? NONE).map((byte, index) => (index === at ? byte ^ 1 : byte));
}

function typed(signature: Uint8Array, type: number): Uint8Array {
  return concatBytes(signature.slice(0, -1), Uint8Array.of(type));
}

/** The other signature that everyone can make of one (BIP-62). */
function highS(signature: Uint8Array): Uint8Array {
  const { r, s } = secp256k1.Signature.fromBytes(signature.slice(0, -1), 'der');
  const other = new secp256k1.Signature(r, secp256k1.Point.Fn.ORDER - s);
  return concatBytes(other.toBytes('der'), signature.slice(-1));
}

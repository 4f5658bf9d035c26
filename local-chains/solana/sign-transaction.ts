import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { base58 } from '@scure/base';
import { addressBytes } from './address.ts';
import type { WireTransaction } from './wire-transaction.ts';

/** A key of the chain's own: the authority of its mints, the faucet. */
export interface LocalSigner {
  readonly address: string;
  readonly sign: (bytes: Uint8Array) => Uint8Array;
}

export interface Instruction {
  readonly program: string;
  readonly accounts: readonly AccountUse[];
  readonly data: Uint8Array;
}

export interface AccountUse {
  readonly address: string;
  readonly signs?: boolean;
  readonly writable?: boolean;
}

const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** Of a secret of 32 bytes (RFC 8032). */
export function createSigner(secret: Uint8Array): LocalSigner {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, secret]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const address = base58.encode(spki.subarray(SPKI.length));
  return { address, sign: (bytes) => sign(null, bytes, key) };
}

/** The wire bytes of a legacy transaction. The first signer pays. */
export function signTransaction(parts: {
  readonly signers: readonly [LocalSigner, ...LocalSigner[]];
  readonly instructions: readonly Instruction[];
  readonly blockhash: string;
}): Uint8Array {
  const { signers, instructions, blockhash } = parts;
  const uses = collectUses(signers[0].address, instructions);
  const indexOf = (address: string): number => uses.findIndex((use) => use.address === address);
  const signing = uses.filter((use) => use.signs);
  const message = Buffer.concat([
    Uint8Array.of(
      signing.length,
      signing.filter((use) => !use.writable).length,
      uses.filter((use) => !use.signs && !use.writable).length,
    ),
    compactLength(uses.length),
    ...uses.map((use) => addressBytes(use.address)),
    addressBytes(blockhash),
    compactLength(instructions.length),
    ...instructions.flatMap(({ program, accounts, data }) => [
      Uint8Array.of(indexOf(program)),
      compactLength(accounts.length),
      Uint8Array.from(accounts, (use) => indexOf(use.address)),
      compactLength(data.length),
      data,
    ]),
  ]);
  const signatures = signing.map(({ address }) => {
    const signer = signers.find((each) => each.address === address);
    if (signer === undefined) throw new Error(`Nobody signs for ${address}.`);
    return signer.sign(message);
  });
  return Buffer.concat([compactLength(signatures.length), ...signatures, message]);
}

/** Whether each signer has signed these very bytes. */
export function hasValidSignatures(transaction: WireTransaction): boolean {
  const { signatures, keys, messageBytes } = transaction;
  return signatures.every((signature, index) => {
    const address = keys[index];
    if (address === undefined) return false;
    return verify(null, messageBytes, publicKey(address), signature);
  });
}

function publicKey(address: string): KeyObject {
  return createPublicKey({
    key: Buffer.concat([SPKI, addressBytes(address)]),
    format: 'der',
    type: 'spki',
  });
}

type Use = { address: string; signs: boolean; writable: boolean };

/** Every account once: the payer, then writable before read-only signers, then likewise the others. */
function collectUses(payer: string, instructions: readonly Instruction[]): readonly Use[] {
  const uses = new Map<string, Use>([[payer, { address: payer, signs: true, writable: true }]]);
  const add = ({ address, signs = false, writable = false }: AccountUse): void => {
    const known = uses.get(address) ?? { address, signs: false, writable: false };
    known.signs ||= signs;
    known.writable ||= writable;
    uses.set(address, known);
  };
  for (const { program, accounts } of instructions) {
    accounts.forEach(add);
    add({ address: program });
  }
  const rank = (use: Use): number => (use.signs ? 0 : 2) + (use.writable ? 0 : 1);
  return [...uses.values()].sort((left, right) => rank(left) - rank(right));
}

function compactLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x4000) return Uint8Array.of((length & 0x7f) | 0x80, length >> 7);
  throw new Error('Nothing here is that long.');
}

import { bytesToHex } from '@noble/hashes/utils.js';
import { assert, present } from '../../base/assert.ts';
import {
  limitComputeUnits,
  memo,
  openTokenAccount,
  priceComputeUnits,
  readLittleEndian,
} from './instructions.ts';
import { encodeMessage, parseMessage } from './message.ts';
import { associatedTokenAddress } from './programs.ts';

/** A transaction that opens the treasury's own token account of a mint. */
export interface ChoreMessage {
  readonly treasury: string;
  readonly mint: string;
  readonly blockhash: string;
  readonly unitLimit: bigint;
  readonly unitPrice: bigint;
  /** The slot of the blockhash, and the last height at which it can land: its memo, to be followed by. */
  readonly sinceBlock: bigint;
  readonly validUntilBlock: bigint;
}

export function encodeChoreMessage(message: ChoreMessage): Uint8Array {
  const { treasury, mint, blockhash, unitLimit, unitPrice } = message;
  const address = associatedTokenAddress(treasury, mint);
  return encodeMessage({
    feePayer: treasury,
    blockhash,
    instructions: [
      limitComputeUnits(unitLimit),
      priceComputeUnits(unitPrice),
      openTokenAccount({ payer: treasury, address, owner: treasury, mint }),
      memo(`since slot ${message.sinceBlock}, until height ${message.validUntilBlock}`),
    ],
  });
}

const MEMO = /^since slot ([0-9]{1,16}), until height ([0-9]{1,16})$/;

/** Throws an AssertionFailure where the bytes are not exactly what {@link encodeChoreMessage} makes. */
export function readChoreMessage(bytes: Uint8Array): ChoreMessage {
  const { accounts, blockhash, instructions } = parseMessage(bytes);
  const [limit, price, opening, note] = instructions;
  const text = Buffer.from(present(note, 'a chore has a memo').data).toString('utf8');
  const [, since, until] = present(MEMO.exec(text), "a chore's memo tells until when it is valid");
  const mintIndex = present(opening?.accountIndexes[3], 'a chore opens an account of a mint');
  const message: ChoreMessage = {
    treasury: present(accounts[0], 'a message has accounts'),
    mint: present(accounts[mintIndex], 'a chore opens an account of a mint'),
    blockhash,
    unitLimit: readLittleEndian(present(limit, 'a chore has a limit').data.slice(1)),
    unitPrice: readLittleEndian(present(price, 'a chore has a price').data.slice(1)),
    sinceBlock: BigInt(present(since, 'the memo has two numbers')),
    validUntilBlock: BigInt(present(until, 'the memo has two numbers')),
  };
  const isSame = bytesToHex(encodeChoreMessage(message)) === bytesToHex(bytes);
  assert(isSame, 'the message is a chore, and nothing else');
  return message;
}

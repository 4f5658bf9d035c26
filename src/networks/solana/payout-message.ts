import { bytesToHex } from '@noble/hashes/utils.js';
import { assert, present } from '../../base/assert.ts';
import {
  limitComputeUnits,
  memo,
  openTokenAccount,
  priceComputeUnits,
  readLittleEndian,
  transferChecked,
} from './instructions.ts';
import { encodeMessage, parseMessage, type Instruction, type ParsedMessage } from './message.ts';
import { associatedTokenAddress } from './programs.ts';

/** What a transaction of the treasury pays: the one form in which Knit signs payouts on Solana. */
export interface PayoutMessage {
  readonly treasury: string;
  readonly mint: string;
  readonly decimals: number;
  readonly blockhash: string;
  readonly unitLimit: bigint;
  /** In millionths of a lamport for each compute unit. */
  readonly unitPrice: bigint;
  readonly transfers: readonly PayoutTransfer[];
}

export interface PayoutTransfer {
  readonly payoutId: string;
  /** The token account that is paid. */
  readonly destination: string;
  /** Whether the payout names that account itself, and not the wallet whose account it is. */
  readonly direct: boolean;
  /** The wallet for which the account is opened first; null where it is there. */
  readonly opensFor: string | null;
  readonly units: bigint;
}

/** So that a reader of the chain alone can tell which address the payout named. */
const DIRECT_SUFFIX = ' to this token account';

/** Identifiers of payouts: nothing that could be taken for the suffix. */
const PAYOUT_ID = /^[\x21-\x7e]{1,64}$/;

export function encodePayoutMessage(message: PayoutMessage): Uint8Array {
  const { treasury, blockhash } = message;
  return encodeMessage({
    feePayer: treasury,
    blockhash,
    instructions: [
      limitComputeUnits(message.unitLimit),
      priceComputeUnits(message.unitPrice),
      ...message.transfers.flatMap((transfer) => instructionsOf(message, transfer)),
    ],
  });
}

function instructionsOf(message: PayoutMessage, transfer: PayoutTransfer): Instruction[] {
  const { treasury, mint, decimals } = message;
  const { payoutId, destination, direct, opensFor, units } = transfer;
  assert(PAYOUT_ID.test(payoutId), 'the payout has an identifier');
  assert(units > 0n, 'a transfer moves units');
  const source = associatedTokenAddress(treasury, mint);
  assert(destination !== source, 'the treasury does not pay itself');
  const opening =
    opensFor === null
      ? []
      : [openTokenAccount({ payer: treasury, address: destination, owner: opensFor, mint })];
  const authority = treasury;
  return [
    ...opening,
    transferChecked({ source, mint, destination, authority, units, decimals }),
    memo(direct ? `${payoutId}${DIRECT_SUFFIX}` : payoutId),
  ];
}

/** Where the transfers stand among a payout message's instructions, in the order of the transfers. */
export function transferIndexesOf({ transfers }: Pick<PayoutMessage, 'transfers'>): number[] {
  let next = 2;
  return transfers.map(({ opensFor }) => {
    const index = next + (opensFor === null ? 0 : 1);
    next = index + 2;
    return index;
  });
}

/**
 * Reads a payout message back. Throws an AssertionFailure where the bytes are not exactly what
 * {@link encodePayoutMessage} makes of what was read.
 */
export function readPayoutMessage(bytes: Uint8Array): PayoutMessage {
  const parsed = parseMessage(bytes);
  assert(parsed.version === 'legacy', 'a payout message is a legacy one');
  const [limit, price, ...rest] = parsed.instructions.map((_, index) =>
    instructionAt(parsed, index),
  );
  const { mint, decimals } = readTransfer(present(rest.find(isTransfer), 'a payout message pays'));
  const treasury = present(parsed.accounts[0], 'a message has accounts');
  const message: PayoutMessage = {
    treasury,
    mint,
    decimals,
    blockhash: parsed.blockhash,
    unitLimit: numberIn(limit, 1),
    unitPrice: numberIn(price, 1),
    transfers: readTransfers(rest),
  };
  const isSame = bytesToHex(encodePayoutMessage(message)) === bytesToHex(bytes);
  assert(isSame, 'the message is a payout message, and nothing else');
  return message;
}

/** An instruction with its accounts resolved. */
interface ResolvedInstruction {
  readonly accounts: readonly string[];
  readonly data: Uint8Array;
}

function instructionAt(parsed: ParsedMessage, index: number): ResolvedInstruction {
  const { accountIndexes, data } = present(parsed.instructions[index], 'the instruction is there');
  const accounts = accountIndexes.map((at) =>
    present(parsed.accounts[at], 'an instruction uses an account of the message'),
  );
  return { accounts, data };
}

/** Lengths of data are enough to tell them apart: what was mistaken does not encode to the same bytes. */
function isTransfer({ accounts, data }: ResolvedInstruction): boolean {
  return accounts.length === 4 && data.length === 10;
}

function readTransfer({ accounts, data }: ResolvedInstruction): {
  readonly mint: string;
  readonly destination: string;
  readonly units: bigint;
  readonly decimals: number;
} {
  const [, mint, destination] = accounts;
  return {
    mint: present(mint, 'a transfer names its mint'),
    destination: present(destination, 'a transfer names its destination'),
    units: readLittleEndian(data.slice(1, 9)),
    decimals: present(data[9], 'a transfer names the decimals'),
  };
}

function numberIn(instruction: ResolvedInstruction | undefined, from: number): bigint {
  return readLittleEndian(present(instruction, 'the instruction is there').data.slice(from));
}

function readTransfers(instructions: readonly ResolvedInstruction[]): PayoutTransfer[] {
  const transfers: PayoutTransfer[] = [];
  let opening: ResolvedInstruction | null = null;
  let transfer: ResolvedInstruction | null = null;
  for (const instruction of instructions) {
    if (isTransfer(instruction)) {
      transfer = instruction;
    } else if (transfer === null) {
      opening = instruction;
    } else {
      const { destination, units } = readTransfer(transfer);
      const opensFor =
        opening === null ? null : present(opening.accounts[2], 'an opened account has an owner');
      transfers.push({ ...readMemo(instruction), destination, opensFor, units });
      opening = null;
      transfer = null;
    }
  }
  assert(opening === null && transfer === null, 'a payout ends with its memo');
  return transfers;
}

function readMemo({ data }: ResolvedInstruction): Pick<PayoutTransfer, 'payoutId' | 'direct'> {
  const text = Buffer.from(data).toString('utf8');
  const direct = text.endsWith(DIRECT_SUFFIX);
  return { payoutId: direct ? text.slice(0, -DIRECT_SUFFIX.length) : text, direct };
}

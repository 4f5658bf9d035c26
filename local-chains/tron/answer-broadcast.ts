import { bytesToHex } from '@noble/hashes/utils.js';
import { headOf, homeOf, ancestorOf, pendingState } from './chain-core.ts';
import { checkAgainst, checkAlone, checkNotExpiring } from './check-transaction.ts';
import { execute } from './execute.ts';
import type { BroadcastRefusal } from './node-switches.ts';
import { NodeTrouble } from './node.ts';
import { knownPooled, tipOf } from './node-view.ts';
import {
  bytesOf,
  JavaError,
  showText,
  withoutDefaults,
  type JsonObject,
  type Question,
} from './question.ts';
import { Refusal } from './refusal.ts';
import { parseTransaction, printTransaction } from './transaction-json.ts';
import { decodeTransaction, type Transaction } from './transaction.ts';
import { WireError } from './wire.ts';

/** What a node says of a broadcast: null where it has taken it. */
type Verdict = { readonly code: BroadcastRefusal; readonly message: string } | null;

export async function answerBroadcast(question: Question): Promise<JsonObject> {
  const transaction = parseTransaction(question.body);
  const verdict = await judge(question, transaction);
  if (verdict === null) return { result: true, txid: transaction.txid };
  return {
    code: verdict.code,
    txid: transaction.txid,
    ...withoutDefaults({ message: showText(verdict.message, question.visible) }),
  };
}

/** `{transaction}`: the bytes of a signed protocol.Transaction. Answers in plain text. */
export async function answerBroadcastHex(question: Question): Promise<JsonObject> {
  const transaction = decodeOrFail(question.body['transaction']);
  const verdict = await judge(question, transaction);
  const printed = printTransaction(transaction, { visible: true, contractRet: undefined });
  return {
    result: verdict === null,
    code: verdict?.code ?? 'SUCCESS',
    message: verdict?.message ?? '',
    transaction: JSON.stringify(printed),
    txid: transaction.txid,
  };
}

async function judge(question: Question, transaction: Transaction): Promise<Verdict> {
  const { node } = question;
  const { txid } = transaction;
  if (node.switches.refuses !== null) return verdictOf(node.switches.refuses);
  if (node.switches.remembersRefused && node.refused.has(txid)) {
    return verdictOf('DUP_TRANSACTION_ERROR');
  }
  if (node.switches.losesBroadcasts) return null;
  try {
    await question.serial(async () => {
      await take(question, transaction);
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    node.refused.add(txid);
    return { code: error.code, message: error.message };
  }
  const { afterAccept } = node.switches;
  if (afterAccept === 'silent') throw new NodeTrouble('silent');
  return afterAccept === 'says so' ? null : verdictOf(afterAccept);
}

/** In java-tron's order: how much waits, what is known, the clock, the signature, the block referred to, the money. */
async function take({ core, node }: Question, transaction: Transaction): Promise<void> {
  const { txid } = transaction;
  if (core.pool.size >= core.mostPooled) throw new Refusal('SERVER_BUSY', 'Server busy.');
  const tip = tipOf(core, node, false);
  if (knownPooled(core, node, txid) !== undefined || homeOf(core, tip, txid) !== undefined) {
    throw new Refusal('DUP_TRANSACTION_ERROR', 'Dup transaction.');
  }
  const { clockAheadMs, keepsToItself } = node.switches;
  checkNotExpiring(transaction, tip.timestampMs + core.blockTimeMs + clockAheadMs);
  const call = checkAlone(transaction);
  checkAgainst(transaction, tip, (number) => ancestorOf(core, tip, number));
  const inStep = tip === headOf(core);
  const before = inStep ? await pendingState(core) : tip.state;
  const block = { number: tip.number + 1, timestampMs: tip.timestampMs };
  const done = await execute(core.machine, before, { transaction, call, block, forced: undefined });
  const onlyAt = keepsToItself ? node.name : null;
  const entry = { transaction, call, onlyAt, foreseen: done.execution };
  node.taken.set(txid, entry);
  const known = core.pool.get(txid);
  if (known !== undefined) {
    if (onlyAt === null) known.onlyAt = null;
    return;
  }
  if (homeOf(core, headOf(core), txid) !== undefined) return;
  core.pool.set(txid, entry);
  core.pending = inStep && onlyAt === null ? Promise.resolve(done.state) : core.pending;
}

function verdictOf(code: BroadcastRefusal): Verdict {
  const messages: Record<BroadcastRefusal, string> = {
    SIGERROR: 'Validate signature error: sig error',
    CONTRACT_VALIDATE_ERROR: 'Contract validate error : account does not exist',
    CONTRACT_EXE_ERROR: 'Contract execute error : unknown',
    BANDWITH_ERROR: 'Account resource insufficient error: ',
    DUP_TRANSACTION_ERROR: 'Transaction already exists.',
    TAPOS_ERROR: 'Tapos check error.',
    TOO_BIG_TRANSACTION_ERROR: 'Transaction size is too big.',
    TRANSACTION_EXPIRATION_ERROR: 'Transaction expired',
    SERVER_BUSY: 'Server busy.',
    NO_CONNECTION: 'No connection.',
    NOT_ENOUGH_EFFECTIVE_CONNECTION: 'Effective connection:0 lt minEffectiveConnection:1',
    BLOCK_UNSOLIDIFIED: 'Block unsolidified.',
    OTHER_ERROR: 'Error: null',
  };
  return { code, message: messages[code] };
}

function decodeOrFail(hex: unknown): Transaction {
  const bytes = bytesOf(hex);
  try {
    return decodeTransaction(bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new JavaError(
      'com.google.protobuf.InvalidProtocolBufferException',
      `${error.message} (${bytesToHex(bytes.subarray(0, 4))})`,
    );
  }
}

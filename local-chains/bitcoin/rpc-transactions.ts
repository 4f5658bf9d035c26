import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { Verdict } from './admit.ts';
import { BitcoinRpcError } from './bitcoin-chain.ts';
import type { Coin, StoredBlock } from './block-store.ts';
import type { Refusal } from './check-transaction.ts';
import { parseDescriptor } from './descriptor.ts';
import {
  amount,
  isDenied,
  isRecord,
  readAmount,
  readHash,
  wrongType,
  type Methods,
  type Question,
} from './question.ts';
import { renderScript, renderTransaction } from './render.ts';
import { findBlock, requireBody } from './rpc-blocks.ts';
import { hasValidOperations, isUnspendable } from './script.ts';
import { feeAt } from './standardness.ts';
import {
  outpointKey,
  parseTransaction,
  virtualSize,
  type Transaction,
  type TransactionOutput,
} from './transaction.ts';

/** What a node tells of transactions and coins, and takes. */
export const TRANSACTION_METHODS: Methods = {
  getrawtransaction: {
    names: ['txid', 'verbosity|verbose', 'blockhash'],
    answer: getRawTransaction,
  },
  decoderawtransaction: {
    names: ['hexstring', 'iswitness'],
    answer: ({ params }) => {
      const { hex, ...told } = renderTransaction(decode(params.bytes(0)));
      return hex === undefined ? {} : told;
    },
  },
  sendrawtransaction: {
    names: ['hexstring', 'maxfeerate', 'maxburnamount'],
    answer: sendRawTransaction,
  },
  testmempoolaccept: { names: ['rawtxs', 'maxfeerate'], answer: testMempoolAccept },
  gettxout: { names: ['txid', 'n', 'include_mempool'], answer: getTxOut },
  scantxoutset: { names: ['action', 'scanobjects'], answer: scanTxOutSet },
};

const DEFAULT_MAX_RATE = 10_000_000n;

function getRawTransaction(question: Question): unknown {
  const { core, params } = question;
  const txid = params.hash(0, 'parameter 1');
  const asked = params.raw(1);
  const verbosity = typeof asked === 'boolean' ? Number(asked) : params.integerOr(1, 0);
  const found = params.has(2) ? inBlock(question, txid) : inPool(question, txid);
  if (verbosity === 0) return bytesToHex(found.transaction.raw);
  const { mined } = found;
  if (mined === undefined) return renderTransaction(found.transaction);
  const { stored, coins } = mined;
  const spent = verbosity < 2 || coins === undefined ? undefined : { coins, prevouts: true };
  const told = renderTransaction(found.transaction, spent);
  const { state } = core;
  const isActive = state.isActive(stored);
  return {
    in_active_chain: isActive,
    ...told,
    blockhash: stored.block.hash,
    confirmations: isActive ? state.tip().height - stored.height + 1 : 0,
    ...(isActive ? { time: stored.block.time, blocktime: stored.block.time } : {}),
  };
}

interface Found {
  readonly transaction: Transaction;
  /** Where it is, and what it spends; of what waits neither is told. */
  readonly mined?: { readonly stored: StoredBlock; readonly coins: readonly Coin[] | undefined };
}

function inBlock(question: Question, txid: string): Found {
  let stored: StoredBlock;
  try {
    stored = findBlock(question, question.params.hash(2, 'parameter 3'));
  } catch (error) {
    if (error instanceof BitcoinRpcError && error.code === -5) {
      throw new BitcoinRpcError(-5, 'Block hash not found');
    }
    throw error;
  }
  requireBody(question, stored);
  const index = stored.block.transactions.findIndex((each) => each.txid === txid);
  const transaction = stored.block.transactions[index];
  if (transaction === undefined || isDenied(question, txid)) {
    const message =
      'No such transaction found in the provided block. Use gettransaction for wallet transactions.';
    throw new BitcoinRpcError(-5, message);
  }
  return { transaction, mined: { stored, coins: stored.spent?.[index] } };
}

function inPool(question: Question, txid: string): Found {
  const entry = isDenied(question, txid) ? undefined : question.core.pool.entry(txid);
  if (entry === undefined) {
    const message =
      'No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries. Use gettransaction for wallet transactions.';
    throw new BitcoinRpcError(-5, message);
  }
  return { transaction: entry.transaction };
}

/** Source: Bitcoin Core's BroadcastTransaction (node/transaction.cpp). */
function sendRawTransaction(question: Question): string {
  const { core, params, world, node } = question;
  const transaction = decode(params.bytes(0));
  const maxRate = params.has(1) ? readAmount(params.raw(1)) : DEFAULT_MAX_RATE;
  const maxBurn = params.has(2) ? readAmount(params.raw(2)) : 0n;
  const { txid } = transaction;
  const burns = ({ scriptHex }: TransactionOutput): boolean =>
    isUnspendable(scriptHex) || !hasValidOperations(scriptHex);
  if (transaction.outputs.some((each) => each.units > maxBurn && burns(each))) {
    const message = 'Unspendable output exceeds maximum configured by user (maxburnamount)';
    throw new BitcoinRpcError(-25, message);
  }
  const isMined = transaction.outputs.some(
    (_, vout) => core.state.coin(outpointKey({ txid, vout })) !== undefined,
  );
  if (isMined) throw new BitcoinRpcError(-27, 'Transaction outputs already in utxo set');
  const known = core.pool.entry(txid);
  if (known === undefined) {
    const verdict = core.examine(transaction);
    refuse(verdict, maxRate);
    core.offer(transaction);
    world.remember(transaction);
  }
  world.gossip(node, known?.transaction ?? transaction);
  return txid;
}

function refuse(verdict: Verdict, maxRate: bigint): void {
  if (verdict.kind === 'refused') {
    const { refusal } = verdict;
    throw new BitcoinRpcError(refusal.isMissingInputs === true ? -25 : -26, textOf(refusal));
  }
  if (isTooDear(verdict, maxRate)) {
    const message = 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)';
    throw new BitcoinRpcError(-25, message);
  }
}

function isTooDear({ entry }: Verdict & { kind: 'acceptable' }, maxRate: bigint): boolean {
  const limit = feeAt(maxRate, virtualSize(entry.transaction.weight));
  return maxRate > 0n && entry.feeUnits > limit;
}

function textOf({ reason, details }: Refusal): string {
  return details === undefined ? reason : `${reason}, ${details}`;
}

function testMempoolAccept({ core, params }: Question): unknown {
  const given = params.list(0);
  if (given.length !== 1) {
    throw new BitcoinRpcError(
      -8,
      'Array must contain 1 transaction: this local chain tests no packages.',
    );
  }
  const maxRate = params.has(1) ? readAmount(params.raw(1)) : DEFAULT_MAX_RATE;
  const [raw] = given;
  if (typeof raw !== 'string') throw wrongType(raw, 'string');
  const transaction = decode(/^([0-9a-f]{2})*$/i.test(raw) ? raw : undefined, raw);
  const { txid, wtxid } = transaction;
  const verdict = core.examine(transaction);
  if (verdict.kind === 'refused') {
    const { refusal } = verdict;
    const reason = refusal.isMissingInputs === true ? 'missing-inputs' : refusal.reason;
    const told = { txid, wtxid, allowed: false, 'reject-reason': reason };
    return [
      refusal.isMissingInputs === true ? told : { ...told, 'reject-details': textOf(refusal) },
    ];
  }
  if (isTooDear(verdict, maxRate)) {
    return [{ txid, wtxid, allowed: false, 'reject-reason': 'max-fee-exceeded' }];
  }
  const { feeUnits, vsize } = verdict.entry;
  const fees = {
    base: amount(feeUnits),
    'effective-feerate': amount((feeUnits * 1_000n) / BigInt(vsize)),
    'effective-includes': [wtxid],
  };
  return [{ txid, wtxid, allowed: true, vsize, fees }];
}

/** `shown` is for the message of testmempoolaccept. */
function decode(hex: string | undefined, shown?: string): Transaction {
  try {
    if (hex !== undefined) return parseTransaction(hexToBytes(hex));
  } catch {
    // Whatever is wrong with the bytes, the answer is the same.
  }
  const message = 'TX decode failed';
  const which = shown === undefined ? '.' : `: ${shown}`;
  throw new BitcoinRpcError(-22, `${message}${which} Make sure the tx has at least one input.`);
}

function getTxOut(question: Question): unknown {
  const { core, params } = question;
  const txid = params.hash(0, 'txid');
  const vout = params.integer(1);
  const { state, pool } = core;
  const key = outpointKey({ txid, vout });
  if (isDenied(question, txid)) return null;
  const withPool = params.flagOr(2, true);
  const spender = withPool ? pool.spenderOf(key) : undefined;
  if (spender !== undefined && !isDenied(question, spender)) return null;
  const mined = state.coin(key);
  const tip = state.tip();
  const coin = mined ?? (withPool ? pool.coin({ txid, vout }, tip.height + 1) : undefined);
  if (coin === undefined) return null;
  return {
    bestblock: tip.block.hash,
    confirmations: mined === undefined ? 0 : tip.height - coin.height + 1,
    value: amount(coin.units),
    scriptPubKey: renderScript(coin.scriptHex),
    coinbase: coin.isCoinbase,
  };
}

function scanTxOutSet(question: Question): unknown {
  const { core, params } = question;
  const action = params.text(0);
  if (action === 'status') return null;
  if (action === 'abort') return false;
  if (action !== 'start') throw new BitcoinRpcError(-8, `Invalid action '${action}'`);
  if (!params.has(1)) {
    throw new BitcoinRpcError(-1, 'scanobjects argument is required for the start action');
  }
  const { state } = core;
  const tip = state.tip();
  let total = 0n;
  const unspents = params.list(1).flatMap((each) => {
    const descriptor = parseDescriptor(descriptorText(each), 'optional');
    return [...state.keysOf(descriptor.scriptHex)].flatMap((key) => {
      const [txid = '', vout = ''] = key.split(':');
      const coin = state.coin(key);
      if (coin === undefined || isDenied(question, txid)) return [];
      total += coin.units;
      return [
        {
          txid,
          vout: Number(vout),
          scriptPubKey: coin.scriptHex,
          desc: descriptor.told,
          amount: amount(coin.units),
          coinbase: coin.isCoinbase,
          height: coin.height,
          blockhash: state.blockAt(coin.height)?.block.hash,
          confirmations: tip.height - coin.height + 1,
        },
      ];
    });
  });
  return {
    success: true,
    txouts: state.count(),
    height: tip.height,
    bestblock: tip.block.hash,
    unspents,
    total_amount: amount(total),
  };
}

function descriptorText(given: unknown): string {
  const text = isRecord(given) ? given['desc'] : given;
  if (typeof text !== 'string') throw wrongType(text, 'string');
  return text;
}

/** An outpoint as callers give it. */
export function readOutpoint(given: unknown): { readonly txid: string; readonly vout: number } {
  if (!isRecord(given)) throw wrongType(given, 'object');
  const { vout } = given;
  if (typeof vout !== 'number') throw wrongType(vout, 'number');
  if (vout < 0) throw new BitcoinRpcError(-8, 'Invalid parameter, vout cannot be negative');
  return { txid: readHash(given['txid'], 'txid'), vout };
}

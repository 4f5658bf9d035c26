import { bytesToHex } from '@noble/hashes/utils.js';
import { addressOfScript } from './address.ts';
import { BitcoinRpcError } from './bitcoin-chain.ts';
import { ancestorAt, type StoredBlock } from './block-store.ts';
import { COINBASE_MATURITY } from './check-transaction.ts';
import { withChecksum } from './descriptor.ts';
import { forkOf } from './node-core.ts';
import { amount, isDenied, type Methods, type Question } from './question.ts';
import { renderTransaction } from './render.ts';
import { findBlock } from './rpc-blocks.ts';
import { signalsItself, signalsReplacement } from './rpc-pool.ts';
import { isTrusted } from './rpc-wallet-coins.ts';
import { isCoinbase, outpointKey, type Transaction } from './transaction.ts';
import { walletOf } from './wallet-of.ts';
import {
  poolConflictsOf,
  spentUnits,
  standingOf,
  type Standing,
  type Wallet,
  type WalletTransaction,
} from './wallet.ts';

/** What a wallet has seen. */
export const WALLET_HISTORY_METHODS: Methods = {
  gettransaction: {
    names: ['txid', 'include_watchonly', 'verbose'],
    answer: getTransaction,
  },
  listsinceblock: {
    names: [
      'blockhash',
      'target_confirmations',
      'include_watchonly',
      'include_removed',
      'include_change',
      'label',
    ],
    answer: listSinceBlock,
  },
};

type Fields = Readonly<Record<string, unknown>>;

function getTransaction(question: Question): unknown {
  const { params, core } = question;
  const wallet = walletOf(question);
  const txid = params.hash(0, 'txid');
  const found = isDenied(question, txid) ? undefined : wallet.find(txid);
  if (found === undefined) {
    throw new BitcoinRpcError(-5, 'Invalid or non-wallet transaction id');
  }
  const { transaction } = found;
  const debit = spentUnits(transaction, wallet);
  const out = transaction.outputs.reduce((sum, { units }) => sum + units, 0n);
  const fee = debit > 0n ? out - debit : 0n;
  const { hex, ...decoded } = renderTransaction(transaction);
  const { block, height } = core.state.tip();
  return {
    amount: amount(ownUnits(transaction, wallet) - debit - fee),
    ...(debit > 0n ? { fee: amount(fee) } : {}),
    ...place(found, wallet, question),
    details: detailsOf(found, wallet, question),
    hex: hex ?? bytesToHex(transaction.raw),
    ...(params.flagOr(2, false) ? { decoded } : {}),
    lastprocessedblock: { hash: block.hash, height },
  };
}

function listSinceBlock(question: Question): unknown {
  const { core, params } = question;
  const wallet = walletOf(question);
  const { state } = core;
  const depth = params.integerOr(1, 1);
  if (depth < 1) throw new BitcoinRpcError(-8, 'Invalid parameter');
  const since = params.has(0) ? findBlock(question, params.hash(0, 'blockhash')) : undefined;
  const fork = since === undefined ? undefined : forkOf(state.tip(), since);
  const fromHeight = fork === undefined ? 0 : fork.height + 1;
  const entries = [...wallet.transactions()].flatMap((found) => {
    if (isDenied(question, found.transaction.txid)) return [];
    const standing = standingOf(found, wallet, core);
    if (standing.kind === 'confirmed' && standing.block.height < fromHeight) return [];
    return historyOf(found, wallet, question);
  });
  const removed = since === undefined ? [] : removedSince(since, fork, question);
  const last = ancestorAt(state.tip(), Math.max(0, state.tip().height - depth + 1));
  return { transactions: entries, removed, lastblock: last.block.hash };
}

/** What the wallet had in blocks that the node has left since. */
function removedSince(
  since: StoredBlock,
  fork: StoredBlock | undefined,
  question: Question,
): readonly Fields[] {
  const wallet = walletOf(question);
  const removed: Fields[] = [];
  for (let at: StoredBlock | undefined = since; at !== undefined && at !== fork; at = at.parent) {
    for (const { txid } of at.block.transactions) {
      const found = wallet.find(txid);
      if (found !== undefined) removed.push(...historyOf(found, wallet, question));
    }
  }
  return removed;
}

function historyOf(
  found: WalletTransaction,
  wallet: Wallet,
  question: Question,
): readonly Fields[] {
  const where = place(found, wallet, question);
  return detailsOf(found, wallet, question).map((detail) => ({ ...detail, ...where }));
}

/** Where a transaction is, as several methods tell it. */
function place(found: WalletTransaction, wallet: Wallet, question: Question): Fields {
  const { core } = question;
  const { transaction, time } = found;
  const { txid, wtxid } = transaction;
  const standing = standingOf(found, wallet, core);
  const rivals = transaction.inputs
    .flatMap((input) => wallet.spendersOf(outpointKey(input)))
    .filter((each) => each !== txid);
  return {
    ...(isCoinbase(transaction) ? { generated: true } : {}),
    ...confirmationsOf(standing, transaction, () => isTrusted(txid, wallet, core)),
    txid,
    wtxid,
    walletconflicts: [...new Set(rivals)].toSorted(),
    mempoolconflicts: standing.kind === 'idle' ? poolConflictsOf(transaction, core.pool) : [],
    time,
    timereceived: time,
    'bip125-replaceable': replaceable(standing, transaction, question),
  };
}

function confirmationsOf(
  standing: Standing,
  { txid }: Transaction,
  trusted: () => boolean,
): Fields {
  switch (standing.kind) {
    case 'confirmed': {
      const { block, height } = standing.block;
      return {
        confirmations: standing.confirmations,
        blockhash: block.hash,
        blockheight: height,
        blockindex: block.transactions.findIndex((each) => each.txid === txid),
        blocktime: block.time,
      };
    }
    case 'pooled':
      return { confirmations: 0, trusted: trusted(), in_mempool: true };
    case 'conflicted':
      return { confirmations: -standing.confirmations, trusted: false, in_mempool: false };
    case 'idle':
      return { confirmations: 0, trusted: false, in_mempool: false };
  }
}

function replaceable(
  { kind }: Standing,
  transaction: Transaction,
  { core }: Question,
): 'yes' | 'no' | 'unknown' {
  if (kind === 'confirmed') return 'no';
  if (signalsItself(transaction)) return 'yes';
  // Of what does not wait the ancestors are not known.
  if (kind !== 'pooled') return 'unknown';
  return signalsReplacement(transaction, core.pool) ? 'yes' : 'no';
}

/** What it sent, if it spends what is the wallet's, and then what it received. */
function detailsOf(
  found: WalletTransaction,
  wallet: Wallet,
  question: Question,
): readonly Fields[] {
  const { transaction } = found;
  const debit = spentUnits(transaction, wallet);
  const out = transaction.outputs.reduce((sum, { units }) => sum + units, 0n);
  const sent = debit === 0n ? [] : transaction.outputs.map((_, vout) => vout);
  const { kind } = standingOf(found, wallet, question.core);
  // What a block excludes is not received.
  const isOrphan = isCoinbase(transaction) && kind !== 'confirmed';
  const abandoned = isOrphan || wallet.isAbandoned(transaction.txid);
  const isExcluded = kind === 'conflicted';
  const received = transaction.outputs.flatMap(({ scriptHex }, vout) =>
    isExcluded || wallet.watched(scriptHex) === undefined ? [] : [vout],
  );
  const detail = (vout: number, isSent: boolean): Fields => {
    const { scriptHex = '', units = 0n } = transaction.outputs[vout] ?? {};
    const address = addressOfScript(scriptHex);
    const watched = wallet.watched(scriptHex);
    const told = {
      ...(address === undefined ? {} : { address }),
      ...(watched === undefined || isSent
        ? {}
        : { parent_descs: [withChecksum(watched.descriptor.text)] }),
      category: isSent ? 'send' : receivedAs(found, wallet, question),
      amount: amount(isSent ? -units : units),
      ...(watched === undefined ? {} : { label: watched.label }),
      vout,
    };
    return isSent ? { ...told, fee: amount(out - debit), abandoned } : { ...told, abandoned };
  };
  return [
    ...sent.map((vout) => detail(vout, true)),
    ...received.map((vout) => detail(vout, false)),
  ];
}

function receivedAs(found: WalletTransaction, wallet: Wallet, { core }: Question): string {
  if (!isCoinbase(found.transaction)) return 'receive';
  const standing = standingOf(found, wallet, core);
  if (standing.kind !== 'confirmed') return 'orphan';
  return standing.confirmations <= COINBASE_MATURITY ? 'immature' : 'generate';
}

function ownUnits(transaction: Transaction, wallet: Wallet): bigint {
  return transaction.outputs.reduce(
    (sum, { scriptHex, units }) => sum + (wallet.watched(scriptHex) === undefined ? 0n : units),
    0n,
  );
}

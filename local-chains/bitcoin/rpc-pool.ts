import { BitcoinRpcError } from './bitcoin-chain.ts';
import type { Mempool, PoolEntry } from './mempool.ts';
import { amount, isDenied, type Methods, type Question } from './question.ts';
import { readOutpoint } from './rpc-transactions.ts';
import { INCREMENTAL_RATE, MIN_RELAY_RATE } from './standardness.ts';
import { outpointKey, type Transaction } from './transaction.ts';

/** What a node tells of what waits. */
export const POOL_METHODS: Methods = {
  getmempoolinfo: { names: [], answer: getMempoolInfo },
  getrawmempool: { names: ['verbose', 'mempool_sequence'], answer: getRawMempool },
  getmempoolentry: {
    names: ['txid'],
    answer: (question) => renderEntry(entryOf(question), question.core.pool),
  },
  getmempoolancestors: {
    names: ['txid', 'verbose'],
    answer: (question) => {
      const { transaction } = entryOf(question);
      return renderMany(question, question.core.pool.ancestorsOf(transaction));
    },
  },
  getmempooldescendants: {
    names: ['txid', 'verbose'],
    answer: (question) => {
      const { txid } = entryOf(question).transaction;
      const family = new Set(question.core.pool.descendantsOf(txid));
      family.delete(txid);
      return renderMany(question, family);
    },
  },
  gettxspendingprevout: { names: ['outputs'], answer: getTxSpendingPrevout },
  estimatesmartfee: { names: ['conf_target', 'estimate_mode'], answer: estimateSmartFee },
};

/** Whether a transaction, or one that it stands on, says that it may be replaced (BIP-125). */
export function signalsReplacement(transaction: Transaction, pool: Mempool): boolean {
  if (signalsItself(transaction)) return true;
  return [...pool.ancestorsOf(transaction)].some((txid) => {
    const entry = pool.entry(txid);
    return entry !== undefined && signalsItself(entry.transaction);
  });
}

export function signalsItself({ inputs }: Transaction): boolean {
  return inputs.some(({ sequence }) => sequence < 0xfffffffe);
}

/** The lowest rate that the pool takes, in satoshis per 1,000 virtual bytes. */
export function poolMinRate(poolMinSatPerKvb: bigint): bigint {
  return poolMinSatPerKvb > MIN_RELAY_RATE ? poolMinSatPerKvb : MIN_RELAY_RATE;
}

function getMempoolInfo({ core }: Question): unknown {
  const entries = [...core.pool.entries()];
  const bytes = entries.reduce((sum, { vsize }) => sum + vsize, 0);
  return {
    loaded: true,
    size: entries.length,
    bytes,
    usage: bytes * 5,
    total_fee: amount(entries.reduce((sum, { feeUnits }) => sum + feeUnits, 0n)),
    maxmempool: 300_000_000,
    mempoolminfee: amount(poolMinRate(core.poolMinSatPerKvb)),
    minrelaytxfee: amount(MIN_RELAY_RATE),
    incrementalrelayfee: amount(INCREMENTAL_RATE),
    unbroadcastcount: 0,
    fullrbf: true,
  };
}

function getRawMempool(question: Question): unknown {
  const { core, params } = question;
  const { pool } = core;
  const shown = [...pool.entries()].filter(
    ({ transaction }) => !isDenied(question, transaction.txid),
  );
  const txids = shown.map(({ transaction }) => transaction.txid);
  if (params.flagOr(0, false)) {
    return Object.fromEntries(
      shown.map((entry, index) => [txids[index], renderEntry(entry, pool)]),
    );
  }
  return params.flagOr(1, false) ? { txids, mempool_sequence: pool.sequence() } : txids;
}

function entryOf(question: Question): PoolEntry {
  const txid = question.params.hash(0, 'txid');
  const entry = isDenied(question, txid) ? undefined : question.core.pool.entry(txid);
  if (entry === undefined) throw new BitcoinRpcError(-5, 'Transaction not in mempool');
  return entry;
}

function renderMany({ core, params }: Question, txids: ReadonlySet<string>): unknown {
  if (!params.flagOr(1, false)) return [...txids];
  const shown = [...txids].flatMap((txid) => {
    const entry = core.pool.entry(txid);
    return entry === undefined ? [] : [[txid, renderEntry(entry, core.pool)] as const];
  });
  return Object.fromEntries(shown);
}

function renderEntry(entry: PoolEntry, pool: Mempool): unknown {
  const { transaction, feeUnits } = entry;
  const { txid, wtxid } = transaction;
  const ancestors = familyOf([txid, ...pool.ancestorsOf(transaction)], pool);
  const descendants = familyOf([...pool.descendantsOf(txid)], pool);
  const parents = transaction.inputs
    .map((input) => input.txid)
    .filter((parent) => pool.entry(parent) !== undefined);
  const children = transaction.outputs.flatMap(
    (_, vout) => pool.spenderOf(outpointKey({ txid, vout })) ?? [],
  );
  return {
    vsize: entry.vsize,
    weight: transaction.weight,
    time: entry.time,
    height: entry.height,
    descendantcount: descendants.count,
    descendantsize: descendants.vsize,
    ancestorcount: ancestors.count,
    ancestorsize: ancestors.vsize,
    wtxid,
    fees: {
      base: amount(feeUnits),
      modified: amount(feeUnits),
      ancestor: amount(ancestors.feeUnits),
      descendant: amount(descendants.feeUnits),
    },
    depends: [...new Set(parents)],
    spentby: [...new Set(children)],
    'bip125-replaceable': signalsReplacement(transaction, pool),
    unbroadcast: false,
  };
}

/** Counts, virtual bytes and fees of several together. */
export function familyOf(
  txids: readonly string[],
  pool: Mempool,
): { readonly count: number; readonly vsize: number; readonly feeUnits: bigint } {
  const entries = txids.flatMap((txid) => pool.entry(txid) ?? []);
  return {
    count: entries.length,
    vsize: entries.reduce((sum, each) => sum + each.vsize, 0),
    feeUnits: entries.reduce((sum, each) => sum + each.feeUnits, 0n),
  };
}

function getTxSpendingPrevout(question: Question): unknown {
  const outputs = question.params.list(0).map(readOutpoint);
  if (outputs.length === 0) {
    throw new BitcoinRpcError(-8, 'Invalid parameter, outputs are missing');
  }
  return outputs.map(({ txid, vout }) => {
    const spender = question.core.pool.spenderOf(outpointKey({ txid, vout }));
    const isShown = spender !== undefined && !isDenied(question, spender);
    return { txid, vout, ...(isShown ? { spendingtxid: spender } : {}) };
  });
}

function estimateSmartFee({ core, params, world }: Question): unknown {
  const target = params.integer(0);
  if (target < 1 || target > 1_008) {
    const message = 'Invalid conf_target, must be between 1 and 1008';
    throw new BitcoinRpcError(-8, message);
  }
  const estimate = world.feeEstimate();
  if (estimate === null) return { errors: ['Insufficient data or no feerate found'], blocks: 0 };
  const least = poolMinRate(core.poolMinSatPerKvb);
  return { feerate: amount(estimate > least ? estimate : least), blocks: Math.max(2, target) };
}

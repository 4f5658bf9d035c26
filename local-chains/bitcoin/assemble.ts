import { concatBytes } from '@noble/hashes/utils.js';
import type { StoredBlock } from './block-store.ts';
import { mineBlock, REGTEST_BITS, type Block } from './block.ts';
import { uint32 } from './encoding.ts';
import type { Mempool, PoolEntry } from './mempool.ts';
import { push, pushNumber } from './script.ts';
import { completeTransaction, NULL_TXID, outpointKey, type Transaction } from './transaction.ts';
import { commitmentScript, MAX_BLOCK_WEIGHT, subsidyAt } from './validate-block.ts';

/** What miners leave for the header and the coinbase. */
const RESERVED_WEIGHT = 8_000;
const MAX_POOL_SIGOPS_COST = 79_600;

export interface Assembly {
  readonly parent: StoredBlock;
  readonly nowSeconds: number;
  readonly halvingBlocks: number;
  /** Tells blocks apart that would else be the same. */
  readonly extraNonce: number;
  readonly coinbaseScriptHex: string;
  /** In order. */
  readonly transactions: readonly Transaction[];
  readonly feesUnits: bigint;
}

/** A block with the work that regtest wants; that its transactions are valid is not looked at. */
export function assembleBlock(assembly: Assembly): Block {
  const { parent, transactions } = assembly;
  const height = parent.height + 1;
  const commitment = { units: 0n, scriptHex: commitmentFor(transactions) };
  const reward = {
    units: subsidyAt(height, assembly.halvingBlocks) + assembly.feesUnits,
    scriptHex: assembly.coinbaseScriptHex,
  };
  const coinbase = completeTransaction({
    version: 2,
    inputs: [
      {
        txid: NULL_TXID,
        vout: 0xffffffff,
        scriptSig: concatBytes(pushNumber(height), push(uint32(assembly.extraNonce))),
        sequence: 0xffffffff,
        witness: [new Uint8Array(32)],
      },
    ],
    outputs: [reward, commitment],
    lockTime: 0,
  });
  const header = {
    version: 0x20000000,
    parentHash: parent.block.hash,
    time: Math.max(parent.medianTime + 1, assembly.nowSeconds),
    bits: REGTEST_BITS,
  };
  return mineBlock(header, [coinbase, ...transactions]);
}

/**
 * What of a pool fits into a block, by the fee rate of each with all that it stands on; parents first.
 * Nothing of `without` (ids), nor what spends it, nor what spends the coins of `beside`.
 */
export function selectFromPool(
  pool: Mempool,
  without: ReadonlySet<string>,
  beside: readonly Transaction[],
): readonly PoolEntry[] {
  const barred = barredFrom(pool, without, beside);
  const besideIds = new Set(beside.map(({ txid }) => txid));
  let weight = RESERVED_WEIGHT + beside.reduce((sum, each) => sum + each.weight, 0);
  let sigops = 0;
  const selected = new Map<string, PoolEntry>();
  for (const { family } of rankedFamilies(pool)) {
    if (family.some(({ transaction: { txid } }) => barred.has(txid))) continue;
    const fresh = family.filter(
      ({ transaction: { txid } }) => !selected.has(txid) && !besideIds.has(txid),
    );
    const more = fresh.reduce((sum, each) => sum + each.transaction.weight, 0);
    const moreSigops = fresh.reduce((sum, each) => sum + each.sigopCost, 0);
    if (weight + more > MAX_BLOCK_WEIGHT || sigops + moreSigops > MAX_POOL_SIGOPS_COST) continue;
    weight += more;
    sigops += moreSigops;
    for (const entry of fresh) selected.set(entry.transaction.txid, entry);
  }
  return [...selected.values()];
}

interface Family {
  /** Ancestors first. */
  readonly family: readonly PoolEntry[];
  readonly feeUnits: bigint;
  readonly vsize: bigint;
}

/** The best rate first; among equals who came first. */
function rankedFamilies(pool: Mempool): readonly Family[] {
  const families = [...pool.entries()].map((entry) => {
    const family = [...inOrder(entry, pool)];
    return {
      family,
      feeUnits: family.reduce((sum, each) => sum + each.feeUnits, 0n),
      vsize: BigInt(family.reduce((sum, each) => sum + each.vsize, 0)),
    };
  });
  return families.toSorted((a, b) => {
    const difference = b.feeUnits * a.vsize - a.feeUnits * b.vsize;
    return difference > 0n ? 1 : difference < 0n ? -1 : 0;
  });
}

/** An entry after all that it stands on. */
function inOrder(entry: PoolEntry, pool: Mempool): ReadonlySet<PoolEntry> {
  const ordered = new Set<PoolEntry>();
  for (const { txid } of entry.transaction.inputs) {
    const parent = pool.entry(txid);
    if (parent === undefined) continue;
    for (const each of inOrder(parent, pool)) ordered.add(each);
  }
  return ordered.add(entry);
}

function barredFrom(
  pool: Mempool,
  without: ReadonlySet<string>,
  beside: readonly Transaction[],
): ReadonlySet<string> {
  const barred = new Set<string>();
  for (const txid of without) for (const each of pool.descendantsOf(txid)) barred.add(each);
  for (const transaction of beside) {
    for (const input of transaction.inputs) {
      const rival = pool.spenderOf(outpointKey(input));
      if (rival === undefined || rival === transaction.txid) continue;
      for (const each of pool.descendantsOf(rival)) barred.add(each);
    }
  }
  return barred;
}

/** The coinbase's own leaf is zero whatever it holds, so any will do in its place. */
function commitmentFor(transactions: readonly Transaction[]): string {
  const placeholder = completeTransaction({ version: 2, inputs: [], outputs: [], lockTime: 0 });
  return commitmentScript([placeholder, ...transactions]);
}

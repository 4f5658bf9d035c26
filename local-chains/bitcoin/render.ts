import { bytesToHex } from '@noble/hashes/utils.js';
import { addressOfScript } from './address.ts';
import { chainWork, type Coin, type StoredBlock } from './block-store.ts';
import { blockHex, headerHex } from './block.ts';
import type { Chainstate } from './chainstate.ts';
import { inferredDescriptor } from './descriptor.ts';
import { amount } from './question.ts';
import { kindOfScript, scriptAsm } from './script.ts';
import { isCoinbase, virtualSize, type Transaction } from './transaction.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What of regtest's every block is the same. */
export const DIFFICULTY = 4.656542373906925e-10;
export const TARGET = `7fffff${'0'.repeat(58)}`;
export const BITS = '207fffff';

export function renderScript(scriptHex: string): Fields {
  const address = addressOfScript(scriptHex);
  return {
    asm: scriptAsm(scriptHex),
    desc: inferredDescriptor(scriptHex),
    hex: scriptHex,
    ...(address === undefined ? {} : { address }),
    type: kindOfScript(scriptHex),
  };
}

/** With what its inputs spend, where that is told; `prevouts` shows it in full. */
export function renderTransaction(
  transaction: Transaction,
  spent?: { readonly coins: readonly Coin[]; readonly prevouts: boolean },
): Fields {
  const { txid, wtxid, version, weight, lockTime, raw } = transaction;
  return {
    txid,
    hash: wtxid,
    version,
    size: raw.length,
    vsize: virtualSize(weight),
    weight,
    locktime: lockTime,
    vin: transaction.inputs.map((_, index) =>
      renderInput(transaction, index, spent?.prevouts === true ? spent.coins[index] : undefined),
    ),
    vout: transaction.outputs.map(({ units, scriptHex }, n) => ({
      value: amount(units),
      n,
      scriptPubKey: renderScript(scriptHex),
    })),
    ...(spent === undefined || isCoinbase(transaction) ? {} : { fee: feeOf(transaction, spent) }),
    hex: bytesToHex(raw),
  };
}

/** Of getblockheader; getblock adds to it. */
export function renderHeader(stored: StoredBlock, state: Chainstate): Fields {
  const { block, height, parent } = stored;
  const isActive = state.isActive(stored);
  const next = isActive ? state.blockAt(height + 1) : undefined;
  return {
    hash: block.hash,
    confirmations: isActive ? state.tip().height - height + 1 : -1,
    height,
    version: block.version,
    versionHex: block.version.toString(16).padStart(8, '0'),
    merkleroot: block.merkleRoot,
    time: block.time,
    mediantime: stored.medianTime,
    nonce: block.nonce,
    bits: BITS,
    target: TARGET,
    difficulty: DIFFICULTY,
    chainwork: workText(stored),
    nTx: block.transactions.length,
    ...(parent === undefined ? {} : { previousblockhash: parent.block.hash }),
    ...(next === undefined ? {} : { nextblockhash: next.block.hash }),
  };
}

/** Of getblock; `keeps` leaves transactions out. Verbosity as bitcoind counts it: 0 to 3. */
export function renderBlock(
  stored: StoredBlock,
  state: Chainstate,
  how: { readonly verbosity: number; readonly keeps: (txid: string) => boolean },
): unknown {
  const { block } = stored;
  if (how.verbosity <= 0) return blockHex(block);
  const tx = block.transactions.flatMap((transaction, index): unknown[] => {
    if (!how.keeps(transaction.txid)) return [];
    if (how.verbosity === 1) return [transaction.txid];
    // Of a block that was never connected it is not known what it spends.
    const coins = stored.spent?.[index];
    if (coins === undefined) return [renderTransaction(transaction)];
    return [renderTransaction(transaction, { coins, prevouts: how.verbosity >= 3 })];
  });
  const { strippedSize: strippedsize, size, weight } = block;
  return { ...renderHeader(stored, state), strippedsize, size, weight, tx };
}

export function renderHeaderHex(stored: StoredBlock): string {
  return headerHex(stored.block);
}

export function workText(stored: StoredBlock): string {
  return chainWork(stored).toString(16).padStart(64, '0');
}

function renderInput(transaction: Transaction, index: number, coin: Coin | undefined): Fields {
  const input = transaction.inputs[index];
  if (input === undefined) return {};
  const { txid, vout, sequence } = input;
  const witness = input.witness.map((item) => bytesToHex(item));
  const txinwitness = witness.length === 0 ? {} : { txinwitness: witness };
  const hex = bytesToHex(input.scriptSig);
  if (isCoinbase(transaction)) return { coinbase: hex, ...txinwitness, sequence };
  return {
    txid,
    vout,
    scriptSig: { asm: scriptSigAsm(hex), hex },
    ...txinwitness,
    ...(coin === undefined ? {} : { prevout: renderPrevout(coin) }),
    sequence,
  };
}

function renderPrevout(coin: Coin): Fields {
  return {
    generated: coin.isCoinbase,
    height: coin.height,
    value: amount(coin.units),
    scriptPubKey: renderScript(coin.scriptHex),
  };
}

const HASH_TYPES: Readonly<Record<string, string>> = {
  '01': 'ALL',
  '02': 'NONE',
  '03': 'SINGLE',
  '81': 'ALL|ANYONECANPAY',
  '82': 'NONE|ANYONECANPAY',
  '83': 'SINGLE|ANYONECANPAY',
};

/** In the scripts of inputs, bitcoind tells the type of hash of what looks like a signature. */
function scriptSigAsm(scriptHex: string): string {
  return scriptAsm(scriptHex)
    .split(' ')
    .map((part) => {
      const type = HASH_TYPES[part.slice(-2)];
      const looksSigned = /^30[0-9a-f]{130,146}$/.test(part);
      return looksSigned && type !== undefined ? `${part.slice(0, -2)}[${type}]` : part;
    })
    .join(' ');
}

function feeOf(transaction: Transaction, { coins }: { readonly coins: readonly Coin[] }): object {
  const given = coins.reduce((sum, { units }) => sum + units, 0n);
  return amount(transaction.outputs.reduce((rest, { units }) => rest - units, given));
}

import { hexToBytes } from '@noble/hashes/utils.js';
import type { Coin, StoredBlock } from './block-store.ts';
import { ancestorAt } from './block-store.ts';
import { legacySigops } from './script.ts';
import { isCoinbase, isNullOutpoint, outpointKey, type Transaction } from './transaction.ts';

/** Satoshis: all the bitcoins that there can be. */
const MAX_MONEY = 2_100_000_000_000_000n;
export const COINBASE_MATURITY = 100;

/** bitcoind's name of what is wrong, and more about it. */
export interface Refusal {
  readonly reason: string;
  readonly details?: string;
  /** An input is not there: another node may know it. */
  readonly isMissingInputs?: boolean;
}

/** What is wrong with a transaction by itself (consensus). */
export function transactionProblem(transaction: Transaction): string | undefined {
  const { inputs, outputs } = transaction;
  if (inputs.length === 0) return 'bad-txns-vin-empty';
  if (outputs.length === 0) return 'bad-txns-vout-empty';
  if (transaction.strippedSize * 4 > 4_000_000) return 'bad-txns-oversize';
  let total = 0n;
  for (const { units } of outputs) {
    if (units < 0n) return 'bad-txns-vout-negative';
    if (units > MAX_MONEY) return 'bad-txns-vout-toolarge';
    total += units;
    if (total > MAX_MONEY) return 'bad-txns-txouttotal-toolarge';
  }
  if (new Set(inputs.map(outpointKey)).size !== inputs.length) return 'bad-txns-inputs-duplicate';
  if (isCoinbase(transaction)) {
    const length = inputs[0]?.scriptSig.length ?? 0;
    return length < 2 || length > 100 ? 'bad-cb-length' : undefined;
  }
  return inputs.some(isNullOutpoint) ? 'bad-txns-prevout-null' : undefined;
}

/** What is wrong with what it spends in a block of this height, or the fee that it pays (consensus). */
export function spendProblem(
  transaction: Transaction,
  coins: readonly Coin[],
  height: number,
): Refusal | { readonly feeUnits: bigint } {
  let given = 0n;
  for (const coin of coins) {
    const depth = height - coin.height;
    if (coin.isCoinbase && depth < COINBASE_MATURITY) {
      return {
        reason: 'bad-txns-premature-spend-of-coinbase',
        details: `tried to spend coinbase at depth ${depth}`,
      };
    }
    given += coin.units;
  }
  const taken = transaction.outputs.reduce((sum, { units }) => sum + units, 0n);
  if (given < taken) {
    return {
      reason: 'bad-txns-in-belowout',
      details: `value in (${moneyText(given)}) < value out (${moneyText(taken)})`,
    };
  }
  return { feeUnits: given - taken };
}

/** Whether its lock time has passed for a block of this height after `parent` (BIP-113). */
export function isFinal(transaction: Transaction, parent: StoredBlock): boolean {
  const { lockTime, inputs } = transaction;
  const limit = lockTime < 500_000_000 ? parent.height + 1 : parent.medianTime;
  return lockTime < limit || inputs.every(({ sequence }) => sequence === 0xffffffff);
}

/** Whether the relative lock times of its inputs have passed for the block after `parent` (BIP-68). */
export function areSequencesPast(
  transaction: Transaction,
  coins: readonly Coin[],
  parent: StoredBlock,
): boolean {
  if (transaction.version < 2) return true;
  return transaction.inputs.every(({ sequence }, index) => {
    const coin = coins[index];
    if (coin === undefined || sequence >= 0x8000_0000) return true;
    const value = sequence & 0xffff;
    if ((sequence & (1 << 22)) === 0) return coin.height + value <= parent.height + 1;
    const since = ancestorAt(parent, Math.max(coin.height - 1, 0)).medianTime;
    return since + value * 512 <= parent.medianTime;
  });
}

/** Source: BIP-141: four for each operation in plain scripts, one for each P2WPKH input. */
export function sigopCost(transaction: Transaction, coins: readonly Coin[]): number {
  const plain =
    transaction.inputs.reduce((sum, { scriptSig }) => sum + legacySigops(scriptSig), 0) +
    transaction.outputs.reduce(
      (sum, { scriptHex }) => sum + legacySigops(hexToBytes(scriptHex)),
      0,
    );
  return plain * 4 + coins.filter(({ scriptHex }) => /^0014.{40}$/.test(scriptHex)).length;
}

/** "1.00000000" */
export function bitcoins(units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(9, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -8)}.${digits.slice(-8)}`;
}

/** As {@link bitcoins}, without the zeros at its end beyond two decimals: as bitcoind's messages have it. */
export function moneyText(units: bigint): string {
  return bitcoins(units).replace(/(\.\d\d\d*?)0+$/, '$1');
}

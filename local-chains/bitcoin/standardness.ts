import { hexToBytes } from '@noble/hashes/utils.js';
import type { Coin } from './block-store.ts';
import type { Refusal } from './check-transaction.ts';
import { isPushOnly, isUnspendable, kindOfScript, witnessProgram } from './script.ts';
import { outputBytes, type Transaction, type TransactionOutput } from './transaction.ts';

/** Satoshis per 1,000 virtual bytes. */
export const MIN_RELAY_RATE = 1_000n;
export const INCREMENTAL_RATE = 1_000n;
const DUST_RATE = 3_000n;
const MAX_STANDARD_WEIGHT = 400_000;
const MAX_SCRIPT_SIG = 1_650;
const MAX_DATA_SCRIPT = 83;
/** What a single operation that checks a signature weighs at least, in virtual bytes. */
const BYTES_PER_SIGOP = 20;
export const MAX_STANDARD_SIGOPS_COST = 16_000;

/** What relay refuses in a transaction by itself. */
export function standardProblem(transaction: Transaction): Refusal | undefined {
  const { version, weight, inputs, outputs } = transaction;
  if (version !== 1 && version !== 2) return { reason: 'version' };
  if (weight > MAX_STANDARD_WEIGHT) return { reason: 'tx-size' };
  for (const { scriptSig } of inputs) {
    if (scriptSig.length > MAX_SCRIPT_SIG) return { reason: 'scriptsig-size' };
    if (!isPushOnly(scriptSig)) return { reason: 'scriptsig-not-pushonly' };
  }
  if (!outputs.every(({ scriptHex }) => isStandardScript(scriptHex))) {
    return { reason: 'scriptpubkey' };
  }
  if (outputs.filter(isDust).length > 1) return { reason: 'dust' };
  const data = outputs.filter(({ scriptHex }) => kindOfScript(scriptHex) === 'nulldata');
  if (data.length > 1) return { reason: 'multi-op-return' };
  return transaction.strippedSize < 65 ? { reason: 'tx-size-small' } : undefined;
}

/** What relay refuses in how coins are spent. */
export function inputsProblem(
  transaction: Transaction,
  coins: readonly Coin[],
): Refusal | undefined {
  for (const [index, { scriptHex }] of coins.entries()) {
    const kind = kindOfScript(scriptHex);
    if (kind === 'nonstandard' || kind === 'witness_unknown' || kind === 'nulldata') {
      return { reason: 'bad-txns-nonstandard-inputs' };
    }
    const witness = transaction.inputs[index]?.witness ?? [];
    const hasProgram = witnessProgram(hexToBytes(scriptHex)) !== undefined;
    const hasAnnex = witness.length > 1 && witness.at(-1)?.[0] === 0x50;
    const isOdd = !hasProgram || (kind === 'witness_v1_taproot' && hasAnnex);
    if (witness.length > 0 && isOdd) return { reason: 'bad-witness-nonstandard' };
  }
  return undefined;
}

/** Whether spending it would cost a third of what it holds: 294 for P2WPKH, 330 for P2TR, 546 for P2PKH. */
export function isDust(output: TransactionOutput): boolean {
  return output.units < dustThreshold(output);
}

export function dustThreshold(output: TransactionOutput): bigint {
  if (isUnspendable(output.scriptHex)) return 0n;
  const isWitness = witnessProgram(hexToBytes(output.scriptHex)) !== undefined;
  const spend = isWitness ? 32 + 4 + 1 + 26 + 4 : 32 + 4 + 1 + 107 + 4;
  return feeAt(DUST_RATE, outputBytes(output).length + spend);
}

/** Satoshis, rounded up. */
export function feeAt(satPerKvb: bigint, vbytes: number): bigint {
  return (satPerKvb * BigInt(vbytes) + 999n) / 1_000n;
}

/** Virtual bytes as relay counts them. */
export function policySize(weight: number, sigopCost: number): number {
  return Math.ceil(Math.max(weight, sigopCost * BYTES_PER_SIGOP) / 4);
}

/** Null where the fee will do for relay. */
export function feeProblem(fee: {
  readonly units: bigint;
  readonly vsize: number;
  readonly poolMinSatPerKvb: bigint;
}): Refusal | null {
  const poolMin = feeAt(fee.poolMinSatPerKvb, fee.vsize);
  if (fee.units < poolMin) {
    return { reason: 'mempool min fee not met', details: `${fee.units} < ${poolMin}` };
  }
  const relayMin = feeAt(MIN_RELAY_RATE, fee.vsize);
  if (fee.units >= relayMin) return null;
  return { reason: 'min relay fee not met', details: `${fee.units} < ${relayMin}` };
}

/** "0.00001000 BTC/kvB": the rate that a fee amounts to, rounded down. */
export function rateText(feeUnits: bigint, vsize: number): string {
  const rate = (feeUnits * 1_000n) / BigInt(vsize);
  const digits = rate.toString().padStart(9, '0');
  return `${digits.slice(0, -8)}.${digits.slice(-8)} BTC/kvB`;
}

function isStandardScript(scriptHex: string): boolean {
  switch (kindOfScript(scriptHex)) {
    case 'nonstandard':
      return false;
    case 'nulldata':
      return scriptHex.length / 2 <= MAX_DATA_SCRIPT;
    case 'pubkey':
    case 'pubkeyhash':
    case 'scripthash':
    case 'multisig':
    case 'anchor':
    case 'witness_v0_keyhash':
    case 'witness_v0_scripthash':
    case 'witness_v1_taproot':
    case 'witness_unknown':
      return true;
  }
}

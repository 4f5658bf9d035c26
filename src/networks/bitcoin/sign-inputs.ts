import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { equalBytes } from '@noble/curves/utils.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { SigHash, Transaction as SighashTransaction } from '@scure/btc-signer';
import { assert, present } from '../../base/assert.ts';
import { parseOutpoint, sumOfCoins, type Coin } from './coin.ts';
import { dustLimit } from './script.ts';
import {
  readTransaction,
  REPLACEABLE,
  signedBytes,
  VERSION,
  type Output,
  type Transaction,
} from './transaction.ts';
import type { TreasuryKey } from './treasury-key.ts';
import { STANDARD_WEIGHT } from './weight.ts';

/** What is to be signed: which coins go, where they go to, and what the miners may get of them. */
export interface Payment {
  /** In their order in the transaction. */
  readonly coins: readonly Coin[];
  /** In their order in the transaction, change included. */
  readonly outputs: readonly Output[];
  readonly mostFeeUnits: bigint;
}

export interface SignedPayment {
  readonly transaction: Transaction;
  readonly rawTransaction: Uint8Array;
  readonly feeUnits: bigint;
}

/**
 * Signs every input. First all that can be wrong without a signature is checked, so that nothing wrong is
 * ever signed; then the bytes are read back and each signature is verified. The digests commit to the units
 * of every coin (BIP-143, BIP-341), so a node that lies about them gets a transaction that nobody takes.
 */
export async function signPayment(key: TreasuryKey, payment: Payment): Promise<SignedPayment> {
  const { coins, outputs } = payment;
  checkBeforeSigning(payment);
  const digests = digestsOf(key, payment);
  const witnesses: Uint8Array[][] = [];
  for (const digest of digests) witnesses.push(await witnessOf(key, digest));
  const spends = coins.map(({ outpoint }) => outpoint);
  const rawTransaction = signedBytes({ spends, outputs }, witnesses);
  const transaction = readTransaction(rawTransaction);
  checkSigned(key, transaction, { payment, digests });
  return { transaction, rawTransaction, feeUnits: feeOf(payment) };
}

/** What the coins hold beyond the outputs. */
function feeOf({ coins, outputs }: Pick<Payment, 'coins' | 'outputs'>): bigint {
  return sumOfCoins(coins) - outputs.reduce((sum, { units }) => sum + units, 0n);
}

function checkBeforeSigning(payment: Payment): void {
  const { coins, outputs } = payment;
  assert(coins.length > 0 && outputs.length > 0, 'a transaction has inputs and outputs');
  const spends = coins.map(({ outpoint }) => outpoint);
  assert(new Set(spends).size === spends.length, 'a coin is spent once');
  assert(
    coins.every(({ units }) => units > 0n),
    'a coin holds something',
  );
  for (const { units, script } of outputs) assert(units >= dustLimit(script), 'an output is dust');
  const feeUnits = feeOf(payment);
  assert(feeUnits > 0n, 'the coins pay for the outputs and a fee');
  assert(feeUnits <= payment.mostFeeUnits, 'the fee is higher than was meant');
}

/** What each input's signature commits to. */
function digestsOf(key: TreasuryKey, { coins, outputs }: Payment): readonly Uint8Array[] {
  const script = hexToBytes(key.script);
  const transaction = new SighashTransaction({ version: VERSION });
  for (const { outpoint, units } of coins) {
    const { txid, vout } = parseOutpoint(outpoint);
    const witnessUtxo = { script, amount: units };
    transaction.addInput({ txid, index: vout, sequence: REPLACEABLE, witnessUtxo });
  }
  for (const output of outputs) {
    transaction.addOutput({ script: hexToBytes(output.script), amount: output.units });
  }
  const scripts = coins.map(() => script);
  const amounts = coins.map(({ units }) => units);
  return coins.map(({ units }, index) =>
    key.kind === 'p2tr'
      ? transaction.preimageWitnessV1(index, scripts, SigHash.DEFAULT, amounts)
      : transaction.preimageWitnessV0(index, keyHashScript(key), SigHash.ALL, units),
  );
}

/** The script that a P2WPKH signature commits to: that of P2PKH (BIP-143). */
function keyHashScript({ script }: TreasuryKey): Uint8Array {
  return hexToBytes(`76a914${script.slice(4)}88ac`);
}

async function witnessOf(key: TreasuryKey, digest: Uint8Array): Promise<Uint8Array[]> {
  const signature = await key.signer.sign(digest);
  if (key.kind === 'p2tr') {
    assert(signature.length === 64, 'a BIP-340 signature has 64 bytes');
    return [signature];
  }
  assert(signature.length === 65, 'an ECDSA signature has 65 bytes');
  const compact = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact');
  return [Uint8Array.of(...compact.toBytes('der'), SigHash.ALL), key.publicKey];
}

/** The bytes say what was meant, and nothing else; and every signature is good. */
function checkSigned(
  key: TreasuryKey,
  said: Transaction,
  meant: { readonly payment: Payment; readonly digests: readonly Uint8Array[] },
): void {
  const { payment, digests } = meant;
  const { coins, outputs } = payment;
  assert(said.version === VERSION && said.lockTime === 0, 'the frame is another');
  assert(said.spends.length === coins.length, 'the inputs are others');
  for (const [index, { outpoint }] of coins.entries()) {
    assert(said.spends[index] === outpoint, 'the inputs are others');
    assert(said.sequences[index] === REPLACEABLE, 'an input cannot be replaced');
    const digest = present(digests[index], 'each input has a digest');
    assert(isGood(key, said.witnesses[index] ?? [], digest), 'a signature is wrong');
  }
  assert(said.outputs.length === outputs.length, 'the outputs are others');
  for (const [index, { units, script }] of outputs.entries()) {
    const output = said.outputs[index];
    assert(output?.units === units && output.script === script, 'the outputs are others');
  }
  assert(said.weight <= STANDARD_WEIGHT, 'the transaction is heavier than nodes relay');
}

function isGood(key: TreasuryKey, witness: readonly Uint8Array[], digest: Uint8Array): boolean {
  const [signature, publicKey, ...rest] = witness;
  if (signature === undefined || rest.length > 0) return false;
  if (key.kind === 'p2tr') {
    return publicKey === undefined && schnorr.verify(signature, digest, key.publicKey);
  }
  if (publicKey === undefined || !equalBytes(publicKey, key.publicKey)) return false;
  const der = signature.subarray(0, -1);
  const options = { prehash: false, lowS: true, format: 'der' } as const;
  return signature.at(-1) === SigHash.ALL && secp256k1.verify(der, digest, publicKey, options);
}

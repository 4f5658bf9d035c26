import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { p2pkh, p2tr, p2wpkh, Transaction } from '@scure/btc-signer';
import type { Outpoint } from '../bitcoin-chain.ts';

/** A key and its script; it signs by a library that the chain has no part of. */
export interface Payer {
  readonly kind: PayerKind;
  readonly scriptHex: string;
  /** Compressed, in hexadecimal. */
  readonly publicKey: string;
  /** Of a taproot key, in hexadecimal. */
  readonly internalKey: string;
  pay(payment: Payment): Paid;
}

export type PayerKind = 'p2tr' | 'p2wpkh' | 'p2pkh';

export interface OwnCoin extends Outpoint {
  readonly units: bigint;
  /** The whole transaction, which P2PKH wants. */
  readonly rawHex?: string;
}

export interface Payment {
  readonly coins: readonly OwnCoin[];
  readonly outputs: readonly { readonly scriptHex: string; readonly units: bigint }[];
  readonly sequence?: number;
  readonly lockTime?: number;
  readonly version?: number;
  readonly hashType?: number;
}

export interface Paid {
  readonly txid: string;
  readonly rawHex: string;
  readonly vbytes: number;
}

export function createPayer(seed: string, kind: PayerKind): Payer {
  const secret = sha256(new TextEncoder().encode(seed));
  const publicKey = secp256k1.getPublicKey(secret, true);
  const internalKey = schnorr.getPublicKey(secret);
  const script = scriptOf(kind, publicKey, internalKey);
  return {
    kind,
    scriptHex: bytesToHex(script),
    publicKey: bytesToHex(publicKey),
    internalKey: bytesToHex(internalKey),
    pay(payment) {
      const transaction = new Transaction({
        version: payment.version ?? 2,
        lockTime: payment.lockTime ?? 0,
        allowUnknownVersion: true,
        allowUnknownOutputs: true,
        disableScriptCheck: true,
      });
      const { hashType } = payment;
      for (const coin of payment.coins) {
        transaction.addInput({
          txid: coin.txid,
          index: coin.vout,
          sequence: payment.sequence ?? 0xfffffffd,
          ...(coin.rawHex === undefined
            ? { witnessUtxo: { script, amount: coin.units } }
            : { nonWitnessUtxo: hexToBytes(coin.rawHex) }),
          ...(kind === 'p2tr' ? { tapInternalKey: internalKey } : {}),
          ...(hashType === undefined ? {} : { sighashType: hashType }),
        });
      }
      for (const { scriptHex, units } of payment.outputs) {
        transaction.addOutput({ script: hexToBytes(scriptHex), amount: units });
      }
      transaction.sign(secret, hashType === undefined ? undefined : [hashType]);
      transaction.finalize();
      return { txid: transaction.id, rawHex: transaction.hex, vbytes: transaction.vsize };
    },
  };
}

function scriptOf(kind: PayerKind, publicKey: Uint8Array, internalKey: Uint8Array): Uint8Array {
  switch (kind) {
    case 'p2tr':
      return p2tr(internalKey).script;
    case 'p2wpkh':
      return p2wpkh(publicKey).script;
    case 'p2pkh':
      return p2pkh(publicKey).script;
  }
}

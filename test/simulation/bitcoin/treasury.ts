import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { p2tr, p2wpkh, Transaction } from '@scure/btc-signer';
import { taprootTweakPrivKey } from '@scure/btc-signer/utils.js';
import type { Signer } from '../../../src/networks/signer.ts';
import { createSimulatedSigner, simulatedSecret } from '../simulated-signer.ts';

/** The treasury's key, and what a person does with it by hand. */
export interface Treasury {
  readonly signer: Signer;
  readonly scriptHex: string;
  /** Spends one coin back to the treasury. Gives the bytes in hex. */
  readonly spendToItself: (coin: SpentCoin, feeUnits: bigint) => string;
}

export interface SpentCoin {
  readonly txid: string;
  readonly vout: number;
  readonly units: bigint;
}

export function createTreasury(kind: 'p2tr' | 'p2wpkh'): Treasury {
  const secret = simulatedSecret(0);
  const own =
    kind === 'p2tr' ? p2tr(schnorr.getPublicKey(secret)) : p2wpkh(secp256k1.getPublicKey(secret));
  const { script } = own;
  return {
    signer: kind === 'p2tr' ? createTaprootSigner(secret) : createSimulatedSigner(0),
    scriptHex: Buffer.from(script).toString('hex'),
    spendToItself: ({ txid, vout, units }, feeUnits) => {
      const transaction = new Transaction();
      transaction.addInput({
        txid,
        index: vout,
        witnessUtxo: { script, amount: units },
        sequence: 0xff_ff_ff_fd,
        ...(kind === 'p2tr' && { tapInternalKey: schnorr.getPublicKey(secret) }),
      });
      transaction.addOutput({ script, amount: units - feeUnits });
      transaction.sign(secret);
      transaction.finalize();
      return transaction.hex;
    },
  };
}

/** BIP-86: the output's key commits to no scripts. */
function createTaprootSigner(secret: Uint8Array): Signer {
  const tweaked = taprootTweakPrivKey(secret);
  return {
    curve: 'bip340',
    publicKey: schnorr.getPublicKey(tweaked),
    sign: async (digest) =>
      await Promise.resolve(schnorr.sign(digest, tweaked, new Uint8Array(32))),
  };
}

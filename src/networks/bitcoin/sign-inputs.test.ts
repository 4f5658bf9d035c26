import { Address, NETWORK, p2tr, p2wpkh, Transaction } from '@scure/btc-signer';
import { hexToBytes } from '@noble/hashes/utils.js';
import { pubSchnorr, pubECDSA } from '@scure/btc-signer/utils.js';
import { describe, expect, it } from 'vitest';
import { ecdsaSigner, secretOf, taprootSigner } from '../../../test/harness/bitcoin-keys.ts';
import type { Signer } from '../signer.ts';
import type { Coin } from './coin.ts';
import { scriptOfAddress } from './script.ts';
import { signPayment, type Payment } from './sign-inputs.ts';
import { readTransaction } from './transaction.ts';
import { treasuryKeyOf } from './treasury-key.ts';
import { frameWeight, INPUT_WEIGHT, outputWeight } from './weight.ts';

const signers = { p2tr: taprootSigner, p2wpkh: ecdsaSigner };
const RECIPIENT = scriptOfAddress('bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4');

function coinsOf(count: number, units = 100_000n): Coin[] {
  return Array.from({ length: count }, (_, index) => ({
    outpoint: `${(index + 1).toString(16).padStart(64, 'a')}:${index}`,
    units,
  }));
}

function paymentOf(change: Partial<Payment> = {}): Payment {
  return {
    coins: coinsOf(2),
    outputs: [
      { units: 150_000n, script: RECIPIENT },
      { units: 48_000n, script: RECIPIENT },
    ],
    mostFeeUnits: 2_000n,
    ...change,
  };
}

describe.each(['p2tr', 'p2wpkh'] as const)('signPayment of a %s treasury', (kind) => {
  const key = treasuryKeyOf(signers[kind]('treasury'));

  it('has the address that the library gives its key', () => {
    const secret = secretOf('treasury');
    const own = kind === 'p2tr' ? p2tr(pubSchnorr(secret)) : p2wpkh(pubECDSA(secret, true));
    expect(key.address).toBe(own.address);
    expect(scriptOfAddress(key.address)).toBe(key.script);
  });

  it('makes the bytes that the library makes of the same key', async () => {
    const { rawTransaction } = await signPayment(key, paymentOf());
    const theirs = new Transaction({ version: 2 });
    const secret = secretOf('treasury');
    for (const { outpoint, units } of paymentOf().coins) {
      const [txid = '', index] = outpoint.split(':');
      theirs.addInput({
        txid,
        index: Number(index),
        sequence: 0xfffffffd,
        witnessUtxo: { script: hexToBytes(key.script), amount: units },
        ...(kind === 'p2tr' ? { tapInternalKey: pubSchnorr(secret) } : {}),
      });
    }
    for (const { units, script } of paymentOf().outputs) {
      theirs.addOutput({ amount: units, script: hexToBytes(script) });
    }
    theirs.sign(secret, undefined, new Uint8Array(32));
    theirs.finalize();
    expect(theirs.id).toBe(readTransaction(rawTransaction).txid);
    expect(theirs.toBytes(true, true)).toEqual(rawTransaction);
  });

  it('weighs what was foreseen, or a little less', async () => {
    for (const inputs of [1, 3, 252, 253]) {
      const outputs = Array.from({ length: 2 }, () => ({ units: 1_000n, script: RECIPIENT }));
      const payment = { coins: coinsOf(inputs), outputs, mostFeeUnits: 10n ** 12n };
      const { transaction } = await signPayment(key, payment);
      const foreseen = frameWeight(inputs, 2) + inputs * INPUT_WEIGHT[kind] + 2 * outputWeight(22);
      expect(transaction.weight).toBeLessThanOrEqual(foreseen);
      // An ECDSA signature is one or two bytes shorter half of the time.
      const spare = kind === 'p2tr' ? 0 : 2 * inputs;
      expect(transaction.weight).toBeGreaterThanOrEqual(foreseen - spare);
    }
  });

  const wrong: readonly [string, Partial<Payment>, string][] = [
    ['a fee above what was meant', { mostFeeUnits: 1_999n }, 'the fee is higher than was meant'],
    ['outputs beyond the coins', { coins: coinsOf(1) }, 'the coins pay for the outputs and a fee'],
    ['no fee', { coins: coinsOf(2, 99_000n) }, 'the coins pay for the outputs and a fee'],
    [
      'dust',
      {
        outputs: [
          { units: 198_500n, script: RECIPIENT },
          { units: 293n, script: RECIPIENT },
        ],
      },
      'an output is dust',
    ],
    ['a coin twice', { coins: [...coinsOf(1), ...coinsOf(1)] }, 'a coin is spent once'],
    ['no output', { outputs: [] }, 'a transaction has inputs and outputs'],
  ];
  it.each(wrong)('refuses %s', async (_, change, message) => {
    await expect(signPayment(key, paymentOf(change))).rejects.toThrow(message);
  });

  it('gives no bytes away whose signature is not good', async () => {
    const other = signers[kind]('another');
    const signer: Signer = { ...key.signer, sign: async (digest) => await other.sign(digest) };
    const broken = { ...key, signer };
    await expect(signPayment(broken, paymentOf())).rejects.toThrow('a signature is wrong');
  });

  it('commits to what the coins hold', async () => {
    const first = await signPayment(key, paymentOf());
    const lied = await signPayment(
      key,
      paymentOf({ coins: coinsOf(2, 100_001n), mostFeeUnits: 9_000n }),
    );
    expect(lied.transaction.txid).toBe(first.transaction.txid);
    expect(lied.transaction.witnesses).not.toEqual(first.transaction.witnesses);
  });
});

describe('treasuryKeyOf', () => {
  it('derives the first address of the BIP-86 and BIP-84 test vectors', () => {
    // Their output key and public key; source: BIP-86 and BIP-84, "Account 0, first receiving address".
    const sign: Signer['sign'] = async (digest) => await taprootSigner('none').sign(digest);
    const taproot = hexToBytes('a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c');
    expect(treasuryKeyOf({ curve: 'bip340', publicKey: taproot, sign }).address).toBe(
      'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr',
    );
    const publicKey = hexToBytes(
      '0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c',
    );
    expect(treasuryKeyOf({ curve: 'secp256k1', publicKey, sign }).address).toBe(
      'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu',
    );
  });

  it('takes no ed25519 key', () => {
    const signer = { ...taprootSigner('none'), curve: 'ed25519' as const };
    expect(() => treasuryKeyOf(signer)).toThrow('Bitcoin has no ed25519 keys');
  });

  it('writes the address as the library does', () => {
    const { address } = treasuryKeyOf(taprootSigner('treasury'));
    expect(Address(NETWORK).decode(address).type).toBe('tr');
  });
});

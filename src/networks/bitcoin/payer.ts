import { systemClock, type Clock } from '../../base/clock.ts';
import { silentLog, type Log } from '../../base/log.ts';
import { systemRandom, type Random } from '../../base/random.ts';
import type { Signer } from '../signer.ts';
import { STANDARD_FEES, type FeePolicy } from './fees.ts';
import { STANDARD_CONFIRMATIONS } from './finality.ts';
import { connectNodes, type BitcoinConnection, type BitcoinPool } from './nodes.ts';
import { treasuryKeyOf, type TreasuryKey } from './treasury-key.ts';
import { createWallets, type Wallets } from './wallet.ts';

export interface PayerOptions extends BitcoinConnection {
  /** The treasury's: BIP-340 for a P2TR address, secp256k1 for a P2WPKH one. */
  readonly signer: Signer;
  /** How deep a block has to lie to be final. Default: 6. */
  readonly confirmations?: number;
  readonly fees?: FeePolicy;
  readonly random?: Random;
}

/** What pays on Bitcoin: one key with its coins, and the nodes that tell of them. */
export interface Payer {
  readonly pool: BitcoinPool;
  readonly key: TreasuryKey;
  readonly wallets: Wallets;
  readonly fees: FeePolicy;
  readonly confirmations: number;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
}

export function createPayer(options: PayerOptions): Payer {
  const { clock = systemClock, log = silentLog, random = systemRandom } = options;
  const { confirmations = STANDARD_CONFIRMATIONS, fees = STANDARD_FEES } = options;
  if (!Number.isSafeInteger(confirmations) || confirmations < 1) {
    throw new RangeError('confirmations are a whole number from 1 on');
  }
  const key = treasuryKeyOf(options.signer);
  const wallets = createWallets(key, clock);
  const pool = connectNodes({ ...options, clock, log });
  return { pool, key, wallets, fees, confirmations, random, clock, log };
}

/**
 * So many own transactions may wait for a block at once. More would not pay more: payouts share the next one,
 * and each needs a coin that is final.
 */
export const WAITING_TRANSACTIONS = 4;

/**
 * 300 outputs are 9.5 thousand virtual bytes, a tenth of what nodes relay. A payout is 31.5 of them, and
 * would be 31.1 in a full transaction of 3,200, which could be replaced only at ten times the price.
 */
export const ORDERS_PER_ATTEMPT = 300;

/** An input takes 7 ms to sign and to check. */
export const MOST_INPUTS = 200;

import { assert } from '../../base/assert.ts';
import { systemClock, type Clock } from '../../base/clock.ts';
import type { Signer } from '../signer.ts';
import { addressOfPublicKey, base58Address, type HexAddress } from './hex-address.ts';
import { connectNodes, type TronConnection, type TronPool } from './nodes.ts';

/** Who pays on Tron, and by which rules. */
export interface PayerOptions extends TronConnection {
  /** Of the treasury, on secp256k1. */
  readonly signer: Signer;
  /** Default: the system's. Block times are doubted by it. */
  readonly clock?: Clock;
  /** How long after the newest block a transaction may enter one. Default: {@link LIFETIME_SECONDS}. */
  readonly lifetimeSeconds?: bigint;
  /** The highest fee limit that is signed for. Default: {@link FEE_CEILING_SUN}. */
  readonly feeCeilingSun?: bigint;
}

/** What inspecting, signing and upkeep share. */
export interface Payer {
  readonly pool: TronPool;
  readonly clock: Clock;
  readonly lifetimeSeconds: bigint;
  readonly feeCeilingSun: bigint;
  /** The account that holds the tokens and the coins. */
  readonly treasury: HexAddress;
  readonly signer: Signer;
}

/**
 * Thirty blocks: enough for a node that is busy to be asked again, and for the transaction to wait out a few
 * full blocks; short enough for one that was lost to be signed anew soon. Its death is proven about a minute
 * after its expiration, when a block as late is solidified.
 */
export const LIFETIME_SECONDS = 90n;

/**
 * 50 TRX, three times the limit of a transfer to a recipient who has never had USDT at 100 sun per energy
 * (130,285 energy with a quarter of headroom: 16.3 TRX). A limit is no price: only what is used is burned.
 */
export const FEE_CEILING_SUN = 50_000_000n;

export function createPayer(options: PayerOptions): Payer {
  const { signer } = options;
  assert(signer.curve === 'secp256k1', 'Tron is signed for on secp256k1');
  return {
    pool: connectNodes(options),
    clock: options.clock ?? systemClock,
    lifetimeSeconds: options.lifetimeSeconds ?? LIFETIME_SECONDS,
    feeCeilingSun: options.feeCeilingSun ?? FEE_CEILING_SUN,
    treasury: addressOfPublicKey(signer.publicKey),
    signer,
  };
}

/** For people and for settlement. */
export function treasuryAddress({ treasury }: Pick<Payer, 'treasury'>): string {
  return base58Address(treasury);
}

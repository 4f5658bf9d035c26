import { AssertionFailure, assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import type { DriverLimits, NetworkDriver } from '../network.ts';
import { broadcast } from './broadcast.ts';
import { headOf, holdsBlock, unitsAt } from './chain-state.ts';
import { inspectOrders } from './inspect-orders.ts';
import { culpritsOf } from './judge-transaction.ts';
import { createMovements } from './movements.ts';
import { createPayer, type PayerOptions } from './payer.ts';
import { createReaderOver } from './reader.ts';
import { signAttempt } from './sign-attempt.ts';
import { signChore } from './sign-chore.ts';
import { trackChore } from './track.ts';
import { findUpkeep } from './upkeep.ts';
import { verifyAssets } from './verify-assets.ts';

export interface SolanaDriverOptions extends PayerOptions {
  readonly assets: readonly Asset[];
  /** As {@link DriverLimits} has it. Default: what the slowest of mainnet's days would ask for. */
  readonly validForMs?: number;
}

/**
 * Ten payouts to token accounts that are there fill 1,232 bytes, six to ones that are opened
 * (docs/decisions/0017-solana.md).
 */
const ORDERS_PER_ATTEMPT = 10;

const WAITING_TRANSACTIONS = 64;

/** 151 blocks take 60 to 90 seconds; at 1.6 seconds a block, four minutes. */
const VALID_FOR_MS = 240_000;

/**
 * What the settlement worker needs of Solana. The treasury's key signs transactions that stand alone: each
 * lands before its blockhash expires, or never.
 */
export function createSolanaDriver(options: SolanaDriverOptions): NetworkDriver {
  const { network, assets, validForMs = VALID_FOR_MS } = options;
  const payer = createPayer(options);
  const { pool, treasury } = payer;
  const reader = createReaderOver(pool, network);
  const limits: DriverLimits = {
    ordersPerAttempt: ORDERS_PER_ATTEMPT,
    waitingTransactions: WAITING_TRANSACTIONS,
    validForMs,
  };
  return {
    ...reader,
    async status(attempt) {
      const sighting = await reader.status(attempt);
      const culprits = sighting.kind === 'final' ? culpritsOf(sighting.fates) : [];
      for (const payoutId of culprits) payer.suspects.add(payoutId);
      return sighting;
    },
    replaces: false,
    limits,
    treasury,
    gasAccounts: [],
    verifyAssets: async () => {
      await verifyAssets(pool, { network, assets });
    },
    inspect: async (orders, known) => await inspectOrders(payer, orders, known.unitsOnTheWay),
    sign: async (order) => await signAttempt(payer, order),
    carry: async () => await neverAsked('nothing else carries an attempt'),
    replace: async () => await neverAsked('a transaction is not replaced: it expires'),
    sequences: async () => await neverAsked('no sender has a count of transactions'),
    broadcast: async (rawTransaction) => await broadcast(pool, rawTransaction),
    track: async (transaction) => await trackChore(pool, transaction),
    upkeep: async () => await findUpkeep(payer, assets),
    signChore: async (chore, lane) => await signChore(payer, chore, lane),
    head: async () => await headOf(pool),
    holds: async (block) => await holdsBlock(pool, block),
    movements: createMovements(payer),
    async unitsAt(asset, blockNumber) {
      assert(asset.network === network, `the asset is not of ${network}`);
      return await unitsAt(pool, { asset, treasury, slot: blockNumber });
    },
  };
}

async function neverAsked(why: string): Promise<never> {
  return await Promise.reject(new AssertionFailure(`on Solana ${why}`));
}

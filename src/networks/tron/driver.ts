import { AssertionFailure } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import type { NetworkDriver } from '../network.ts';
import { broadcast } from './broadcast.ts';
import { headOf, holdsBlock } from './chain-state.ts';
import { findUpkeep } from './find-upkeep.ts';
import { inspectOrders, WAITING_TRANSACTIONS } from './inspect-orders.ts';
import { createMovements } from './movements.ts';
import { createPayer, treasuryAddress, type PayerOptions } from './payer.ts';
import { createReaderOver } from './reader.ts';
import { MOST_APART_MS, signAttempt } from './sign-attempt.ts';
import { unitsAt } from './units-at.ts';
import { verifyAssets } from './verify-assets.ts';

export interface TronDriverOptions extends PayerOptions {
  readonly assets: readonly Asset[];
}

/**
 * What the settlement worker needs of Tron. The treasury sends each transfer itself; a transaction pays one
 * payout, is sent again as it is, and expires. There is nothing to replace, to carry or to set up.
 */
export function createTronDriver(options: TronDriverOptions): NetworkDriver {
  const payer = createPayer(options);
  const { pool } = payer;
  return {
    ...createReaderOver(pool),
    treasury: treasuryAddress(payer),
    gasAccounts: [],
    replaces: false,
    limits: {
      ordersPerAttempt: 1,
      waitingTransactions: WAITING_TRANSACTIONS,
      validForMs: Number(payer.lifetimeSeconds) * 1_000 + MOST_APART_MS,
    },
    verifyAssets: async () => {
      await verifyAssets(pool, options.assets);
    },
    inspect: async (orders, known) => await inspectOrders(payer, orders, known),
    sign: async (order) => await signAttempt(payer, order),
    broadcast: async (rawTransaction) => await broadcast(pool, rawTransaction),
    upkeep: async () => await findUpkeep(payer),
    head: async () => await headOf(pool),
    holds: async (block) => await holdsBlock(pool, block),
    movements: createMovements(payer),
    unitsAt: async (asset, blockNumber) => await unitsAt(payer, { asset, blockNumber }),
    carry: async () => await neverAsked('an attempt is its own transaction'),
    replace: async () => await neverAsked('a transaction cannot be replaced'),
    track: async () => await neverAsked('there are no chores to track'),
    signChore: async () => await neverAsked('there are no chores'),
    sequences: async () => await neverAsked('the chain counts no transactions of a sender'),
  };
}

async function neverAsked(because: string): Promise<never> {
  return await Promise.reject(new AssertionFailure(`on Tron ${because}`));
}

import { AssertionFailure, assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { hearQuorum } from '../nodes/hear-quorum.ts';
import type { NetworkDriver } from '../network.ts';
import { broadcast } from './broadcast.ts';
import { headOf, holdsBlock, unitsAt } from './chain-state.ts';
import { findUpkeep, signChore } from './consolidate.ts';
import { inspectOrders } from './inspect-orders.ts';
import { createMovements } from './movements.ts';
import {
  createPayer,
  ORDERS_PER_ATTEMPT,
  WAITING_TRANSACTIONS,
  type PayerOptions,
} from './payer.ts';
import { createReaderOver } from './reader.ts';
import { signAttempt } from './sign-attempt.ts';
import { signReplacement } from './sign-replacement.ts';
import { trackTransaction } from './track.ts';
import { verifyAssets } from './verify-assets.ts';

export interface BitcoinDriverOptions extends PayerOptions {
  readonly assets: readonly Asset[];
}

/** What the settlement worker needs of Bitcoin. Every transaction spends coins of the treasury's one address. */
export function createBitcoinDriver(options: BitcoinDriverOptions): NetworkDriver {
  const payer = createPayer(options);
  const { pool, key, wallets } = payer;
  return {
    ...createReaderOver(pool, payer),
    treasury: key.address,
    gasAccounts: [],
    replaces: true,
    limits: {
      ordersPerAttempt: ORDERS_PER_ATTEMPT,
      waitingTransactions: WAITING_TRANSACTIONS,
      // A transaction never expires; one that no record explains is seen while it waits.
      validForMs: null,
    },
    async verifyAssets() {
      await verifyAssets(pool, options.assets);
      await hearQuorum(pool, async (node) => {
        await wallets.of(node).prepare();
      });
    },
    inspect: async (orders, known) => await inspectOrders(payer, orders, known),
    sign: async (order) => await signAttempt(payer, order),
    carry: async () => await Promise.reject(new AssertionFailure(NOT_ASKED)),
    async replace(transaction, by, known) {
      assert(by === 'itself', 'a transaction that pays nobody would spend coins for nothing');
      return await signReplacement(payer, transaction, known.taken);
    },
    broadcast: async (rawTransaction) => await broadcast(pool, rawTransaction),
    track: async (transaction) => await trackTransaction(payer, transaction),
    sequences: async () => await Promise.reject(new AssertionFailure(NOT_ASKED)),
    upkeep: async ({ taken }) => await findUpkeep(payer, taken),
    signChore: async (chore, lane) => await signChore(payer, chore, lane),
    head: async () => await headOf(payer),
    holds: async (block) => await holdsBlock(pool, block),
    movements: createMovements(payer),
    unitsAt: async (asset, blockNumber) => await unitsAt(payer, asset, blockNumber),
  };
}

const NOT_ASKED = 'on Bitcoin each transaction stands alone';

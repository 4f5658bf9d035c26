import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import type { DriverLimits, NetworkDriver } from '../network.ts';
import { broadcast } from './broadcast.ts';
import { headOf, holdsBlock, sequencesOf, unitsAt } from './chain-state.ts';
import { inspectOrders } from './inspect-batch.ts';
import { findUpkeep } from './install.ts';
import { createMovements } from './movements.ts';
import { createPayer, type PayerOptions } from './payer.ts';
import { createReaderOver } from './reader.ts';
import { carryAttempt, replaceTransaction, signAttempt } from './sign-attempt.ts';
import { signChore } from './sign-chore.ts';
import { trackTransaction } from './track.ts';
import { verifyAssets } from './verify-assets.ts';

export interface EvmDriverOptions extends PayerOptions {
  readonly assets: readonly Asset[];
}

/** What an account may have in a node's pool is settlement's setting; a batch is sized by its gas. */
const LIMITS: DriverLimits = {
  ordersPerAttempt: 1_000,
  waitingTransactions: 16,
  // What was signed shows in the accounts' counts.
  validForMs: null,
};

/**
 * What the settlement worker needs of Ethereum, Polygon or BSC. The treasury's key signs batches
 * (contracts/Treasury.sol), which the gas accounts carry to the chain.
 */
export function createEvmDriver(options: EvmDriverOptions): NetworkDriver {
  const { network } = options;
  const payer = createPayer(options);
  const { pool } = payer;
  const assertAsset = (asset: Asset): void => {
    assert(asset.network === network, `the asset is not of ${network}`);
  };
  return {
    ...createReaderOver(pool, options),
    replaces: true,
    limits: LIMITS,
    treasury: payer.treasury.address,
    gasAccounts: payer.gasAccounts.map(({ address }) => address),
    verifyAssets: async () => {
      await verifyAssets(pool, options);
    },
    inspect: async (orders, known) => await inspectOrders(payer, orders, known.unitsOnTheWay),
    sign: async (order) => await signAttempt(payer, order),
    carry: async (attempt, lane) => await carryAttempt(payer, attempt, lane),
    replace: async (transaction, by) => await replaceTransaction(payer, transaction, by),
    broadcast: async (rawTransaction) => await broadcast(pool, rawTransaction),
    track: async (transaction) => await trackTransaction(pool, transaction),
    sequences: async (sender) => await sequencesOf(pool, sender),
    upkeep: async () => await findUpkeep(payer),
    signChore: async (chore, lane) => await signChore(payer, chore, lane),
    head: async () => await headOf(pool),
    holds: async (block) => await holdsBlock(pool, block),
    movements: createMovements(payer),
    async unitsAt(asset, blockNumber) {
      assertAsset(asset);
      return await unitsAt(pool, { asset, owner: payer.place.treasury, blockNumber });
    },
  };
}

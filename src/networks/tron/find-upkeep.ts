import type { Upkeep } from '../network.ts';
import { feeLimitFor, mostBurned, showTrx, withHeadroom } from './fees.ts';
import { treasuryAddress, type Payer } from './payer.ts';
import { SigningPostponed } from '../network.ts';

/** Of USDT to a recipient who has never had it, its penalty included. Measured on the main network. */
export const FRESH_TRANSFER_ENERGY = 130_285n;

/** Below the cost of so many such transfers a person is told. */
export const FEW_TRANSFERS = 50n;

/** Tron needs no chores: the treasury sends by itself. Only its coins for fees are to be looked after. */
export async function findUpkeep(payer: Payer): Promise<Upkeep> {
  const { pool, treasury, feeCeilingSun } = payer;
  const address = treasuryAddress(payer);
  const alarms = await pool.onOne(async (node) => {
    const [sun, own, prices] = await Promise.all([
      node.balance(treasury),
      node.resources(treasury),
      node.prices(),
    ]);
    if (sun === null) {
      return [`the treasury account ${address} is not active: it has never been sent TRX`];
    }
    const found: string[] = [];
    const energy = FRESH_TRANSFER_ENERGY;
    if (mostBurned(FEW_TRANSFERS, { energy, prices, own }) > sun) {
      const perTransfer = mostBurned(1n, {
        energy,
        prices,
        own: { freeEnergy: 0n, stakedBytes: 0n, dailyBytes: 0n },
      });
      const transfers = own.freeEnergy / energy + sun / perTransfer;
      const held = `${showTrx(sun)} and ${own.freeEnergy} energy`;
      found.push(
        `the treasury account ${address} holds ${held}, enough for about ${transfers} payouts`,
      );
    }
    const tooDear = feeProblem(() => feeLimitFor(withHeadroom(energy), prices, feeCeilingSun));
    return tooDear === null ? found : [...found, tooDear];
  });
  return { chores: [], alarms };
}

function feeProblem(quote: () => bigint): string | null {
  try {
    quote();
    return null;
  } catch (error) {
    if (!(error instanceof SigningPostponed)) throw error;
    return `fees on TRON_MAINNET: ${error.message}`;
  }
}

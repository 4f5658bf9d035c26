import { expect } from 'vitest';
import { differences } from './differences.ts';
import { startTwin, type Twin } from './knots-twin.ts';
import type { OwnCoin, Paid, Payer, Payment } from './payer.ts';

/** A twin, and what the tests do with it over and over. */
export interface Desk {
  readonly twin: Twin;
  /** Asks both, and demands that they say the same. What ours said: `{ result }` or `{ error }`. */
  agree(method: string, params: readonly unknown[], wallet?: string): Promise<unknown>;
  /** A new coin, one block deep. */
  coin(payer: Payer, units: bigint): Promise<OwnCoin>;
  /** A block ten minutes later, for both. */
  mine(): Promise<void>;
}

export async function openDesk(): Promise<Desk> {
  const twin = await startTwin();
  await twin.share();
  const mine = async (): Promise<void> => {
    await twin.pass(600);
    twin.chain.produceBlock();
    await twin.share();
  };
  return {
    twin,
    mine,
    async agree(method, params, wallet) {
      const { ours, real } = await twin.ask(method, params, wallet);
      const asked = `${method} ${JSON.stringify(params).slice(0, 200)}`;
      expect(differences(ours, real), asked).toEqual([]);
      return ours;
    },
    async coin(payer, units) {
      const { txid, vout } = twin.chain.fund(payer.scriptHex, units);
      await mine();
      const rawHex = twin.chain.rawOf(txid) ?? '';
      return { txid, vout, units, ...(payer.kind === 'p2pkh' ? { rawHex } : {}) };
    },
  };
}

export interface Spend extends Partial<Payment> {
  /** Default 1,000 satoshis. */
  readonly fee?: bigint;
  readonly to?: Payment['outputs'];
}

/** Spends coins; what is left goes back. */
export function spend(payer: Payer, coins: readonly OwnCoin[], more: Spend = {}): Paid {
  const total = coins.reduce((sum, { units }) => sum + units, 0n);
  const { fee = 1_000n, to = [] } = more;
  const given = to.reduce((sum, { units }) => sum + units, 0n);
  const change = { scriptHex: payer.scriptHex, units: total - given - fee };
  return payer.pay({ ...more, coins, outputs: [...to, ...(change.units > 0n ? [change] : [])] });
}

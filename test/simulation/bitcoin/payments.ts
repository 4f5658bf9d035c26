import { addressOfScript } from '../../../src/networks/bitcoin/script.ts';
import type { BitcoinChain } from '../../../local-chains/bitcoin/bitcoin-chain.ts';
import { parseTransaction, type Transaction } from '../../../local-chains/bitcoin/transaction.ts';
import { inPlaces } from '../payees-by-transaction.ts';
import type { Payment } from '../simulated-network.ts';
import type { SpentCoin } from './treasury.ts';

/** What the treasury's transactions do, by the blocks themselves. */
export interface Payments {
  readonly since: (height: number) => readonly Payment[];
  /** Of the treasury that a transaction spends; empty of all others. */
  readonly coinsSpentBy: (txid: string) => readonly SpentCoin[];
}

export function createPayments(chain: BitcoinChain, scriptHex: string): Payments {
  const parsed = new Map<string, Transaction>();
  const read = (txid: string): Transaction | null => {
    const known = parsed.get(txid);
    const raw = known === undefined ? chain.rawOf(txid) : null;
    if (raw === null) return known ?? null;
    const transaction = parseTransaction(Uint8Array.from(Buffer.from(raw, 'hex')));
    parsed.set(txid, transaction);
    return transaction;
  };
  const coinsSpentBy = (txid: string): SpentCoin[] =>
    (read(txid)?.inputs ?? []).flatMap((input) => {
      const output = read(input.txid)?.outputs[input.vout];
      if (output?.scriptHex !== scriptHex) return [];
      return [{ txid: input.txid, vout: input.vout, units: output.units }];
    });
  const paidIn = (height: number): Omit<Payment, 'place'>[] => {
    const block = chain.truth.blockAt(height);
    if (block === null) return [];
    const reference = { number: BigInt(height), hash: block.hash };
    const own = block.txids.slice(1).filter((txid) => coinsSpentBy(txid).length > 0);
    return own.flatMap((txid) =>
      (read(txid)?.outputs ?? [])
        .filter((output) => output.scriptHex !== scriptHex)
        .map(({ units, scriptHex: paid }) => ({
          token: 'BTC' as const,
          units,
          recipients: [addressOfScript(paid) ?? paid],
          transactionHash: txid,
          block: reference,
        })),
    );
  };
  return {
    coinsSpentBy,
    since: (height) => {
      const count = Math.max(0, chain.truth.tip().height - height + 1);
      return inPlaces(Array.from({ length: count }, (_, index) => height + index).flatMap(paidIn));
    },
  };
}

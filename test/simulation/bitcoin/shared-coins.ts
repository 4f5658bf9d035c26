import type { Database } from '../../../src/database/database.ts';
import { outpointKey, parseTransaction } from '../../../local-chains/bitcoin/transaction.ts';
import type { SentTransaction } from '../simulated-network.ts';

/** A coin that is signed for twice can be spent once: the other attempt would wait for a death that proves nothing. */
export async function findSharedCoins(db: Database, sent: SentTransaction): Promise<string[]> {
  const open = await db.query<{ hash: string; sequence: bigint; raw: Uint8Array }>(
    `SELECT transaction_hash AS hash, sequence, raw_transaction AS raw FROM settlement_transactions
     WHERE state = 'OPEN' ORDER BY sequence, transaction_hash`,
  );
  const own = open.find(({ hash }) => hash === sent.transactionHash);
  if (own === undefined) return [];
  const coins = new Set(coinsOf(sent.raw));
  return open
    .filter(({ sequence }) => sequence !== own.sequence)
    .filter(({ raw }) => coinsOf(raw).some((coin) => coins.has(coin)))
    .map(({ hash }) => `spends a coin that ${hash} of another open attempt spends`);
}

function coinsOf(raw: Uint8Array): string[] {
  return parseTransaction(Uint8Array.from(raw)).inputs.map((input) => outpointKey(input));
}

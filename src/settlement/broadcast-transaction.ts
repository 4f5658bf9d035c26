import type { NetworkDriver } from '../networks/network.ts';
import { noteBroadcast, type RecordedTransaction } from './internal/transaction-store.ts';
import type { Settlement } from './settlement.ts';

/**
 * Sends the recorded bytes, for the first time or again. Whatever the node answers is noted and
 * decides nothing: the transaction is followed until its sequence is taken for good.
 */
export async function broadcastTransaction(
  settlement: Pick<Settlement, 'database' | 'clock' | 'log'> & {
    readonly driver: Pick<NetworkDriver, 'broadcast'>;
  },
  transaction: RecordedTransaction,
): Promise<void> {
  const { database, clock, log, driver } = settlement;
  const answer = await driver.broadcast(transaction.rawTransaction);
  const said = answer.kind === 'accepted' ? 'sent' : `sent; the node said: ${answer.reason}`;
  const fields = { transactionHash: transaction.transactionHash };
  // Bytes that are sent again are known to most nodes, which is no news.
  if (answer.kind === 'accepted' || transaction.broadcastCount > 0) log.debug(fields, said);
  else log.warn(fields, said);
  await noteBroadcast(database, transaction, { answer: said, at: clock.now() });
}

import { later } from '../base/clock.ts';
import type { NetworkDriver } from '../networks/network.ts';
import { noteBroadcast, type RecordedAttempt } from './internal/attempt-store.ts';
import type { Settlement } from './settlement.ts';

/**
 * Sends the recorded bytes, for the first time or again. Whatever the node answers is noted and
 * decides nothing: the attempt is followed until it is final or dead.
 */
export async function broadcastAttempt(
  settlement: Pick<Settlement, 'database' | 'clock' | 'log' | 'pace'>,
  sender: Pick<NetworkDriver, 'broadcast'>,
  attempt: RecordedAttempt,
): Promise<void> {
  const { database, clock, log, pace } = settlement;
  const answer = await sender.broadcast(attempt.rawTransaction);
  const said = answer.kind === 'accepted' ? 'sent' : `sent; the node said: ${answer.reason}`;
  const fields = { transactionHash: attempt.transactionHash };
  // Bytes that are sent again are known to most nodes, which is no news.
  if (answer.kind === 'accepted' || attempt.broadcastCount > 0) log.debug(fields, said);
  else log.warn(fields, said);
  const at = clock.now();
  await noteBroadcast(database, attempt, {
    answer: said.slice(0, 500),
    nextCheckAt: later(at, pace.checkEveryMs),
    at,
  });
}

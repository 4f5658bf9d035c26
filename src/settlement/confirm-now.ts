import type { Payout } from '../payouts/payout.ts';
import { followAttempt, type Follower } from './confirm-payouts.ts';
import { findOpenAttempts } from './internal/attempt-store.ts';
import { findOrder } from './internal/order-store.ts';
import { settlePayout } from './settle-payout.ts';
import type { Settlement } from './settlement.ts';

/**
 * Asks the chain about one payout now and records what is proven, through the same functions as the
 * worker. Sends nothing and needs no key. Gives up waiting after `withinMs`; never throws: whoever
 * asks reads the payout afterwards, whatever became of the asking.
 */
export async function confirmNow(
  follower: Follower & Pick<Settlement, 'ids'>,
  payout: Payout,
  withinMs: number,
): Promise<void> {
  const { clock, log } = follower;
  const deadline = new AbortController();
  const asking = ask(follower, payout).catch((error: unknown) => {
    log.warn({ err: error, payoutId: payout.payoutId }, 'the chain could not be asked');
  });
  await Promise.race([asking, clock.sleep(withinMs, deadline.signal)]);
  deadline.abort();
}

async function ask(follower: Follower & Pick<Settlement, 'ids'>, payout: Payout): Promise<void> {
  const { database } = follower;
  const { network, payoutId } = payout;
  if (payout.status === 'COMPLETED' || payout.status === 'FAILED') return;
  for (const attempt of await findOpenAttempts(database, network, payoutId)) {
    await followAttempt(follower, attempt);
  }
  const order = await findOrder(database, network, payoutId);
  if (order !== undefined) await settlePayout(follower, order);
}

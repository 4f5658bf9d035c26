import { createIdSource } from '../../src/base/id.ts';
import { resumeNetwork } from '../../src/settlement/network-state.ts';
import { acceptCause, findStopCauses } from '../../src/settlement/stop-causes.ts';
import type { WorkerPlace } from './worker.ts';

/**
 * A person looks at what has stopped, and lets go on what is right again, as
 * docs/runbooks/signing-has-stopped.md says. Where no node was believed wrongly, no chain was broken and nobody
 * has used the treasury's key, nothing may have stopped.
 */
export async function lookAround(
  place: WorkerPlace,
  seen: { readonly mayMislead: boolean; readonly hasDeepReorg: boolean },
): Promise<void> {
  if (seen.hasDeepReorg) return;
  if (place.chain.madeByHand().length > 0) await answerForHands(place);
  if (seen.mayMislead) await resumeWhatIsRight(place);
}

/** The block that was missed is there again, or the books of the treasury agree with the chain again. */
async function resumeWhatIsRight({ real, chain, scheduler, faults }: WorkerPlace): Promise<void> {
  const { network } = chain;
  const [row] = await real.query<{ stopped_for: string }>(
    `SELECT stopped_for FROM settlement_networks
     WHERE network = $1 AND denied_hash IS NULL AND NOT EXISTS (
       SELECT 1 FROM settlement_reconciliations
       WHERE network = $1 AND difference_units <> 0)
       AND (stopped_for LIKE 'block %' OR stopped_for LIKE 'the payer holds %')`,
    [network],
  );
  if (row === undefined) return;
  const at = new Date(scheduler.now());
  await resumeNetwork(real, { network, stoppedFor: row.stopped_for, at });
  faults.count('network-resumed');
}

/** Whoever has used the key by hand says so, and that it has paid nobody. */
async function answerForHands(place: WorkerPlace): Promise<void> {
  const { real, chain, scheduler, faults, random } = place;
  const { network } = chain;
  const known = chain.madeByHand();
  const [row] = await real.query<{ stopped_for: string }>(
    'SELECT stopped_for FROM settlement_networks WHERE network = $1 AND stopped_for IS NOT NULL',
    [network],
  );
  if (row === undefined || !known.some((hash) => row.stopped_for.includes(hash))) return;
  const at = new Date(scheduler.now());
  const clock = { now: () => at, sleep: async () => await Promise.resolve() };
  const ids = createIdSource(clock, random.fork(`person ${scheduler.steps()}`));
  const assetOf = (_: unknown, token: string) =>
    chain.assets.find((asset) => asset.token === token);
  const causes = await findStopCauses(real, network, assetOf);
  const own = causes.filter(({ kind, subject }) => kind === 'MOVEMENTS' && known.includes(subject));
  for (const cause of own) {
    const acceptanceId = ids.next();
    const word = { network, acceptanceId, acceptedBy: 'the operator', because: 'by hand', at };
    await real.transaction(async (tx) => {
      await acceptCause(tx, cause, word);
    });
  }
  if (own.length < causes.length) return;
  await resumeNetwork(real, { network, stoppedFor: row.stopped_for, at });
  faults.count('network-resumed');
}

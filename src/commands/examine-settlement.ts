import type { Database } from '../database/database.ts';
import { warning, wrong, type Finding } from '../networks/examination.ts';
import { findWaiting } from '../settlement/find-waiting.ts';
import { listLanes } from '../settlement/lanes.ts';
import { findNetworkState } from '../settlement/network-state.ts';
import { findStopCauses } from '../settlement/stop-causes.ts';
import type { NetworkToExamine } from './network-to-examine.ts';

/** No final block for so long: on Bitcoin blocks come by chance, elsewhere within minutes. */
const QUIET_MS = { bitcoin: 3 * 3_600_000, others: 30 * 60_000 } as const;
/** Attempts end within it on every network, unless something is in their way. */
const OLD_ATTEMPT_MS = 3 * 3_600_000;

/** What stops a network, what its payouts wait for, and whether a worker is at work. */
export async function examineSettlement(it: NetworkToExamine): Promise<readonly Finding[]> {
  const { network, database } = it;
  if (database === null) return [];
  return [
    ...(await examineStops(it, database)),
    ...(await examineWork(it, database)),
    ...(await examineWaiting(it, database, network)),
  ];
}

async function examineStops(it: NetworkToExamine, database: Database): Promise<Finding[]> {
  const { network, config } = it;
  const runbook = 'docs/runbooks/signing-has-stopped.md';
  const state = await findNetworkState(database, network);
  const found: Finding[] = [];
  if (state !== undefined && state.stoppedFor !== null) {
    found.push(
      wrong(`signing has stopped: ${state.stoppedFor}`, `knit network status; ${runbook}`),
    );
  }
  const causes = await findStopCauses(database, network, (id, token) =>
    config.registry.asset(id, token),
  );
  for (const { sentence } of causes)
    found.push(wrong(`in the way of signing: ${sentence}`, runbook));
  for (const lane of await listLanes(database)) {
    if (lane.network !== network || lane.stoppedFor === null) continue;
    found.push(wrong(`the lane of ${lane.sender} is stopped: ${lane.stoppedFor}`, runbook));
  }
  return found;
}

async function examineWork(it: NetworkToExamine, database: Database): Promise<Finding[]> {
  const { network, clock } = it;
  const state = await findNetworkState(database, network);
  if (state === undefined) return [];
  const quietMs = clock.now().getTime() - state.updatedAt.getTime();
  const most = network === 'BITCOIN_MAINNET' ? QUIET_MS.bitcoin : QUIET_MS.others;
  if (quietMs <= most) return [];
  const minutes = Math.round(quietMs / 60_000);
  const what = `no final block was noted for ${minutes} minutes`;
  return [warning(what, 'see that knit worker runs, and what its log says')];
}

async function examineWaiting(
  { clock }: NetworkToExamine,
  database: Database,
  network: NetworkToExamine['network'],
): Promise<Finding[]> {
  const { reasons, oldestOpenAttempt } = await findWaiting(database, network);
  const found = reasons.map(({ reason, payouts }) =>
    warning(`${payouts} payouts wait: ${reason}`, 'docs/runbooks/treasury-is-short.md'),
  );
  if (oldestOpenAttempt === null) return found;
  const ageMs = clock.now().getTime() - oldestOpenAttempt.getTime();
  if (ageMs <= OLD_ATTEMPT_MS) return found;
  const what = `an attempt is open for ${Math.round(ageMs / 3_600_000)} hours`;
  return [...found, warning(what, 'docs/runbooks/payout-stays-processing.md')];
}

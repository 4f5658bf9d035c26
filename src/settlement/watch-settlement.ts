import type { Clock } from '../base/clock.ts';
import { LOOK_EVERY_MS, type Gauge, type Meter } from '../base/meter.ts';
import type { Queryable } from '../database/database.ts';
import type { NetworkId } from '../money/asset.ts';
import { countInFlight, countQueued, type Backlog } from './internal/backlog-store.ts';
import { listLanes, type Lane } from './lanes.ts';
import { findNetworkStates, type NetworkState } from './network-state.ts';

/** What is watched, and by what clock. */
interface Watched {
  readonly database: Queryable;
  readonly networks: readonly NetworkId[];
  readonly clock: Clock;
}

/** Tells how settlement stands on each of the networks, whichever worker does the work. */
export function watchSettlement(meter: Meter, watched: Watched): void {
  const gauges = createGauges(meter);
  const all = Object.values({ ...gauges });
  const finalSince = createFinalSince();
  const look = async (): Promise<void> => {
    const { database, networks, clock } = watched;
    const [states, lanes, backlogs] = await Promise.all([
      findNetworkStates(database),
      listLanes(database),
      Promise.all(networks.map(async (network) => await backlogOf(database, network))),
    ]);
    const now = clock.now();
    for (const gauge of all) gauge.clear();
    for (const backlog of backlogs) tellBacklog(gauges, backlog, now);
    for (const network of networks) {
      const own = lanes.filter((lane) => lane.network === network);
      gauges.leaseAge.set({ network }, leaseAge(own, now));
      const state = states.find((each) => each.network === network);
      if (state !== undefined) tellState(gauges, state, secondsSince(finalSince(state, now), now));
    }
  };
  meter.beforeReading(look, { everyMs: LOOK_EVERY_MS, gauges: all });
}

type OfNetwork = Gauge<'network'>;
type OfState = Gauge<'network' | 'state'>;

interface Gauges {
  readonly orders: OfState;
  readonly oldestOrder: OfState;
  readonly leaseAge: OfNetwork;
  readonly finalBlock: OfNetwork;
  readonly headLag: OfNetwork;
  readonly stopped: OfNetwork;
}

function createGauges(meter: Meter): Gauges {
  const ofNetwork = (name: string, help: string): OfNetwork =>
    meter.gauge({ name, help, labels: ['network'] });
  const ofState = (name: string, help: string): OfState =>
    meter.gauge({ name, help, labels: ['network', 'state'] });
  return {
    orders: ofState(
      'knit_settlement_orders',
      'Payouts that wait for a signature (QUEUED) or for the chain (IN_FLIGHT); counted to 100000.',
    ),
    oldestOrder: ofState(
      'knit_settlement_oldest_order_age_seconds',
      'Since when settlement has had the oldest of them; 0 where there is none.',
    ),
    leaseAge: ofNetwork(
      'knit_settlement_lease_age_seconds',
      'How long the longest held lane has been held; 0 where none is.',
    ),
    finalBlock: ofNetwork('knit_settlement_final_block', 'The newest block that was seen final.'),
    headLag: ofNetwork(
      'knit_settlement_head_lag_seconds',
      'How long this process has seen no newer final block.',
    ),
    stopped: ofNetwork(
      'knit_settlement_stopped',
      '1 where nothing is signed until a person has looked.',
    ),
  };
}

interface NetworkBacklog {
  readonly network: NetworkId;
  readonly QUEUED: Backlog;
  readonly IN_FLIGHT: Backlog;
}

async function backlogOf(database: Queryable, network: NetworkId): Promise<NetworkBacklog> {
  const [queued, inFlight] = await Promise.all([
    countQueued(database, network),
    countInFlight(database, network),
  ]);
  return { network, QUEUED: queued, IN_FLIGHT: inFlight };
}

function tellBacklog(gauges: Gauges, backlog: NetworkBacklog, now: Date): void {
  const { network } = backlog;
  for (const state of ['QUEUED', 'IN_FLIGHT'] as const) {
    const { count, oldestAt } = backlog[state];
    gauges.orders.set({ network, state }, count);
    gauges.oldestOrder.set({ network, state }, secondsSince(oldestAt, now));
  }
}

function tellState(gauges: Gauges, state: NetworkState, headLagSeconds: number): void {
  const { network, final, stoppedFor } = state;
  gauges.stopped.set({ network }, stoppedFor === null ? 0 : 1);
  if (final === null) return;
  gauges.finalBlock.set({ network }, Number(final.number));
  gauges.headLag.set({ network }, headLagSeconds);
}

/** A lane is marked each time that it is taken or used, and given back at the end of a step. */
function leaseAge(lanes: readonly Lane[], now: Date): number {
  const held = lanes.filter(({ holderId }) => holderId !== null);
  return Math.max(0, ...held.map(({ updatedAt }) => secondsSince(updatedAt, now)));
}

/** Since when this process has known the final block of a network. */
function createFinalSince(): (state: NetworkState, now: Date) => Date | null {
  const known = new Map<NetworkId, { readonly number: bigint; readonly since: Date }>();
  return ({ network, final }, now) => {
    if (final === null) return null;
    const before = known.get(network);
    if (before?.number === final.number) return before.since;
    known.set(network, { number: final.number, since: now });
    return now;
  };
}

function secondsSince(at: Date | null, now: Date): number {
  return at === null ? 0 : Math.max(0, (now.getTime() - at.getTime()) / 1000);
}

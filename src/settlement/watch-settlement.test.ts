import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSettlementDesk, type SettlementDesk } from '../../test/harness/settlement-desk.ts';
import { watchHolds } from '../ledger/watch-holds.ts';
import { createPrometheusMeter, type PrometheusMeter } from '../metrics/prometheus-meter.ts';
import { watchOutbox } from '../outbox/watch-outbox.ts';
import { SETTLEMENT_TOPIC } from '../payouts/outbox-topics.ts';
import { acceptOrders } from './accept-orders.ts';
import { holdLane, leaveLane, openLane } from './lanes.ts';
import { noteFinal, openNetwork, stopNetwork } from './network-state.ts';
import { watchSettlement } from './watch-settlement.ts';

const network = 'MATIC_MAINNET';
const other = 'BSC_MAINNET';
const payer = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';

let desk: SettlementDesk;
let meter: PrometheusMeter;

beforeAll(async () => {
  desk = await createSettlementDesk();
});
afterAll(async () => {
  await desk.close();
});
beforeEach(() => {
  const { clock, db } = desk;
  const { database } = db;
  meter = createPrometheusMeter({ clock });
  watchSettlement(meter, { database, networks: [network, other], clock });
  watchOutbox(meter, { database, topics: [SETTLEMENT_TOPIC, 'another'], clock });
  watchHolds(meter, { database, clock });
});

/** The figures that are looked up, each as its series and its value. */
async function figures(): Promise<Record<string, number>> {
  desk.clock.advance(10_000);
  const { text } = await meter.read();
  const lines = text
    .split('\n')
    .filter((line) => /^knit_(settlement|outbox|ledger)_/.test(line))
    .map((line) => line.split(' '));
  return Object.fromEntries(lines.map(([series = '', value]) => [series, Number(value)]));
}

const of = (name: string, state?: string): string =>
  state === undefined
    ? `knit_settlement_${name}{network="${network}"}`
    : `knit_settlement_${name}{network="${network}",state="${state}"}`;
const ofOutbox = (name: string): string => `knit_outbox_${name}{topic="${SETTLEMENT_TOPIC}"}`;

describe('what is looked up', () => {
  it('is nothing where nothing has happened', async () => {
    const found = await figures();
    expect(found).toMatchObject({
      [of('orders', 'QUEUED')]: 0,
      [of('orders', 'IN_FLIGHT')]: 0,
      [of('oldest_order_age_seconds', 'QUEUED')]: 0,
      [of('lease_age_seconds')]: 0,
      [ofOutbox('items')]: 0,
      knit_ledger_open_holds: 0,
    });
    // A network that was never opened has no block, and is not stopped either.
    expect(found).not.toHaveProperty([of('final_block')]);
    expect(found).not.toHaveProperty([of('stopped')]);
  });

  it('follows payouts from the outbox to the queue, with the age of the oldest', async () => {
    await desk.order(3);
    const before = await figures();
    expect(before).toMatchObject({
      [ofOutbox('items')]: 3,
      [of('orders', 'QUEUED')]: 0,
      'knit_outbox_items{topic="another"}': 0,
      knit_ledger_open_holds: 3,
    });
    expect(before[ofOutbox('oldest_item_age_seconds')]).toBeGreaterThanOrEqual(10);
    expect(before['knit_ledger_oldest_hold_age_seconds']).toBeGreaterThanOrEqual(10);
    await acceptOrders(desk.worker());
    const [first] = await desk.order(1);
    const after = await figures();
    expect(after).toMatchObject({
      [ofOutbox('items')]: 1,
      [of('orders', 'QUEUED')]: 3,
      [of('oldest_order_age_seconds', 'QUEUED')]: 10,
      [`knit_settlement_orders{network="${other}",state="QUEUED"}`]: 0,
      knit_ledger_open_holds: 4,
    });
    await desk.db.database.query(
      `UPDATE settlement_orders SET state = 'IN_FLIGHT', fence = '1' WHERE network = $1`,
      [network],
    );
    expect(await figures()).toMatchObject({
      [of('orders', 'QUEUED')]: 0,
      [of('oldest_order_age_seconds', 'QUEUED')]: 0,
      [of('orders', 'IN_FLIGHT')]: 3,
      [of('oldest_order_age_seconds', 'IN_FLIGHT')]: 20,
    });
    expect(first).toBeDefined();
  });

  it('tells of leases, the final block and stops', async () => {
    const { clock, db } = desk;
    const { database } = db;
    const at = clock.now();
    await openNetwork(database, { network, payer, at });
    await openLane(database, { network, sender: payer, role: 'TREASURY', firstSequence: 0n, at });
    const want = { network, sender: payer, holderId: desk.ids.next(), leaseMs: 60_000 } as const;
    const lane = await holdLane(database, { ...want, now: clock.now() });
    await noteFinal(database, { network, block: { number: 41n, hash: '0x41' }, at });
    expect(await figures()).toMatchObject({
      [of('lease_age_seconds')]: 10,
      [of('final_block')]: 41,
      [of('head_lag_seconds')]: 0,
      [of('stopped')]: 0,
    });
    expect(await figures()).toMatchObject({
      [of('lease_age_seconds')]: 20,
      [of('head_lag_seconds')]: 10,
    });
    await noteFinal(database, { network, block: { number: 42n, hash: '0x42' }, at });
    await stopNetwork(database, { network, reason: 'a test', at });
    if (lane !== undefined) await leaveLane(database, lane, clock.now());
    expect(await figures()).toMatchObject({
      [of('lease_age_seconds')]: 0,
      [of('final_block')]: 42,
      [of('head_lag_seconds')]: 0,
      [of('stopped')]: 1,
    });
  });
});

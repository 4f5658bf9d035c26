import { afterAll, beforeAll, expect, test } from 'vitest';
import { STRANGER } from '../../test/harness/evm-treasury.ts';
import { createSettlementRoad, type SettlementRoad } from '../../test/harness/settlement-road.ts';
import { compareLedger } from './compare-ledger.ts';
import { deepReorgBlocks } from './deep-reorg.ts';
import { findNetworkState } from './network-state.ts';
import { reconcile } from './reconcile.ts';
import { findReconciliations, type Reconciliation } from './reconciliation.ts';
import { findStopCauses } from './stop-causes.ts';
import { watchChain } from './watch-chain.ts';

// The whole comparison on a real chain, by the real driver. The tests build on each other.

let road: SettlementRoad;
beforeAll(async () => {
  road = await createSettlementRoad();
});
afterAll(async () => {
  await road.close();
});

/** As the worker's loops do it. */
async function compare(): Promise<void> {
  const settlement = road.settlement();
  await watchChain(settlement, deepReorgBlocks(road.chain.network));
  await reconcile(settlement);
  await compareLedger(settlement);
}

async function rowOf(token: string): Promise<Reconciliation | undefined> {
  const rows = await findReconciliations(road.db.database, road.chain.network);
  return rows.find((row) => row.token === token);
}

async function stoppedFor(): Promise<string | null | undefined> {
  return (await findNetworkState(road.db.database, road.chain.network))?.stoppedFor;
}

test('payouts, deposits and other tokens are all explained', async () => {
  await compare();
  const opening = (await rowOf('USDT'))?.openingUnits ?? 0n;
  expect(opening).toBeGreaterThan(0n);
  for (const units of [7n, 7n, 11n]) await road.order(units);
  await road.order(5n, 'USDC');
  await road.submit();
  await road.finalize();
  await compare();
  // The chain knows of them before their fates are judged.
  expect(await rowOf('USDT')).toMatchObject({ outUnits: 25n, paidUnits: 0n, openUnits: 0n });
  await road.follow();
  await road.chain.fund(road.treasury.driver.treasury, { units: 40n });
  await road.finalize();
  await compare();
  expect(await rowOf('USDT')).toMatchObject({
    inUnits: 40n,
    outUnits: 25n,
    paidUnits: 25n,
    chainUnits: opening + 15n,
    differenceUnits: 0n,
  });
  expect(await rowOf('USDC')).toMatchObject({ inUnits: 40n, outUnits: 5n, paidUnits: 5n });
  expect(await stoppedFor()).toBeNull();
  await road.tend();
  expect(await road.faults()).toEqual([]);
});

test('a transfer by hand with the key of the treasury stops the network, and is named', async () => {
  const hash = await road.payByHand();
  await road.finalize();
  await compare();
  const reason = `transaction ${hash} sent 0.000001 USDT to ${STRANGER.toLowerCase()}, which no attempt explains`;
  expect(await stoppedFor()).toBe(reason);
  expect(road.log).toContainEqual(
    expect.objectContaining({ level: 'error', message: `signing has stopped: ${reason}` }),
  );
  const { database } = road.db;
  const causes = await findStopCauses(database, road.chain.network, road.settlement().assetOf);
  expect(causes).toMatchObject([{ kind: 'MOVEMENTS', subject: hash }]);
  const sent = road.sent.length;
  const payout = await road.order(9n);
  await road.submit();
  expect(road.sent).toHaveLength(sent);
  expect(await road.attempts(payout)).toEqual([]);
});

test('a chain that takes back a final block is compared no further', async () => {
  const [before] = await findReconciliations(road.db.database, road.chain.network);
  await road.chain.rpc('anvil_reorg', 4, []);
  await road.chain.mine(6);
  await compare();
  const { database } = road.db;
  const causes = await findStopCauses(database, road.chain.network, road.settlement().assetOf);
  expect(causes.map(({ kind }) => kind)).toEqual(['CHAIN', 'MOVEMENTS']);
  const [after] = await findReconciliations(database, road.chain.network);
  expect(after?.scannedNumber).toBe(before?.scannedNumber);
});

import { expect, test } from 'vitest';
import {
  ALICE,
  BOB,
  broadcast,
  CAROL,
  createWorld,
  infoOf,
  sunTransfer,
  tokenTransfer,
  TRX,
  type TransactionInfo,
  type TransferOptions,
  type World,
} from './testing/world.ts';

/** Sends one transfer in a block of its own. */
async function paid(world: World, options: TransferOptions = {}): Promise<TransactionInfo> {
  const transaction = await tokenTransfer(world, world.usdt, options);
  expect(await broadcast(world.node, transaction)).toMatchObject({ result: true });
  await world.produce();
  return await infoOf(world.node, transaction.txID);
}

test('a transfer costs 345 bytes, and 28 k of energy to a fresh holder, 13 k to a known one', async () => {
  const world = await createWorld();
  const fresh = await paid(world, { units: 1n });
  expect(fresh.receipt).toEqual({
    energy_fee: 2_871_300,
    energy_usage_total: 28_713,
    net_usage: 345,
    result: 'SUCCESS',
  });
  expect(fresh.fee).toBe(2_871_300);
  const known = await paid(world, { units: 1n });
  expect(known.receipt).toMatchObject({ energy_usage_total: 13_713, energy_fee: 1_371_300 });
});

test('with the greatest dynamic factor it costs about what it does on mainnet', async () => {
  const world = await createWorld();
  world.chain.controls.setEnergyFactor(world.usdt, 34_000);
  await world.produce();
  const fresh = await paid(world, { units: 1n });
  const known = await paid(world, { units: 1n });
  // Mainnet: 130,285 and 64,285.
  expect(fresh.receipt).toMatchObject({
    energy_usage_total: 126_337,
    energy_penalty_total: 97_624,
  });
  expect(known.receipt).toMatchObject({ energy_usage_total: 60_337, energy_penalty_total: 46_624 });
});

test('after the free 600 bytes of a day each byte is burned at 1,000 sun', async () => {
  const world = await createWorld();
  await paid(world);
  const second = await paid(world);
  expect(second.receipt).toMatchObject({ net_fee: 345_000, energy_fee: 1_371_300 });
  expect(second.receipt).not.toHaveProperty('net_usage');
  expect(second.fee).toBe(345_000 + 1_371_300);
  expect(world.chain.truth.sunOf(ALICE.address)).toBe(
    1_000n * TRX - BigInt(second.fee ?? 0) - 2_871_300n,
  );
  // A day later all of it has come back.
  world.passMs(86_400_000);
  await world.produce();
  expect((await paid(world)).receipt).toMatchObject({ net_usage: 345 });
});

test('staked bandwidth and energy are used first, and recover within a day', async () => {
  const world = await createWorld();
  world.chain.controls.setResources(ALICE.address, { energyLimit: 40_000, bandwidthLimit: 500 });
  await world.produce();
  const first = await paid(world);
  expect(first.receipt).toEqual({
    energy_usage: 28_713,
    energy_usage_total: 28_713,
    net_usage: 345,
    result: 'SUCCESS',
  });
  expect(first.fee).toBeUndefined();
  const second = await paid(world);
  const left = Number(second.receipt?.['energy_usage']);
  expect(left).toBeGreaterThan(11_200);
  expect(left).toBeLessThan(11_300);
  expect(second.receipt).toMatchObject({ net_usage: 345, energy_fee: (13_713 - left) * 100 });
  const shown = await world.node.post('/wallet/getaccountresource', {
    address: ALICE.address,
    visible: true,
  });
  expect(shown).toMatchObject({ EnergyLimit: 40_000, EnergyUsed: 40_000, NetLimit: 500 });
  world.passMs(43_200_000);
  await world.produce();
  const later = await world.node.post('/wallet/getaccountresource', {
    address: ALICE.address,
    visible: true,
  });
  const used = Number((later as { EnergyUsed?: number }).EnergyUsed);
  expect(used).toBeGreaterThan(19_900);
  expect(used).toBeLessThan(20_100);
});

test('a fee limit that does not reach burns all of it, and moves nothing', async () => {
  const world = await createWorld();
  const info = await paid(world, { feeLimit: 2_000_000 });
  expect(info).toMatchObject({
    result: 'FAILED',
    fee: 2_000_000,
    receipt: { result: 'OUT_OF_ENERGY', energy_usage_total: 20_000, energy_fee: 2_000_000 },
  });
  expect(info.log).toBeUndefined();
  expect(await world.chain.truth.unitsOf(world.usdt, ALICE.address)).toBe(100_000_000n);
  expect(world.chain.truth.sunOf(ALICE.address)).toBe(998n * TRX);
});

test('the penalty counts against the fee limit', async () => {
  const world = await createWorld();
  world.chain.controls.setEnergyFactor(world.usdt, 34_000);
  await world.produce();
  await paid(world, { units: 1n });
  // 60,337 are needed.
  const short = await paid(world, { units: 1n, feeLimit: 6_033_000 });
  expect(short.receipt).toMatchObject({ result: 'OUT_OF_ENERGY', energy_usage_total: 60_330 });
  const enough = await paid(world, { units: 1n, feeLimit: 6_034_000 });
  expect(enough.receipt).toMatchObject({ result: 'SUCCESS', energy_usage_total: 60_337 });
});

test('the fee limit bounds staked energy too', async () => {
  const world = await createWorld();
  world.chain.controls.setResources(ALICE.address, { energyLimit: 1_000_000 });
  await world.produce();
  const info = await paid(world, { feeLimit: 2_000_000 });
  expect(info.receipt).toMatchObject({ result: 'OUT_OF_ENERGY', energy_usage: 20_000 });
  expect(world.chain.truth.sunOf(ALICE.address)).toBe(1_000n * TRX);
});

test('an account without coins runs out of energy at what it can pay', async () => {
  const world = await createWorld();
  world.chain.controls.giveSun(CAROL.address, 500_000n);
  world.chain.controls.mint(world.usdt, CAROL.address, 10n);
  await world.produce();
  const info = await paid(world, { from: CAROL, units: 1n });
  expect(info.receipt).toMatchObject({ result: 'OUT_OF_ENERGY', energy_fee: 500_000 });
  expect(world.chain.truth.sunOf(CAROL.address)).toBe(0n);
});

test('a refusal of the token burns what it used, and says so', async () => {
  const world = await createWorld();
  const info = await paid(world, { units: 100_000_001n });
  expect(info).toMatchObject({ result: 'FAILED', receipt: { result: 'REVERT' } });
  expect(Buffer.from(info.resMessage ?? '', 'hex').toString()).toBe('REVERT opcode executed');
  expect(info.receipt?.['energy_usage_total']).toBeLessThan(2_000);
});

test('a note with a transaction costs 1 TRX', async () => {
  const world = await createWorld();
  const info = await paid(world, { memo: 'a note' });
  expect(info.fee).toBe(1_000_000 + 2_871_300);
});

test('the first TRX for an address costs 1.1 TRX more, the second nothing', async () => {
  const world = await createWorld();
  const first = await sunTransfer(world, 5n);
  await broadcast(world.node, first);
  await world.produce();
  expect(await infoOf(world.node, first.txID)).toMatchObject({
    fee: 1_100_000,
    receipt: { net_fee: 100_000 },
  });
  const second = await sunTransfer(world, 5n);
  await broadcast(world.node, second);
  await world.produce();
  const info = await infoOf(world.node, second.txID);
  expect(info.fee).toBeUndefined();
  expect(Object.keys(info.receipt ?? {})).toEqual(['net_usage']);
  expect(world.chain.truth.sunOf(BOB.address)).toBe(10n);
  expect(world.chain.truth.sunOf(ALICE.address)).toBe(1_000n * TRX - 10n - 1_100_000n);
});

test('prices are the chain parameters', async () => {
  const world = await createWorld({ parameters: { getEnergyFee: 210 } });
  expect((await paid(world)).receipt).toMatchObject({ energy_fee: 28_713 * 210 });
  world.chain.controls.setParameter('getEnergyFee', 50);
  world.chain.controls.setParameter('getTransactionFee', 10);
  await world.produce();
  expect((await paid(world)).receipt).toMatchObject({ energy_fee: 13_713 * 50, net_fee: 3_450 });
});

test('a parameter can be left out of the answer and stay in force', async () => {
  const world = await createWorld();
  world.chain.controls.setParameter('getEnergyFee', null);
  await world.produce();
  const answer = await world.node.post('/wallet/getchainparameters');
  expect(answer).toMatchObject({ chainParameter: expect.any(Array) as unknown });
  expect(JSON.stringify(answer)).not.toContain('getEnergyFee');
  expect((await paid(world)).receipt).toMatchObject({ energy_fee: 2_871_300 });
});

test('controls refuse what the chain could not do', async () => {
  const { chain, usdt } = await createWorld();
  expect(() => {
    chain.controls.giveSun(usdt, 1n);
  }).toThrow('is a contract');
  expect(() => {
    chain.controls.giveSun(BOB.address, 0n);
  }).toThrow('0 sun');
  expect(() => {
    chain.controls.setEnergyFactor(BOB.address, 1);
  }).toThrow('is not a contract');
  expect(() => {
    chain.controls.mint(BOB.address, BOB.address, 1n);
  }).toThrow('is not a token of the genesis');
  expect(() => {
    chain.controls.setResources('T123', {});
  }).toThrow('T123 is not a Tron address');
});

test.each(['OUT_OF_TIME', 'OUT_OF_ENERGY', 'BAD_JUMP_DESTINATION', 'ILLEGAL_OPERATION'] as const)(
  'can be told to end a call as %s',
  async (result) => {
    const world = await createWorld();
    world.chain.controls.forceNextResults(world.usdt, result, 1);
    const info = await paid(world, { feeLimit: 5_000_000 });
    expect(info).toMatchObject({ result: 'FAILED', fee: 5_000_000, receipt: { result } });
    expect(await world.chain.truth.unitsOf(world.usdt, BOB.address)).toBe(0n);
    expect((await paid(world)).receipt).toMatchObject({ result: 'SUCCESS' });
    expect(world.chain.truth.transfersOf(world.usdt)).toHaveLength(2);
  },
);

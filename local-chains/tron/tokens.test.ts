import { expect, test } from 'vitest';
import {
  ALICE,
  BOB,
  broadcast,
  createWorld,
  infoOf,
  tokenTransfer,
  type TransactionInfo,
  type World,
} from './testing/world.ts';

async function sent(world: World, token: string, from = ALICE): Promise<TransactionInfo> {
  const to = from === ALICE ? BOB.address : ALICE.address;
  const transaction = await tokenTransfer(world, token, { from, to, units: 10n });
  expect(await broadcast(world.node, transaction)).toMatchObject({ result: true });
  await world.produce();
  return await infoOf(world.node, transaction.txID);
}

function answered(info: TransactionInfo): bigint {
  return BigInt(`0x${info.contractResult?.[0] ?? ''}`);
}

/** The reason in a revert's data: Error(string). */
function reasonOf(info: TransactionInfo): string {
  const data = info.contractResult?.[0] ?? '';
  if (data === '') return '';
  const length = Number(BigInt(`0x${data.slice(72, 136)}`));
  return Buffer.from(data.slice(136, 136 + length * 2), 'hex').toString();
}

test('USDT answers false though it has paid; USDC answers true', async () => {
  const world = await createWorld();
  const usdt = await sent(world, world.usdt);
  expect(usdt).toMatchObject({ receipt: { result: 'SUCCESS' } });
  expect(usdt.log).toHaveLength(1);
  expect(answered(usdt)).toBe(0n);
  expect(answered(await sent(world, world.usdc))).toBe(1n);
  world.chain.controls.setReturnsFalse(world.usdt, false);
  world.chain.controls.setReturnsFalse(world.usdc, true);
  await world.produce();
  expect(answered(await sent(world, world.usdt))).toBe(1n);
  expect(answered(await sent(world, world.usdc))).toBe(0n);
  expect(await world.chain.truth.unitsOf(world.usdt, BOB.address)).toBe(20n);
  expect(await world.chain.truth.unitsOf(world.usdc, BOB.address)).toBe(20n);
});

test('USDT asks its blacklist about the sender alone, and gives no reason', async () => {
  const world = await createWorld();
  world.chain.controls.setBlacklisted(world.usdt, BOB.address, true);
  await world.produce();
  expect((await sent(world, world.usdt)).receipt).toMatchObject({ result: 'SUCCESS' });
  world.chain.controls.giveSun(BOB.address, 50_000_000n);
  await world.produce();
  const refused = await sent(world, world.usdt, BOB);
  expect(refused.receipt).toMatchObject({ result: 'REVERT' });
  expect(reasonOf(refused)).toBe('');
  world.chain.controls.setBlacklisted(world.usdt, BOB.address, false);
  await world.produce();
  expect((await sent(world, world.usdt, BOB)).receipt).toMatchObject({ result: 'SUCCESS' });
});

test('USDC refuses a blacklisted recipient, with its reason', async () => {
  const world = await createWorld();
  world.chain.controls.setBlacklisted(world.usdc, BOB.address, true);
  await world.produce();
  const refused = await sent(world, world.usdc);
  expect(refused.receipt).toMatchObject({ result: 'REVERT' });
  expect(reasonOf(refused)).toBe('Blacklistable: account is blacklisted');
  world.chain.controls.setBlacklisted(world.usdc, BOB.address, false);
  await world.produce();
  expect((await sent(world, world.usdc)).receipt).toMatchObject({ result: 'SUCCESS' });
});

test('either can be paused and go on', async () => {
  const world = await createWorld();
  world.chain.controls.setPaused(world.usdt, true);
  world.chain.controls.setPaused(world.usdc, true);
  await world.produce();
  expect((await sent(world, world.usdt)).receipt).toMatchObject({ result: 'REVERT' });
  expect(reasonOf(await sent(world, world.usdc))).toBe('Pausable: paused');
  world.chain.controls.setPaused(world.usdt, false);
  world.chain.controls.setPaused(world.usdc, false);
  await world.produce();
  expect((await sent(world, world.usdt)).receipt).toMatchObject({ result: 'SUCCESS' });
  expect((await sent(world, world.usdc)).receipt).toMatchObject({ result: 'SUCCESS' });
});

test('USDT can take a fee, and then pays less than it was told to', async () => {
  const world = await createWorld();
  world.chain.controls.setFee(world.usdt, { basisPoints: 10, maximumWholeTokens: 1 });
  await world.produce();
  const transaction = await tokenTransfer(world, world.usdt, { units: 1_000_000n });
  await broadcast(world.node, transaction);
  await world.produce();
  expect(await world.chain.truth.unitsOf(world.usdt, BOB.address)).toBe(999_000n);
  expect((await infoOf(world.node, transaction.txID)).log).toHaveLength(2);
  expect(() => {
    world.chain.controls.setFee(world.usdc, { basisPoints: 1, maximumWholeTokens: 1 });
  }).toThrow('USDC has no fee');
});

test('what is minted is a transfer on chain, and the transfers add up to the balance', async () => {
  const world = await createWorld();
  await sent(world, world.usdt);
  world.chain.controls.mint(world.usdt, ALICE.address, 400n);
  world.chain.controls.mint(world.usdt, ALICE.address, 400n);
  await world.produce();
  const transfers = world.chain.truth.transfersOf(world.usdt);
  expect(new Set(transfers.map((transfer) => transfer.txid)).size).toBe(4);
  const sum = transfers.reduce((total, { from, to, units }) => {
    const incoming = to === ALICE.address ? units : 0n;
    return total + incoming - (from === ALICE.address ? units : 0n);
  }, 0n);
  expect(sum).toBe(100_000_790n);
  expect(await world.chain.truth.unitsOf(world.usdt, ALICE.address)).toBe(sum);
});

test('a token has the decimals that the genesis says', async () => {
  const world = await createWorld({
    tokens: [{ symbol: 'USDT', decimals: 18 }, { symbol: 'USDC' }],
  });
  const answer = await world.node.post('/wallet/triggerconstantcontract', {
    owner_address: ALICE.address,
    contract_address: world.usdt,
    function_selector: 'decimals()',
    visible: true,
  });
  expect(answer).toMatchObject({ constant_result: ['12'.padStart(64, '0')] });
});

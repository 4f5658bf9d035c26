import { TronWeb } from 'tronweb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveChain, type ServedChain } from './serve.ts';
import { ALICE, BOB, CAROL, createWorld, readToken, type World } from './testing/world.ts';

// tronweb as it comes from npm, over HTTP: it knows nothing of this chain but its URL.
let world: World;
let served: ServedChain;
let alice: TronWeb;

beforeEach(async () => {
  world = await createWorld();
  served = await serveChain(world.chain, 0);
  alice = new TronWeb({ fullHost: served.rpcUrl, privateKey: ALICE.secretKey });
});

afterEach(async () => {
  await served.close();
});

test('is connected, and sees the head and the solidified block', async () => {
  await world.produce(20);
  expect(await alice.isConnected()).toMatchObject({ fullNode: true, solidityNode: true });
  const head = await alice.trx.getCurrentBlock();
  expect(head.block_header.raw_data.number).toBe(21);
  const solid = await alice.trx.getConfirmedCurrentBlock();
  expect(solid.block_header.raw_data.number).toBe(3);
  const third = await alice.trx.getBlockByNumber(3);
  expect(third.blockID).toBe(world.chain.truth.block(3)?.blockId);
  expect((await alice.trx.getBlock(third.blockID)).blockID).toBe(third.blockID);
  const fourth = await alice.trx.getBlockByNumber(4);
  expect(fourth.block_header.raw_data.parentHash).toBe(third.blockID);
});

test('builds, signs, broadcasts and reads a token transfer until it is solidified', async () => {
  const built = await alice.transactionBuilder.triggerSmartContract(
    world.usdt,
    'transfer(address,uint256)',
    { feeLimit: 20_000_000 },
    [
      { type: 'address', value: BOB.address },
      { type: 'uint256', value: 1_500_000 },
    ],
    ALICE.address,
  );
  const signed = await alice.trx.sign(built.transaction);
  expect(await alice.trx.sendRawTransaction(signed)).toMatchObject({
    result: true,
    txid: signed.txID,
  });
  expect(await alice.trx.getUnconfirmedTransactionInfo(signed.txID)).toEqual({});
  await world.produce();
  const info = await alice.trx.getUnconfirmedTransactionInfo(signed.txID);
  expect(info).toMatchObject({ blockNumber: 2, receipt: { result: 'SUCCESS', net_usage: 345 } });
  expect(info.log[0]?.topics[2]?.slice(24)).toBe(TronWeb.address.toHex(BOB.address).slice(2));
  expect(await alice.trx.getTransactionInfo(signed.txID)).toEqual({});
  await expect(alice.trx.getConfirmedTransaction(signed.txID)).rejects.toThrow(
    'Transaction not found',
  );
  await world.produce(18);
  expect(await alice.trx.getTransactionInfo(signed.txID)).toMatchObject({ blockNumber: 2 });
  const found = await alice.trx.getConfirmedTransaction(signed.txID);
  expect(found.ret?.[0]?.contractRet).toBe('SUCCESS');
  expect(found.raw_data_hex).toBe(signed.raw_data_hex);
});

test('reads balances and a contract by its ABI, and is paid through it', async () => {
  const token = await readToken(alice, world.usdc);
  expect(await token.balanceOf(ALICE.address).call()).toBe(100_000_000n);
  expect(await token.symbol().call()).toBe('USDC');
  expect(await token.decimals().call()).toBe(6n);
  const txid = await token.transfer(BOB.address, 7).send({ feeLimit: 20_000_000 });
  await world.produce();
  expect(await token.balanceOf(BOB.address).call()).toBe(7n);
  expect(world.chain.truth.transfersOf(world.usdc).at(-1)).toMatchObject({
    txid,
    from: ALICE.address,
    to: BOB.address,
    units: 7n,
    solidified: false,
  });
});

test('a constant call foretells the energy, and a refusal its reason', async () => {
  const call = async (units: number, token: string) =>
    await alice.transactionBuilder.triggerConstantContract(
      token,
      'transfer(address,uint256)',
      {},
      [
        { type: 'address', value: BOB.address },
        { type: 'uint256', value: units },
      ],
      ALICE.address,
    );
  const good = await call(1, world.usdt);
  expect(good.energy_used).toBeGreaterThan(28_000);
  expect(good.constant_result).toEqual(['0'.repeat(64)]);
  // tronweb throws the node's message for what reverts.
  await expect(call(200_000_000, world.usdc)).rejects.toThrow('REVERT opcode executed');
});

test('sends TRX, and opens an account with it', async () => {
  const sent = await alice.trx.sendTransaction(CAROL.address, 5_000_000);
  expect(sent.result).toBe(true);
  await world.produce();
  expect(await alice.trx.getUnconfirmedBalance(CAROL.address)).toBe(5_000_000);
  expect(await alice.trx.getBalance(CAROL.address)).toBe(0);
  await world.produce(18);
  expect(await alice.trx.getBalance(CAROL.address)).toBe(5_000_000);
  const parameters = await alice.trx.getChainParameters();
  expect(parameters).toContainEqual({ key: 'getEnergyFee', value: 100 });
});

test('estimates energy, and shows what an account has', async () => {
  world.chain.controls.setResources(ALICE.address, { energyLimit: 70_000 });
  await world.produce();
  const estimate = await alice.transactionBuilder.estimateEnergy(
    world.usdt,
    'transfer(address,uint256)',
    {},
    [
      { type: 'address', value: BOB.address },
      { type: 'uint256', value: 1 },
    ],
    ALICE.address,
  );
  expect(estimate.energy_required).toBeGreaterThan(28_000);
  expect(await alice.trx.getAccountResources(ALICE.address)).toMatchObject({
    EnergyLimit: 70_000,
    freeNetLimit: 600,
  });
  const info = await alice.trx.getNodeInfo();
  expect(info).toHaveProperty('configNodeInfo');
});

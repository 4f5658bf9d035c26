import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import {
  createTestTreasury,
  RECIPIENT,
  STRANGER,
  treasurySigners,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import { createManualClock } from '../../../test/harness/manual-clock.ts';
import { createMnemonicSigner } from '../../treasury/mnemonic-signer.ts';
import {
  SigningPostponed,
  type LanePosition,
  type NetworkDriver,
  type Signer,
  type SigningOrder,
} from '../network.ts';
import { readAuthority } from './batch.ts';
import { FEE_POLICIES, TRANSACTION_GAS_CAP } from './fees.ts';
import { readLaneTransaction } from './lane-transaction.ts';
import { lowerAddress } from './token.ts';

let chain: TestChain;
let treasury: TestTreasury;
let driver: NetworkDriver;
let lane: LanePosition;
beforeAll(async () => {
  chain = await startTestChain();
  treasury = await createTestTreasury(chain);
  driver = treasury.driver;
  lane = await treasury.lane();
});
afterAll(async () => {
  await chain.stop();
});

const PLAN = { gasPerItem: 60_000n, itemsGas: 40_000n };
const signers = {
  signer: treasurySigners.for('MATIC_MAINNET'),
  gas: treasurySigners.gasAccountsFor('MATIC_MAINNET', 2),
};
const others = createMnemonicSigner({
  mnemonic: 'test test test test test test test test test test test junk',
});

function orderWith(changes: Partial<SigningOrder> = {}): SigningOrder {
  return { orders: [treasury.orderOf()], number: 1_000n, plan: PLAN, lane, ...changes };
}

/** A signer that counts its signatures, or spoils them. */
function watched(signer: Signer, spoil = async (it: Uint8Array) => await Promise.resolve(it)) {
  const counting = {
    ...signer,
    signed: 0,
    sign: async (payload: Uint8Array) => {
      counting.signed += 1;
      return await spoil(await signer.sign(payload));
    },
  };
  return counting;
}

describe('sign', () => {
  it.each<[string, () => Partial<SigningOrder>]>([
    ['no order', () => ({ orders: [] })],
    ['nothing', () => ({ orders: [treasury.orderOf({ units: 0n })] })],
    ['too much', () => ({ orders: [treasury.orderOf({ units: 2n ** 96n })] })],
    [
      'the zero address',
      () => ({ orders: [treasury.orderOf({ toAddress: `0x${'0'.repeat(40)}` })] }),
    ],
    [
      'the token itself',
      () => ({ orders: [treasury.orderOf({ toAddress: chain.tokens.USDT.address })] }),
    ],
    [
      'another network',
      () => ({
        orders: [
          treasury.orderOf({ asset: { ...treasury.assetOf('USDT'), network: 'BSC_MAINNET' } }),
        ],
      }),
    ],
    [
      'a coin',
      () => ({
        orders: [treasury.orderOf({ asset: { ...treasury.assetOf('USDT'), contract: null } })],
      }),
    ],
    [
      'two tokens',
      () => ({
        orders: [treasury.orderOf(), treasury.orderOf({ asset: treasury.assetOf('USDC') })],
      }),
    ],
    [
      'one payout twice',
      () => ({
        orders: [treasury.orderOf({ payoutId: 'p' }), treasury.orderOf({ payoutId: 'p' })],
      }),
    ],
    ['a negative number', () => ({ number: -1n })],
    ['no plan', () => ({ plan: {} })],
    ['a plan of too little gas', () => ({ plan: { ...PLAN, gasPerItem: 59_999n } })],
    ['a plan of too much gas', () => ({ plan: { ...PLAN, gasPerItem: 200_001n } })],
    ['more than a transaction holds', () => ({ plan: { ...PLAN, itemsGas: TRANSACTION_GAS_CAP } })],
    ['for a lane of somebody else', () => ({ lane: { ...lane, sender: STRANGER } })],
    ['for the lane of the treasury', () => ({ lane: { ...lane, sender: driver.treasury } })],
  ])('never signs %s', async (_, changes) => {
    const signer = watched(signers.signer);
    const gasSigners = signers.gas.map((it) => watched(it));
    const counting = treasury.driverWith({ signer, gasSigners });
    await expect(counting.sign(orderWith(changes()))).rejects.toThrow();
    expect([signer, ...gasSigners].map(({ signed }) => signed)).toEqual([0, 0, 0]);
  });

  const spoiled: [string, (signature: Uint8Array, theirs: Uint8Array) => Uint8Array][] = [
    ['another key', (_, theirs) => theirs],
    ['another recovery id', (it) => it.with(64, (it[64] ?? 0) ^ 1)],
    ['a changed r', (it) => it.with(5, (it[5] ?? 0) ^ 1)],
    ['a changed s', (it) => it.with(40, (it[40] ?? 0) ^ 1)],
    ['64 bytes', (it) => it.subarray(0, 64)],
  ];
  const spoiling = (signer: Signer, spoil: (typeof spoiled)[number][1]): Signer => ({
    ...signer,
    sign: async (payload) => {
      const theirs = await others.for('MATIC_MAINNET').sign(payload);
      return spoil(await signer.sign(payload), theirs);
    },
  });

  it.each(spoiled)('lets no bytes leave that the treasury signer spoiled: %s', async (_, spoil) => {
    const gasSigners = signers.gas.map((it) => watched(it));
    const signer = spoiling(signers.signer, spoil);
    await expect(treasury.driverWith({ signer, gasSigners }).sign(orderWith())).rejects.toThrow();
    expect(gasSigners.map(({ signed }) => signed)).toEqual([0, 0]);
  });

  it.each(spoiled)('lets no bytes leave that a gas signer spoiled: %s', async (_, spoil) => {
    const gasSigners = signers.gas.map((it) => spoiling(it, spoil));
    await expect(treasury.driverWith({ gasSigners }).sign(orderWith())).rejects.toThrow();
  });

  it('signs the batch with the treasury key and the transaction with the gas account', async () => {
    const signer = watched(signers.signer);
    const gasSigners = signers.gas.map((it) => watched(it));
    const orders = [treasury.orderOf(), treasury.orderOf({ toAddress: STRANGER, units: 7n })];
    const second = await treasury.lane(1);
    const order = orderWith({ orders, number: 257n, lane: second });
    const attempt = await treasury.driverWith({ signer, gasSigners }).sign(order);
    expect([signer, ...gasSigners].map(({ signed }) => signed)).toEqual([1, 0, 1]);
    const place = { chainId: chain.chainId, treasury: lowerAddress(driver.treasury) };
    const { batch, digest } = await readAuthority(attempt.authority, place);
    expect(batch).toMatchObject({
      batchId: 257n,
      token: chain.tokens.USDT.address,
      gasPerItem: 60_000n,
      items: [
        { to: lowerAddress(RECIPIENT), units: 20_000n },
        { to: lowerAddress(STRANGER), units: 7n },
      ],
    });
    expect(attempt).toMatchObject({
      fence: `${place.treasury}:batch:257`,
      payer: driver.treasury,
      authorityHash: digest,
      payoutIds: orders.map(({ payoutId }) => payoutId),
      transaction: second,
    });
    const said = await readLaneTransaction(attempt.transaction.rawTransaction);
    const policy = FEE_POLICIES.MATIC_MAINNET;
    expect(said).toMatchObject({ to: place.treasury, valueWei: 0n, delegation: null });
    expect(said.data).toBe(`0x${Buffer.from(attempt.authority).toString('hex')}`);
    expect(said.tipWei >= policy.tipFloorWei).toBe(true);
    expect(said.maxFeeWei <= policy.maxFeeCeilingWei).toBe(true);
  });

  it('sets a deadline by the newest block, and begins to look after the final one', async () => {
    const { latest, final } = await driver.head();
    const block = (await chain.rpc(
      'eth_getBlockByNumber',
      `0x${latest.number.toString(16)}`,
      false,
    )) as { timestamp: string };
    const attempt = await driver.sign(orderWith());
    const deadline = Number(block.timestamp) + 15 * 60;
    expect(attempt.validUntil).toEqual(new Date(deadline * 1000));
    expect(attempt.sinceBlock).toBe(final.number + 1n);
    const short = await treasury.driverWith({ lifetimeSeconds: 60n }).sign(orderWith());
    expect(short.validUntil).toEqual(new Date((deadline - 14 * 60) * 1000));
  });

  it.each([
    ['an hour ahead', 3_700],
    ['an hour behind', -3_700],
  ])('waits where the clock is %s of the chain', async (_, seconds) => {
    const clock = createManualClock();
    clock.advance(seconds * 1000);
    const signer = watched(signers.signer);
    const doubting = treasury.driverWith({ clock, signer });
    await expect(doubting.sign(orderWith())).rejects.toThrow(SigningPostponed);
    await expect(doubting.sign(orderWith())).rejects.toThrow(/seconds apart/);
    expect(signer.signed).toBe(0);
  });

  it('waits for coins in the lane, and has signed nothing then', async () => {
    const sender = driver.gasAccounts[1] ?? '';
    const signer = watched(signers.signer);
    const before = (await chain.rpc('eth_getBalance', sender, 'latest')) as string;
    await chain.fund(sender, { units: 0n, wei: 1_000n });
    const poor = treasury
      .driverWith({ signer })
      .sign(orderWith({ lane: { sender, sequence: 0n } }));
    await expect(poor).rejects.toThrow(SigningPostponed);
    expect(signer.signed).toBe(0);
    await chain.rpc('anvil_setBalance', sender, before);
  });
});

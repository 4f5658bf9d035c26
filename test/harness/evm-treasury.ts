import { expect } from 'vitest';
import { present } from '../../src/base/assert.ts';
import type { Asset } from '../../src/money/asset.ts';
import { createEvmDriver, type EvmDriverOptions } from '../../src/networks/evm/driver.ts';
import type {
  AttemptToFollow,
  Inspection,
  ItemFate,
  LanePosition,
  NetworkDriver,
  SignedAttempt,
  SignedTransaction,
  Sighting,
  TransferOrder,
} from '../../src/networks/network.ts';
import { createMnemonicSigner, type MnemonicSigner } from '../../src/treasury/mnemonic-signer.ts';
import type { TestChain, TestToken } from './chain.ts';

/** Not of accounts that a development node unlocks and funds. */
export const TREASURY_MNEMONIC =
  'legal winner thank year wave sausage worth useful legal winner thank yellow';

export const treasurySigners: MnemonicSigner = createMnemonicSigner({
  mnemonic: TREASURY_MNEMONIC,
});

export const RECIPIENT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
export const STRANGER = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';

const GAS_ACCOUNTS = 2;

/** An attempt with the transaction that carries it first. */
export interface TestAttempt extends AttemptToFollow {
  readonly transaction: SignedTransaction;
}

/** A treasury on a local chain that is set up and funded, and the short ways to pay from it. */
export interface TestTreasury {
  readonly chain: TestChain;
  readonly driver: NetworkDriver;
  /** A driver of the same treasury that differs in some options. */
  driverWith(changes: Partial<EvmDriverOptions>): NetworkDriver;
  assetOf(token: TestToken): Asset;
  /** USDT by configuration, at any contract. */
  assetAt(contract: string): Asset;
  /** 0.02 USDT (of 6 decimals) to {@link RECIPIENT}, but for the changes. */
  orderOf(changes?: Partial<TransferOrder>): TransferOrder;
  inspect(orders: readonly TransferOrder[], unitsOnTheWay?: bigint): Promise<Inspection>;
  /** Of one order: what became of it. */
  inspectOne(order: TransferOrder): Promise<{ kind: string; reason?: string; proof?: unknown }>;
  /** Where the next transaction of a gas account goes, by the chain. */
  lane(gasAccount?: number): Promise<LanePosition>;
  /** Inspects, expects all to be payable, and signs with a number of its own. */
  sign(orders: readonly TransferOrder[], lane?: LanePosition): Promise<TestAttempt>;
  send(transaction: { readonly rawTransaction: Uint8Array }): Promise<void>;
  /** Sends, mines one block with it, and as many as make that block final. */
  settle(attempt: TestAttempt): Promise<Sighting>;
  /** Does what the upkeep asks for, until it asks for nothing. */
  keepUp(driver?: NetworkDriver): Promise<void>;
}

/** A treasury with a million of each token, set up by the driver's own chores. */
export async function createTestTreasury(chain: TestChain): Promise<TestTreasury> {
  const treasury = createBareTreasury(chain);
  await chain.fund(treasury.driver.treasury);
  await treasury.keepUp();
  await chain.mine(4);
  return treasury;
}

/** The same without coins, tokens or code. */
export function createBareTreasury(chain: TestChain): TestTreasury {
  const assetAt = (contract: string, token: TestToken): Asset => ({
    network: chain.network,
    token,
    contract,
    decimals: chain.tokens[token].decimals,
    minimumUnits: 1n,
    payoutsEnabled: true,
  });
  const assetOf = (token: TestToken): Asset => assetAt(chain.tokens[token].address, token);
  const driverWith = (changes: Partial<EvmDriverOptions>): NetworkDriver =>
    createEvmDriver({
      network: chain.network,
      chainId: chain.chainId,
      rpcUrls: [chain.rpcUrl],
      assets: [assetOf('USDT'), assetOf('USDC')],
      signer: treasurySigners.for(chain.network),
      gasSigners: treasurySigners.gasAccountsFor(chain.network, GAS_ACCOUNTS),
      ...changes,
    });
  const driver = driverWith({});
  let lastPayout = 0;
  let lastNumber = 0n;
  const treasury: TestTreasury = {
    chain,
    driver,
    driverWith,
    assetOf,
    assetAt: (contract) => assetAt(contract, 'USDT'),
    orderOf(changes = {}) {
      lastPayout += 1;
      const payoutId = `payout-${lastPayout}`;
      const order = { payoutId, asset: assetOf('USDT'), units: 20_000n, toAddress: RECIPIENT };
      return { ...order, ...changes };
    },
    inspect: async (orders, unitsOnTheWay = 0n) =>
      await driver.inspect(orders, { unitsOnTheWay, taken: [] }),
    inspectOne: async (order) => outcomeOf(await treasury.inspect([order])),
    async lane(gasAccount = 0) {
      const sender = present(driver.gasAccounts[gasAccount], 'there is such a gas account');
      return { sender, sequence: (await driver.sequences(sender)).latest };
    },
    async sign(orders, lane) {
      const inspection = await treasury.inspect(orders);
      expect(inspection).toMatchObject({ refused: [], waiting: [], left: [] });
      expect(inspection.payable).toEqual(orders);
      const plan = present(inspection.plan, 'what is payable has a plan');
      lastNumber += 1n;
      const place = lane ?? (await treasury.lane());
      const order = { orders, number: lastNumber, plan, lane: place };
      return followed(await driver.sign(order), orders);
    },
    async send({ rawTransaction }) {
      expect(await driver.broadcast(rawTransaction)).toEqual({ kind: 'accepted' });
    },
    async settle(attempt) {
      await treasury.send(attempt.transaction);
      await chain.mine(1);
      await chain.mine(4);
      return await driver.status(attempt);
    },
    keepUp: async (by = driver) => await keepUp(chain, by),
  };
  return treasury;
}

/** Of the inspection of one order. */
export function outcomeOf(inspection: Inspection): { kind: string; reason?: string } {
  const { payable, refused, waiting, left } = inspection;
  expect(payable.length + refused.length + waiting.length + left.length).toBe(1);
  const [no, wait] = [refused[0], waiting[0]];
  if (no !== undefined) return { kind: 'refused', ...no };
  if (wait !== undefined) return { kind: 'wait', reason: wait.reason };
  return { kind: payable.length === 1 ? 'payable' : 'left' };
}

/** An attempt as its stored row has it. */
export function followed(attempt: SignedAttempt, orders: readonly TransferOrder[]): TestAttempt {
  const { payoutIds, ...row } = attempt;
  expect(payoutIds).toEqual(orders.map(({ payoutId }) => payoutId));
  return { ...row, orders, transactionHashes: [attempt.transaction.transactionHash] };
}

async function keepUp(chain: TestChain, driver: NetworkDriver): Promise<void> {
  for (let rounds = 0; rounds < 5; rounds += 1) {
    const { chores, alarms } = await driver.upkeep({ taken: [] });
    expect(alarms).toEqual([]);
    if (chores.length === 0) return;
    let { latest: sequence } = await driver.sequences(driver.treasury);
    for (const chore of chores) {
      const signed = await driver.signChore(chore, { sender: driver.treasury, sequence });
      expect(await driver.broadcast(signed.rawTransaction)).toEqual({ kind: 'accepted' });
      await chain.mine(1);
      sequence += chore.takes;
    }
  }
  throw new Error('the treasury is never set up');
}

/** The fates of a final sighting; fails the test where it is not final. */
export function fatesOf(sighting: Sighting): readonly ItemFate[] {
  expect(sighting.kind).toBe('final');
  return sighting.kind === 'final' ? sighting.fates : [];
}

/** The one fate of a final sighting. */
export function fateOf(sighting: Sighting): ItemFate {
  const fates = fatesOf(sighting);
  expect(fates).toHaveLength(1);
  return present(fates[0], 'a final has a fate');
}

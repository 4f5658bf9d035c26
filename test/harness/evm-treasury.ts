import { expect } from 'vitest';
import { present } from '../../src/base/assert.ts';
import type { Asset } from '../../src/money/asset.ts';
import { createEvmDriver, type EvmDriverOptions } from '../../src/networks/evm/driver.ts';
import type {
  AttemptToFollow,
  ItemFate,
  NetworkDriver,
  SignedAttempt,
  Sighting,
  TransferOrder,
} from '../../src/networks/network.ts';
import { createMnemonicSigner, type MnemonicSigner } from '../../src/treasury/mnemonic-signer.ts';
import type { TestChain, TestToken } from './chain.ts';

/** Not an account that a development node unlocks and funds. */
export const treasurySigners: MnemonicSigner = createMnemonicSigner({
  mnemonic: 'legal winner thank year wave sausage worth useful legal winner thank yellow',
});

export const RECIPIENT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
export const STRANGER = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';

/** A funded treasury on a local chain, and the short ways to pay from it. */
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
  /** Signs with the sender's next nonce, or with the one given. */
  sign(order: TransferOrder, sequence?: bigint): Promise<AttemptToFollow>;
  /** Sends, mines one block with it, and as many as make that block final. */
  settle(attempt: AttemptToFollow): Promise<Sighting>;
}

export async function createTestTreasury(chain: TestChain): Promise<TestTreasury> {
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
      ...changes,
    });
  const driver = driverWith({});
  await chain.fund(driver.treasury);
  await chain.mine(4);
  let lastPayout = 0;
  return {
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
    async sign(order, sequence) {
      const sender = driver.treasury;
      const lane = { sender, sequence: sequence ?? (await driver.sequenceFloor(sender)) };
      return followed(await driver.sign([order], lane), order);
    },
    async settle(attempt) {
      expect(await driver.broadcast(attempt.rawTransaction)).toEqual({ kind: 'accepted' });
      await chain.mine(1);
      await chain.mine(4);
      return await driver.status(attempt);
    },
  };
}

function followed(attempt: SignedAttempt, order: TransferOrder): AttemptToFollow {
  const { payoutIds, ...row } = attempt;
  expect(payoutIds).toEqual([order.payoutId]);
  return { ...row, orders: [order] };
}

/** The one fate of a final sighting; fails the test where it is not final. */
export function fateOf(sighting: Sighting): ItemFate {
  expect(sighting.kind).toBe('final');
  return present(sighting.kind === 'final' ? sighting.fates[0] : null, 'a final has a fate');
}

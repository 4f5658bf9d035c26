import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestChain, type TestChain, type TestToken } from '../../../test/harness/chain.ts';
import {
  createTestTreasury,
  fatesOf,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import type { TransferOrder } from '../network.ts';
import { TRANSACTION_GAS_CAP } from './fees.ts';
import { batchGasLimit, gasPerItemFor, itemsGasOf, itemsWithin } from './batch-gas.ts';
import { readLaneTransaction } from './lane-transaction.ts';
import { transferCalldata } from './token.ts';

describe('gasPerItemFor', () => {
  it.each([
    [[], 60_000n],
    [[10_000n, 27_000n], 60_000n],
    [[40_000n], 60_000n],
    [[40_001n], 60_001n],
    [[90_000n, 50_000n], 135_000n],
    [[133_334n], 200_000n],
    [[190_000n], 200_000n],
  ])('%s', (measured, share) => {
    expect(gasPerItemFor(measured)).toBe(share);
  });
});

describe('itemsWithin', () => {
  it.each([60_000n, 60_001n, 100_000n, 200_000n])(
    'holds so many items that burn their whole share of %s',
    (gasPerItem) => {
      const items = itemsWithin(gasPerItem);
      const all = BigInt(items) * (gasPerItem + 6_000n);
      const limit = batchGasLimit({ gasPerItem, itemsGas: all, items: 0 });
      expect(limit <= TRANSACTION_GAS_CAP).toBe(true);
      expect(BigInt(items) <= TRANSACTION_GAS_CAP / ((gasPerItem * 64n) / 63n + 6_000n)).toBe(true);
      expect(items).toBeGreaterThan(75);
    },
  );
});

describe('batchGasLimit', () => {
  it('is no less than the floor of the calldata', () => {
    const items = 200;
    const bytes = 4n + 8n * 32n + 32n * 200n;
    const limit = batchGasLimit({ gasPerItem: 60_000n, itemsGas: itemsGasOf([]), items });
    expect(limit).toBe(21_000n + 40n * bytes);
  });
});

describe('the limit of a batch suffices', () => {
  let chain: TestChain;
  let treasury: TestTreasury;
  beforeAll(async () => {
    chain = await startTestChain();
    treasury = await createTestTreasury(chain);
  });
  afterAll(async () => {
    await chain.stop();
  });

  let freshRecipients = 0;
  const addressOf = (number: number): string => `0x${number.toString(16).padStart(40, 'a')}`;
  const freshAddress = (): string => addressOf(0xf000_0000 + (freshRecipients += 1));
  const ordersTo = (recipients: readonly string[], token: TestToken): TransferOrder[] =>
    recipients.map((toAddress) =>
      treasury.orderOf({ toAddress, asset: treasury.assetOf(token), units: 1_234_567n }),
    );
  const recipientsOf = {
    fresh: (size: number) => Array.from({ length: size }, freshAddress),
    existing: (size: number) => Array.from({ length: size }, (_, index) => addressOf(index + 1)),
    mixed: (size: number) =>
      Array.from({ length: size }, (_, index) =>
        index % 2 === 1 ? freshAddress() : addressOf(index + 1),
      ),
  };

  /** By how much the limit is above what was used; in gas. */
  async function spareOf(
    orders: readonly TransferOrder[],
  ): Promise<{ used: bigint; spare: bigint }> {
    const attempt = await treasury.sign(orders);
    const { gasLimit } = await readLaneTransaction(attempt.transaction.rawTransaction);
    const sighting = await treasury.settle(attempt);
    expect(fatesOf(sighting).map(({ kind }) => kind)).toEqual(orders.map(() => 'paid'));
    const receipt = (await chain.rpc(
      'eth_getTransactionReceipt',
      attempt.transaction.transactionHash,
    )) as { gasUsed: string };
    const used = BigInt(receipt.gasUsed);
    return { used, spare: gasLimit - used };
  }

  describe.each(['USDT', 'USDC'] as const)('%s', (token) => {
    it.each([1, 2, 10, 50, 200])('for %i payouts', async (size) => {
      // The existing ones have the token from here on.
      await spareOf(ordersTo(recipientsOf.existing(size), token));
      for (const kind of ['existing', 'fresh', 'mixed'] as const) {
        const { used, spare } = await spareOf(ordersTo(recipientsOf[kind](size), token));
        // A share that the last item need not use, what is fixed at its dearest, and a fifth.
        expect(spare < 150_000n + (used * 3n) / 10n).toBe(true);
      }
    });
  });

  it('where recipients have emptied their accounts since', async () => {
    // Development accounts, which the node signs for.
    const [, ...accounts] = (await chain.rpc('eth_accounts')) as string[];
    const recipients = accounts.slice(0, 5);
    await spareOf(ordersTo(recipients, 'USDT'));
    const attempt = await treasury.sign(ordersTo(recipients, 'USDT'));
    const nobody = `0x${'b'.repeat(40)}` as const;
    for (const from of recipients.slice(0, 2)) {
      const units = await chain.balanceOf('USDT', from);
      const data = transferCalldata(nobody, units);
      await chain.rpc('eth_sendTransaction', { from, to: chain.tokens.USDT.address, data });
      await chain.mine(1);
      expect(await chain.balanceOf('USDT', from)).toBe(0n);
    }
    const fates = fatesOf(await treasury.settle(attempt));
    expect(fates.map(({ kind }) => kind)).toEqual(recipients.map(() => 'paid'));
  });
});

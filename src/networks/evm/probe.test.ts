import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recipient } from '../../../test/harness/batch-payer.ts';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import {
  createTestTreasury,
  STRANGER,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import {
  deployHostileToken,
  MANNERS,
  type HostileToken,
  type Manner,
} from '../../../test/harness/hostile-token.ts';
import { testKey } from '../../../test/harness/treasury-contract.ts';
import { present } from '../../base/assert.ts';
import type { EvmNode } from './node.ts';
import { connectNodes } from './nodes.ts';
import { probeBatch, type ProbedBatch, type ProbedItem } from './probe.ts';
import type { Hex } from './read-answer.ts';
import { lowerAddress } from './token.ts';

let chain: TestChain;
let treasury: TestTreasury;
let node: EvmNode;
beforeAll(async () => {
  chain = await startTestChain();
  treasury = await createTestTreasury(chain);
  const { chainId, rpcUrl } = chain;
  node = present(connectNodes({ chainId, rpcUrls: [rpcUrl] }).all[0], 'one URL gives one node');
});
afterAll(async () => {
  await chain.stop();
});

async function probe(changes: Partial<ProbedBatch> = {}): Promise<ProbedItem[]> {
  return await probeBatch(node, {
    treasury: lowerAddress(treasury.driver.treasury),
    sender: lowerAddress(treasury.driver.gasAccounts[0] ?? ''),
    token: lowerAddress(chain.tokens.USDT.address),
    gasPerItem: 100_000n,
    items: [{ to: recipient(0), units: 1n }],
    ...changes,
  });
}

describe('a probe', () => {
  it('tells what each item would take, and moves nothing', async () => {
    const before = await chain.balanceOf('USDT', treasury.driver.treasury);
    const items = [recipient(1), recipient(2), recipient(1)].map((to) => ({ to, units: 5n }));
    const [first, second, again] = await probe({ items });
    for (const item of [first, second, again]) {
      expect(item).toMatchObject({ paid: true, reverted: false, listed: false, reason: '0x' });
    }
    // A fresh recipient takes 17,100 more than one that has just been paid, whose slot is warm too.
    expect((second?.gasUsed ?? 0n) - (again?.gasUsed ?? 0n)).toBeGreaterThan(17_100);
    expect(first?.gasUsed).toBeGreaterThan(second?.gasUsed ?? 0n);
    expect(await chain.balanceOf('USDT', treasury.driver.treasury)).toBe(before);
  });

  it('runs balances down as the batch will', async () => {
    const held = await chain.balanceOf('USDT', treasury.driver.treasury);
    const items = [held - 1n, 2n, 1n].map((units) => ({ to: recipient(1), units }));
    const probed = await probe({ items });
    expect(probed.map(({ paid }) => paid)).toEqual([true, false, true]);
    // The token burns all of its gas where the balance is short.
    expect(probed[1]?.gasUsed).toBeGreaterThan(100_000n);
  });

  it.each(['USDT', 'USDC'] as const)('names recipients that %s lists', async (token) => {
    const items = [recipient(1), lowerAddress(STRANGER)].map((to) => ({ to, units: 5n }));
    await chain.setBlacklisted(token, STRANGER, true);
    const probed = await probe({ items, token: lowerAddress(chain.tokens[token].address) });
    expect(probed.map(({ listed }) => listed)).toEqual([false, true]);
    // Tether's contract asks about the sender only, and pays.
    expect(probed.map(({ paid }) => paid)).toEqual([true, token === 'USDT']);
    await chain.setBlacklisted(token, STRANGER, false);
  });

  it('gives the reason of a refusal', async () => {
    await chain.pauseToken('USDC', true);
    const [item] = await probe({ token: lowerAddress(chain.tokens.USDC.address) });
    expect(item).toMatchObject({ paid: false, reverted: true });
    expect(Buffer.from((item?.reason ?? '').slice(2), 'hex').toString()).toContain(
      'Pausable: paused',
    );
    await chain.pauseToken('USDC', false);
  });

  it('gives as many items as its gas suffices for', async () => {
    const items = Array.from({ length: 600 }, (_, index) => ({
      to: recipient(0x4000 + index),
      units: 1n,
    }));
    const fresh = await probe({ items });
    expect(fresh.length).toBeGreaterThan(250);
    expect(fresh.length).toBeLessThan(600);
    expect(fresh.every(({ paid }) => paid)).toBe(true);
    const held = await chain.balanceOf('USDT', treasury.driver.treasury);
    const short = items.map(({ to }) => ({ to, units: held + 1n }));
    const burnt = await probe({ items: short, gasPerItem: 200_000n });
    expect(burnt.length).toBeGreaterThan(60);
    expect(burnt.some(({ paid }) => paid)).toBe(false);
  });

  it('tries nothing where there is no token', async () => {
    expect(await probe({ token: recipient(9) })).toEqual([]);
  });
});

describe('its verdict is that of the treasury', () => {
  const submitter = testKey(0x22);
  let token: HostileToken;
  beforeAll(async () => {
    await chain.fund(submitter.address, { units: 0n });
    token = await deployHostileToken({
      chain,
      submitter,
      treasury: treasury.driver.treasury as Hex,
    });
  });

  // A recipient without code cannot be told of a payment, and a token that calls nobody fails too.
  it.each(MANNERS)('on a token that %s', async (manner: Manner) => {
    const to = recipient(0x900 + MANNERS.indexOf(manner));
    await token.setManner(to, manner);
    const [probed] = await probe({ token: token.address, items: [{ to, units: 100n }] });
    const verdict = await verdictOfTreasury(to);
    expect({ paid: probed?.paid, reverted: probed?.reverted }).toEqual(verdict);
  });

  /** By the events of a batch that was signed whatever an inspection says of it. */
  async function verdictOfTreasury(to: Hex): Promise<{ paid: boolean; reverted: boolean }> {
    const order = treasury.orderOf({
      asset: treasury.assetAt(token.address),
      toAddress: to,
      units: 100n,
    });
    const plan = { gasPerItem: 100_000n, itemsGas: 100_000n };
    nextNumber += 1n;
    const lane = await treasury.lane();
    const attempt = await treasury.driver.sign({ orders: [order], number: nextNumber, plan, lane });
    await treasury.send(attempt.transaction);
    await chain.mine(1);
    const receipt = (await chain.rpc(
      'eth_getTransactionReceipt',
      attempt.transaction.transactionHash,
    )) as { status: string; logs: { address: string; data: string }[] };
    expect(receipt.status).toBe('0x1');
    const own = receipt.logs.filter(
      ({ address }) => address === lowerAddress(treasury.driver.treasury),
    );
    // ItemFailed(index, reverted, reason) comes before BatchExecuted, where it comes.
    const failure = own.length === 2 ? own[0] : undefined;
    const reverted = BigInt(`0x${failure?.data.slice(66, 130) ?? '0'}`) === 1n;
    return { paid: failure === undefined, reverted };
  }

  let nextNumber = 9_000n;
});

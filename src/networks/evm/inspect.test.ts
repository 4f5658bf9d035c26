import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestChain, type TestChain, type TestToken } from '../../../test/harness/chain.ts';
import {
  createTestTreasury,
  fateOf,
  RECIPIENT,
  STRANGER,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import {
  startScriptedRpc,
  type Script,
  type ScriptedAnswer,
} from '../../../test/harness/scripted-rpc.ts';
import { SigningPostponed, type Inspection, type NetworkDriver } from '../network.ts';
import { FEE_POLICIES } from './fees.ts';

let chain: TestChain;
let treasury: TestTreasury;
let driver: NetworkDriver;
beforeAll(async () => {
  chain = await startTestChain();
  treasury = await createTestTreasury(chain);
  driver = treasury.driver;
});
afterAll(async () => {
  await chain.stop();
});

describe('inspect waits', () => {
  it.each<[string, () => Promise<void>, () => Promise<void>, RegExp, TestToken]>([
    [
      'while the token is paused',
      async () => await chain.pauseToken('USDT', true),
      async () => await chain.pauseToken('USDT', false),
      /^USDT on MATIC_MAINNET is paused by its issuer\.$/,
      'USDT',
    ],
    [
      'while the treasury is blacklisted',
      async () => await chain.setBlacklisted('USDC', driver.treasury, true),
      async () => await chain.setBlacklisted('USDC', driver.treasury, false),
      /^The treasury is blacklisted by the issuer of USDC/,
      'USDC',
    ],
    [
      'while the token takes a fee',
      async () => await chain.setFee(10, 1),
      async () => await chain.setFee(0, 0),
      /takes a fee; an exact transfer is not possible/,
      'USDT',
    ],
    [
      'for coins to pay gas with',
      async () => void (await chain.rpc('anvil_setBalance', driver.treasury, '0x1')),
      async () => await chain.fund(driver.treasury, { units: 0n }),
      /^The treasury is short of gas on MATIC_MAINNET: has 0\.000000000000000001 coins, needs /,
      'USDT',
    ],
  ])('%s', async (_, before, after, reason, token) => {
    await before();
    try {
      const inspection = await driver.inspect(treasury.orderOf({ asset: treasury.assetOf(token) }));
      expect(inspection).toMatchObject({
        kind: 'wait',
        reason: expect.stringMatching(reason) as unknown,
      });
    } finally {
      await after();
    }
    expect(await driver.inspect(treasury.orderOf({ asset: treasury.assetOf(token) }))).toEqual({
      kind: 'payable',
    });
  });

  it('for the token', async () => {
    const units = (await driver.treasuryUnits(treasury.assetOf('USDT'))) + 1n;
    expect(await driver.inspect(treasury.orderOf({ units }))).toMatchObject({
      kind: 'wait',
      reason: expect.stringMatching(
        /^The treasury is short of USDT on MATIC_MAINNET: has /,
      ) as unknown,
    });
  });

  it('for fees below the ceiling, and signing does so too', async () => {
    const poor = treasury.driverWith({
      feePolicy: { ...FEE_POLICIES.MATIC_MAINNET, maxFeeCeilingWei: 30_000_000_000n },
    });
    expect((await poor.inspect(treasury.orderOf())).kind).toBe('wait');
    const lane = { sender: driver.treasury, sequence: 99n };
    await expect(poor.sign([treasury.orderOf()], lane)).rejects.toThrow(SigningPostponed);
  });

  it.each<[string, string]>([
    ['for a node', 'http://127.0.0.1:9'],
    ['for a node that answers in HTML', 'html'],
  ])('%s', async (_, url) => {
    const html = await startScriptedRpc({ eth_chainId: () => ({ body: '<html>' }) });
    const lost = treasury.driverWith({ rpcUrls: [url === 'html' ? html.url : url] });
    expect((await lost.inspect(treasury.orderOf())).kind).toBe('wait');
    await html.close();
  });

  it('for a node of the right chain', async () => {
    expect((await treasury.driverWith({ chainId: 1 }).inspect(treasury.orderOf())).kind).toBe(
      'wait',
    );
  });
});

describe('a blacklisted recipient', () => {
  it.each(['USDC', 'USDT'] as const)('of %s is refused once that is final', async (token) => {
    const order = treasury.orderOf({ asset: treasury.assetOf(token), toAddress: STRANGER });
    expect(await driver.inspect(order)).toEqual({ kind: 'payable' });
    await chain.setBlacklisted(token, STRANGER, true);
    expect(await driver.inspect(order)).toMatchObject({
      kind: 'wait',
      reason: expect.stringContaining('not final yet') as unknown,
    });
    await chain.mine(4);
    expect(await driver.inspect(order)).toMatchObject({
      kind: 'refused',
      reason: `The recipient address is blacklisted by the issuer of ${token}.`,
      proof: { call: { to: chain.tokens[token].address }, result: true },
    });
    await chain.setBlacklisted(token, STRANGER, false);
    await chain.mine(4);
    expect(await driver.inspect(order)).toEqual({ kind: 'payable' });
  });

  it('that became one after signing is refused with proof, and nothing has moved', async () => {
    const order = treasury.orderOf({ asset: treasury.assetOf('USDC'), toAddress: STRANGER });
    const attempt = await treasury.sign(order);
    await chain.setBlacklisted('USDC', STRANGER, true);
    const units = await driver.treasuryUnits(order.asset);
    const sighting = await treasury.settle(attempt);
    expect(fateOf(sighting)).toMatchObject({
      kind: 'refused',
      payoutId: order.payoutId,
      reason: 'The recipient address is blacklisted by the issuer of USDC.',
      proof: { transactionHash: attempt.transactionHash, receiptStatus: 0 },
    });
    expect(await driver.treasuryUnits(order.asset)).toBe(units);
    const lane = { sender: driver.treasury, sequence: attempt.sequence + 1n };
    await expect(driver.sign([order], lane)).rejects.toThrow(SigningPostponed);
    await chain.setBlacklisted('USDC', STRANGER, false);
  });
});

describe('a token that refuses and does not speak of a blacklist', () => {
  const NOPE = `0x08c379a0${'20'.padStart(64, '0')}${'4'.padStart(64, '0')}${Buffer.from('Nope').toString('hex').padEnd(64, '0')}`;
  const FALSE = `0x${'0'.repeat(64)}`;
  const reverted = (data: string): ScriptedAnswer => ({
    error: { code: 3, message: 'execution reverted', data },
  });
  const takes: ScriptedAnswer = { result: '0x' };
  const order = { units: 20_000n, toAddress: RECIPIENT };

  /** Answers to transfer(): to the recipient, then to anybody else; newest, then finalized. */
  type Manners = readonly [readonly ScriptedAnswer[], readonly ScriptedAnswer[]];

  function nodeWith([recipient, control]: Manners): Script {
    return {
      eth_chainId: () => ({ result: `0x${chain.chainId.toString(16)}` }),
      eth_getBlockByNumber: () => ({
        result: { number: '0x9', hash: `0x${'99'.repeat(32)}`, transactions: [] },
      }),
      eth_feeHistory: () => ({ result: { baseFeePerGas: ['0x1', '0x1'], reward: [['0x1']] } }),
      eth_getBalance: () => ({ result: '0xde0b6b3a7640000' }),
      eth_call: ([request, block]) => {
        const { data } = request as { data: string };
        if (data.startsWith('0x70a08231')) return { result: `0x${'ffffff'.padStart(64, '0')}` };
        if (!data.startsWith('0xa9059cbb')) return reverted('0x');
        const answers = data.includes(RECIPIENT.slice(2).toLowerCase()) ? recipient : control;
        return answers[block === 'latest' ? 0 : 1] ?? reverted('0x');
      },
    };
  }

  async function inspectWith(manners: Manners): Promise<Inspection> {
    const node = await startScriptedRpc(nodeWith(manners));
    try {
      const lonely = treasury.driverWith({ rpcUrls: [node.url] });
      return await lonely.inspect(treasury.orderOf(order));
    } finally {
      await node.close();
    }
  }

  it.each<[string, Manners, string]>([
    [
      'with a reason',
      [
        [reverted(NOPE), reverted(NOPE)],
        [takes, takes],
      ],
      'Nope',
    ],
    [
      'without one',
      [
        [reverted('0x'), reverted('0x')],
        [takes, takes],
      ],
      'it gives no reason',
    ],
    [
      'by false',
      [
        [{ result: FALSE }, { result: FALSE }],
        [takes, takes],
      ],
      'it answered false',
    ],
  ])('only this recipient, now and finally, is refused: %s', async (_, manners, words) => {
    expect(await inspectWith(manners)).toMatchObject({
      kind: 'refused',
      reason: `The token contract refused the transfer: ${words}.`,
      proof: { block: { number: '9' }, call: { from: driver.treasury.toLowerCase() } },
    });
  });

  it.each<[string, Manners]>([
    [
      'everybody now',
      [
        [reverted(NOPE), reverted(NOPE)],
        [reverted(NOPE), takes],
      ],
    ],
    [
      'everybody finally',
      [
        [reverted(NOPE), reverted(NOPE)],
        [takes, reverted(NOPE)],
      ],
    ],
    [
      'this recipient since a moment',
      [
        [reverted(NOPE), takes],
        [takes, takes],
      ],
    ],
    [
      'this recipient, each time otherwise',
      [
        [reverted(NOPE), reverted('0x')],
        [takes, takes],
      ],
    ],
    [
      'by an answer that is no truth value',
      [
        [{ result: '0x02' }, { result: '0x02' }],
        [takes, takes],
      ],
    ],
    [
      'by a failure of the node',
      [
        [{ error: { code: -32000, message: 'out of gas' } }, takes],
        [takes, takes],
      ],
    ],
    [
      'while the node forgets the finalized state',
      [
        [reverted(NOPE), { error: { code: -32000, message: 'missing trie node' } }],
        [takes, takes],
      ],
    ],
  ])('is waited for where it refuses %s', async (_, manners) => {
    expect((await inspectWith(manners)).kind).toBe('wait');
  });
});

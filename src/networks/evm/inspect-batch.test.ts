import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { recipient } from '../../../test/harness/batch-payer.ts';
import { startTestChain, type TestChain, type TestToken } from '../../../test/harness/chain.ts';
import {
  createBareTreasury,
  createTestTreasury,
  fatesOf,
  followed,
  RECIPIENT,
  STRANGER,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import {
  deployHostileToken,
  type HostileToken,
  type Manner,
} from '../../../test/harness/hostile-token.ts';
import { createLyingNode } from '../../../test/harness/lying-node.ts';
import { startScriptedRpc, type ScriptedAnswer } from '../../../test/harness/scripted-rpc.ts';
import { testKey } from '../../../test/harness/treasury-contract.ts';
import { present } from '../../base/assert.ts';
import { SigningPostponed, type Inspection, type NetworkDriver } from '../network.ts';
import { RpcErrorAnswer } from '../nodes/json-rpc.ts';
import { FEE_POLICIES, TRANSACTION_GAS_CAP } from './fees.ts';
import { readLaneTransaction } from './lane-transaction.ts';

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

const NOTHING = { payable: [], refused: [], waiting: [], left: [], plan: null };

function idsOf(inspection: Inspection): Record<string, string[]> {
  return {
    payable: inspection.payable.map(({ payoutId }) => payoutId),
    refused: inspection.refused.map(({ payoutId }) => payoutId),
    waiting: inspection.waiting.map(({ payoutId }) => payoutId),
    left: [...inspection.left],
  };
}

function matching(text: RegExp): unknown {
  return expect.stringMatching(text);
}

describe('orders that can be paid', () => {
  it('are payable in their order, and nothing else is said of them', async () => {
    const orders = [RECIPIENT, STRANGER, RECIPIENT].map((toAddress) =>
      treasury.orderOf({ toAddress }),
    );
    const inspection = await treasury.inspect(orders);
    const { plan, freeUnits } = inspection;
    expect(inspection).toEqual({ ...NOTHING, payable: orders, freeUnits, plan });
    expect(inspection.plan).toMatchObject({ gasPerItem: 60_000n });
  });

  it('are free for the next batch where one does not hold them', async () => {
    const orders = Array.from({ length: 400 }, (_, index) =>
      treasury.orderOf({ toAddress: recipient(index), units: 1n }),
    );
    const inspection = await treasury.inspect(orders);
    const held = inspection.payable.length;
    expect(held).toBeGreaterThan(200);
    expect(inspection.payable).toEqual(orders.slice(0, held));
    expect(inspection.left).toEqual(orders.slice(held).map(({ payoutId }) => payoutId));
    const plan = present(inspection.plan, 'there is a plan');
    const order = { orders: inspection.payable, number: 77n, plan, lane: await treasury.lane() };
    const attempt = followed(await driver.sign(order), inspection.payable);
    const { gasLimit } = await readLaneTransaction(attempt.transaction.rawTransaction);
    expect(gasLimit <= TRANSACTION_GAS_CAP).toBe(true);
    const fates = fatesOf(await treasury.settle(attempt));
    expect(fates.every(({ kind }) => kind === 'paid')).toBe(true);
  });
});

describe('all orders wait', () => {
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
      /^The treasury is blacklisted by the issuer of USDC on MATIC_MAINNET\.$/,
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
      async () => await setCoins(1n),
      async () => await setCoins(10n ** 19n),
      /^The gas accounts are short of coins on MATIC_MAINNET: the fullest has 0\.000000000000000001, needs /,
      'USDT',
    ],
  ])('%s', async (_, before, after, reason, token) => {
    const orders = [RECIPIENT, STRANGER].map((toAddress) =>
      treasury.orderOf({ toAddress, asset: treasury.assetOf(token) }),
    );
    await before();
    try {
      const inspection = await treasury.inspect(orders);
      const waiting = orders.map(({ payoutId }) => ({ payoutId, reason: matching(reason) }));
      const { freeUnits } = inspection;
      expect(inspection).toEqual({ ...NOTHING, waiting, freeUnits });
    } finally {
      await after();
    }
    expect((await treasury.inspect(orders)).payable).toEqual(orders);
  });

  async function setCoins(wei: bigint): Promise<void> {
    for (const account of driver.gasAccounts) await chain.fund(account, { units: 0n, wei });
  }

  it('while the fees are above the ceiling, and signing does so too', async () => {
    const poor = treasury.driverWith({
      feePolicy: { ...FEE_POLICIES.MATIC_MAINNET, maxFeeCeilingWei: 30_000_000_000n },
    });
    const orders = [treasury.orderOf()];
    const { waiting } = await poor.inspect(orders, { unitsOnTheWay: 0n, taken: [] });
    expect(waiting[0]?.reason).toMatch(/the ceiling is 30000000000/);
    const { plan } = await treasury.inspect(orders);
    const lane = await treasury.lane();
    const order = { orders, number: 99n, plan: present(plan, 'a plan'), lane };
    await expect(poor.sign(order)).rejects.toThrow(SigningPostponed);
  });

  it.each<[string, ScriptedAnswer]>([
    ['that answers in HTML', { body: '<html>' }],
    ['of another chain', { result: '0x1' }],
    ['that fails', { error: { code: -32000, message: 'busy' } }],
  ])('for a node: one %s', async (_, answer) => {
    const node = await startScriptedRpc({ eth_chainId: () => answer });
    const lost = treasury.driverWith({ rpcUrls: [node.url] });
    const inspection = await lost.inspect([treasury.orderOf()], { unitsOnTheWay: 0n, taken: [] });
    expect(inspection).toMatchObject({ ...NOTHING, waiting: [{ reason: matching(/./) }] });
    await node.close();
  });

  it('for a treasury that is set up', async () => {
    const other = await startTestChain();
    try {
      const bare = createBareTreasury(other);
      await other.fund(bare.driver.treasury);
      expect(await bare.inspectOne(bare.orderOf())).toEqual({
        kind: 'wait',
        reason: 'The treasury is not set up on MATIC_MAINNET: its code is not deployed.',
      });
      await bare.keepUp();
      expect((await bare.inspectOne(bare.orderOf())).kind).toBe('payable');
      await other.rpc('anvil_setCode', bare.driver.treasury, `0xef0100${'12'.repeat(20)}`);
      expect(await bare.inspectOne(bare.orderOf())).toMatchObject({
        kind: 'wait',
        reason: matching(/the treasury account runs other code: 0xef0100(12)+\.$/),
      });
    } finally {
      await other.stop();
    }
  });
});

describe('what the treasury holds', () => {
  it('covers the orders that it can, and one that is too large holds up no other', async () => {
    const held = await chain.balanceOf('USDT', driver.treasury);
    const small = treasury.orderOf({ units: 5n });
    const large = treasury.orderOf({ units: held - 4n });
    const fitting = treasury.orderOf({ units: held - 5n });
    const more = treasury.orderOf({ units: 1n });
    const inspection = await treasury.inspect([small, large, fitting, more]);
    expect(idsOf(inspection)).toEqual({
      payable: [small.payoutId, fitting.payoutId],
      refused: [],
      waiting: [large.payoutId, more.payoutId],
      left: [],
    });
    expect(inspection.waiting[0]?.reason).toMatch(
      /^The treasury is short of USDT on MATIC_MAINNET: has /,
    );
  });

  it('is only what is not on the way already', async () => {
    const held = await chain.balanceOf('USDT', driver.treasury);
    const orders = [treasury.orderOf({ units: 10n }), treasury.orderOf({ units: 10n })];
    expect((await treasury.inspect(orders, held - 20n)).payable).toEqual(orders);
    expect((await treasury.inspect(orders, held - 19n)).payable).toEqual(orders.slice(0, 1));
    expect((await treasury.inspect(orders, held + 1n)).payable).toEqual([]);
  });

  it('is not counted in more units than a batch can say', async () => {
    expect(await treasury.inspectOne(treasury.orderOf({ units: 2n ** 96n }))).toMatchObject({
      kind: 'wait',
      reason: matching(/more than one transfer can hold/),
    });
  });
});

describe('an order to one of our own accounts', () => {
  it('is refused, and the others are paid', async () => {
    const own = [driver.treasury, ...driver.gasAccounts].map((toAddress) =>
      treasury.orderOf({ toAddress }),
    );
    const other = treasury.orderOf();
    const inspection = await treasury.inspect([...own, other]);
    expect(inspection.payable).toEqual([other]);
    expect(inspection.refused).toEqual(
      own.map(({ payoutId, toAddress }) => ({
        payoutId,
        reason: 'The recipient address is one of the accounts that payouts are made from.',
        proof: { ownAccount: toAddress },
      })),
    );
  });
});

describe('a blacklisted recipient', () => {
  afterEach(async () => {
    for (const token of ['USDT', 'USDC'] as const) {
      await chain.setBlacklisted(token, STRANGER, false);
    }
    await chain.mine(4);
  });

  it.each(['USDC', 'USDT'] as const)(
    'of %s is refused once that is final; the others are paid',
    async (token) => {
      const asset = treasury.assetOf(token);
      const [one, listed, two] = [RECIPIENT, STRANGER, RECIPIENT].map((toAddress) =>
        treasury.orderOf({ asset, toAddress }),
      );
      const orders = [one, listed, two].map((order) => present(order, 'there are three'));
      expect((await treasury.inspect(orders)).payable).toEqual(orders);
      await chain.setBlacklisted(token, STRANGER, true);
      const soon = await treasury.inspect(orders);
      expect(soon.payable).toEqual([one, two]);
      expect(soon.waiting).toEqual([
        { payoutId: listed?.payoutId, reason: matching(/not final yet/) },
      ]);
      await chain.mine(4);
      const then = await treasury.inspect(orders);
      expect(then.payable).toEqual([one, two]);
      expect(then.refused).toEqual([
        {
          payoutId: listed?.payoutId,
          reason: `The recipient address is blacklisted by the issuer of ${token}.`,
          proof: expect.objectContaining({ result: true }) as unknown,
        },
      ]);
    },
  );

  it('waits where too few nodes tell', async () => {
    const order = treasury.orderOf({ toAddress: STRANGER });
    await chain.setBlacklisted('USDT', STRANGER, true);
    await chain.mine(4);
    const lonely = treasury.driverWith({
      rpcUrls: [chain.rpcUrl, 'http://127.0.0.1:9'],
      timeoutMs: 2_000,
    });
    const inspection = await lonely.inspect([order], { unitsOnTheWay: 0n, taken: [] });
    expect(inspection.refused).toEqual([]);
    expect(inspection.waiting).toEqual([
      { payoutId: order.payoutId, reason: matching(/^Too few nodes answer/) },
    ]);
  });

  it('waits where the nodes do not agree', async () => {
    const other = await startTestChain();
    try {
      const order = treasury.orderOf({ toAddress: STRANGER });
      await chain.setBlacklisted('USDT', STRANGER, true);
      await chain.mine(4);
      // Of the same chain id, and with the same tokens at the same addresses; but nobody is listed.
      await other.fund(driver.treasury);
      await other.mine(4);
      const torn = treasury.driverWith({ rpcUrls: [chain.rpcUrl, other.rpcUrl] });
      const inspection = await torn.inspect([order], { unitsOnTheWay: 0n, taken: [] });
      expect(inspection.refused).toEqual([]);
      expect(inspection.waiting[0]?.reason).toMatch(/^The nodes do not agree/);
    } finally {
      await other.stop();
    }
  });
});

describe('a token that treats each recipient in its own manner', () => {
  const submitter = testKey(0x22);
  let token: HostileToken;
  beforeAll(async () => {
    await chain.fund(submitter.address, { units: 0n });
    token = await deployHostileToken({
      chain,
      submitter,
      treasury: driver.treasury as `0x${string}`,
    });
  });

  it.each<[Manner, 'payable' | 'refused' | 'waiting']>([
    ['Pays', 'payable'],
    ['PaysAndSaysTrue', 'payable'],
    ['SaysTrueAndMore', 'payable'],
    ['SaysTrueAtLength', 'payable'],
    ['Reverts', 'refused'],
    ['RevertsAtLength', 'refused'],
    ['SaysFalse', 'refused'],
    // Moved or not: a "no" after moving is the token's, and so is what cannot be read.
    ['PaysAndSaysFalse', 'refused'],
    ['SaysThree', 'waiting'],
    ['SaysTooLittle', 'waiting'],
  ])('%s: %s', async (manner, list) => {
    const bad = recipient(5_000 + manner.length);
    await token.setManner(bad, manner);
    await chain.mine(4);
    const orders = [recipient(1), bad, recipient(2)].map((toAddress) =>
      treasury.orderOf({ toAddress, asset: treasury.assetAt(token.address), units: 10n }),
    );
    const inspection = await treasury.inspect(orders);
    const odd = present(orders[1], 'there are three').payoutId;
    expect(idsOf(inspection)[list]).toContain(odd);
    for (const order of [orders[0], orders[2]]) expect(inspection.payable).toContainEqual(order);
  });

  it.each<Manner>(['LoopsForEver', 'BurnsAllGas'])(
    'burns the share of its own item only: %s',
    async (manner) => {
      const bad = recipient(6_000);
      await token.setManner(bad, manner);
      await chain.mine(4);
      const asset = treasury.assetAt(token.address);
      const orders = [bad, bad, bad, recipient(3)].map((toAddress) =>
        treasury.orderOf({ toAddress, asset, units: 10n }),
      );
      const inspection = await treasury.inspect(orders);
      expect(inspection.payable).toEqual(orders.slice(3));
      expect(
        inspection.payable.length + inspection.waiting.length + inspection.refused.length,
      ).toBe(orders.length);
    },
  );
});

describe('a node that lies about the probe', () => {
  const word = (value: number): string => value.toString(16).padStart(64, '0');

  it.each<[string, () => unknown]>([
    ['nothing', () => '0x'],
    ['a word', () => `0x${word(1)}`],
    ['no item', () => `0x${word(32)}${word(0)}`],
    ['more items than there are', () => `0x${word(32)}${word(2)}${paid(64)}${paid(64 + 192)}`],
    ['a revert', () => failure(3, 'execution reverted')],
    ['that it knows no overrides', () => failure(-32602, 'too many arguments')],
  ])('is passed over: it answers %s', async (_, answer) => {
    const { payable, refused, waiting } = await driverOver(answer).inspect([treasury.orderOf()], {
      unitsOnTheWay: 0n,
      taken: [],
    });
    expect({ payable, refused }).toEqual({ payable: [], refused: [] });
    expect(waiting).toMatchObject([{ reason: matching(/node 1/) }]);
  });

  it('and refuses nobody by it', async () => {
    const order = treasury.orderOf();
    const says = (paidWord: number, listedWord: number) => () =>
      `0x${word(32)}${word(1)}${word(32)}${word(paidWord)}${word(1 - paidWord)}${word(listedWord)}${word(30_000)}${word(160)}${word(0)}`;
    for (const answer of [says(0, 0), says(1, 1)]) {
      const inspection = await driverOver(answer).inspect([order], {
        unitsOnTheWay: 0n,
        taken: [],
      });
      expect(inspection).toMatchObject({ payable: [], refused: [], plan: null });
      expect(inspection.waiting).toHaveLength(1);
    }
    const honest = await driverOver(says(1, 0)).inspect([order], { unitsOnTheWay: 0n, taken: [] });
    expect(honest.payable).toEqual([order]);
  });

  function paid(offset: number): string {
    return word(offset);
  }

  function failure(code: number, message: string): never {
    throw new RpcErrorAnswer('node 1', 'eth_call', { code, message, data: undefined });
  }

  /** Over the real chain, but for the calls that put code somewhere. */
  function driverOver(answer: () => unknown): NetworkDriver {
    const node = createLyingNode(chain.rpcUrl, 'node 1');
    node.lies = { eth_call: (truth, params) => (params.length === 3 ? answer() : truth) };
    return treasury.driverWith({ endpoints: [node] });
  }
});

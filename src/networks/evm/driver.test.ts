import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import {
  createTestTreasury,
  fateOf,
  RECIPIENT,
  STRANGER,
  treasurySigners,
  type TestTreasury,
} from '../../../test/harness/evm-treasury.ts';
import { startScriptedRpc } from '../../../test/harness/scripted-rpc.ts';
import { createMnemonicSigner } from '../../treasury/mnemonic-signer.ts';
import { ChainMismatch, type NetworkDriver, type Signer, type TransferOrder } from '../network.ts';
import type { EvmDriverOptions } from './driver.ts';
import { FEE_POLICIES } from './fees.ts';
import { createEvmReader } from './reader.ts';
import { readSignedTransfer } from './transfer.ts';

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

describe('a transfer', () => {
  it('goes from unseen by waiting and included to paid', async () => {
    const order = treasury.orderOf({ units: 123_456n });
    const before = await chain.balanceOf('USDT', RECIPIENT);
    expect(await driver.inspect(order)).toEqual({ kind: 'payable' });
    const attempt = await treasury.sign(order);
    expect(attempt.fence).toBe(`${driver.treasury.toLowerCase()}:${attempt.sequence}`);
    expect(await driver.status(attempt)).toEqual({ kind: 'unseen' });
    expect(await driver.broadcast(attempt.rawTransaction)).toEqual({ kind: 'accepted' });
    expect(await driver.status(attempt)).toEqual({ kind: 'waiting' });
    await chain.mine(1);
    expect((await driver.status(attempt)).kind).toBe('included');
    await chain.mine(2);
    const sighting = await driver.status(attempt);
    const log = (await chain.transferLogs('USDT')).at(-1);
    expect(log).toMatchObject({ units: 123_456n, transactionHash: attempt.transactionHash });
    expect(fateOf(sighting)).toMatchObject({
      kind: 'paid',
      payoutId: order.payoutId,
      proof: { logIndex: String(log?.logIndex), transactionHash: attempt.transactionHash },
    });
    expect(sighting).toMatchObject({ block: { number: log?.blockNumber } });
    expect(await chain.balanceOf('USDT', RECIPIENT)).toBe(before + 123_456n);
  });

  it('costs what the treasury lost in coins', async () => {
    const wei = async (): Promise<bigint> =>
      BigInt((await chain.rpc('eth_getBalance', driver.treasury, 'latest')) as string);
    const before = await wei();
    const sighting = await treasury.settle(
      await treasury.sign(treasury.orderOf({ asset: treasury.assetOf('USDC') })),
    );
    expect(sighting).toMatchObject({ kind: 'final', feeUnits: before - (await wei()) });
  });

  it('is told the same by a reader without keys', async () => {
    const attempt = await treasury.sign(treasury.orderOf());
    const told = await treasury.settle(attempt);
    const { network, chainId, rpcUrl } = chain;
    const reader = createEvmReader({ network, chainId, rpcUrls: [rpcUrl] });
    expect(await reader.status(attempt)).toEqual(told);
  });

  it('counts up the lane and down the treasury', async () => {
    const [floor, units] = await Promise.all([
      driver.sequenceFloor(driver.treasury),
      driver.treasuryUnits(treasury.assetOf('USDT')),
    ]);
    await treasury.settle(await treasury.sign(treasury.orderOf()));
    expect(await driver.sequenceFloor(driver.treasury)).toBe(floor + 1n);
    expect(await driver.treasuryUnits(treasury.assetOf('USDT'))).toBe(units - 20_000n);
  });

  it('is not accepted twice, and is looked for instead', async () => {
    const attempt = await treasury.sign(treasury.orderOf());
    await treasury.settle(attempt);
    const again = await driver.broadcast(attempt.rawTransaction);
    expect(again.kind).toBe('look');
    expect((await driver.status(attempt)).kind).toBe('final');
  });
});

describe('sign', () => {
  const signer = treasurySigners.for('MATIC_MAINNET');
  const lane = { sender: '', sequence: 0n };
  beforeAll(async () => {
    lane.sender = driver.treasury;
    lane.sequence = await driver.sequenceFloor(driver.treasury);
  });

  it.each<[string, () => TransferOrder[]]>([
    ['no order', () => []],
    ['two orders', () => [treasury.orderOf(), treasury.orderOf()]],
    ['nothing', () => [treasury.orderOf({ units: 0n })]],
    ['too much', () => [treasury.orderOf({ units: 2n ** 256n })]],
    ['the zero address', () => [treasury.orderOf({ toAddress: `0x${'0'.repeat(40)}` })]],
    ['the token itself', () => [treasury.orderOf({ toAddress: chain.tokens.USDT.address })]],
    [
      'another network',
      () => [treasury.orderOf({ asset: { ...treasury.assetOf('USDT'), network: 'BSC_MAINNET' } })],
    ],
    [
      'a coin',
      () => [treasury.orderOf({ asset: { ...treasury.assetOf('USDT'), contract: null } })],
    ],
  ])('never signs %s', async (_, orders) => {
    let asked = 0;
    const counting: Signer = {
      ...signer,
      sign: async (payload) => {
        asked += 1;
        return await signer.sign(payload);
      },
    };
    await expect(treasury.driverWith({ signer: counting }).sign(orders(), lane)).rejects.toThrow();
    expect(asked).toBe(0);
  });

  it('never signs for a lane of somebody else', async () => {
    await expect(driver.sign([treasury.orderOf()], { ...lane, sender: STRANGER })).rejects.toThrow(
      'lane',
    );
  });

  it.each<[string, (signature: Uint8Array) => Uint8Array]>([
    ['another key', (it) => it],
    ['another recovery id', (it) => it.with(64, (it[64] ?? 0) ^ 1)],
    ['a changed r', (it) => it.with(5, (it[5] ?? 0) ^ 1)],
    ['64 bytes', (it) => it.subarray(0, 64)],
  ])('lets no bytes leave that a signer spoiled: %s', async (what, spoil) => {
    const other = createMnemonicSigner({
      mnemonic: 'test test test test test test test test test test test junk',
    }).for('MATIC_MAINNET');
    const spoiled: Signer = {
      ...signer,
      sign: async (payload) => spoil(await (what === 'another key' ? other : signer).sign(payload)),
    };
    await expect(
      treasury.driverWith({ signer: spoiled }).sign([treasury.orderOf()], lane),
    ).rejects.toThrow();
  });

  it('signs within the ceilings and above the floors', async () => {
    const first = await driver.sign([treasury.orderOf()], lane);
    expect(first.sender).toBe(driver.treasury);
    expect(first.sequence).toBe(lane.sequence);
    const said = await readSignedTransfer(first.rawTransaction);
    const policy = FEE_POLICIES.MATIC_MAINNET;
    expect(said.tipWei >= policy.tipFloorWei).toBe(true);
    expect(said.maxFeeWei <= policy.maxFeeCeilingWei).toBe(true);
    expect(said.gasLimit <= policy.gasCeiling).toBe(true);
  });
});

describe('broadcast', () => {
  it('is accepted where one node of several takes it', async () => {
    const attempt = await treasury.sign(treasury.orderOf());
    const several = treasury.driverWith({
      rpcUrls: ['http://127.0.0.1:9', chain.rpcUrl],
      timeoutMs: 2_000,
    });
    expect(await several.broadcast(attempt.rawTransaction)).toEqual({ kind: 'accepted' });
    await chain.mine(5);
    expect(fateOf(await driver.status(attempt)).kind).toBe('paid');
  });

  it.each([
    ['another hash', { result: `0x${'12'.repeat(32)}` }],
    ['null', { result: null }],
    ['already known', { error: { code: -32000, message: 'already known' } }],
    ['nonce too low', { error: { code: -32000, message: 'nonce too low' } }],
    ['underpriced', { error: { code: -32000, message: 'replacement transaction underpriced' } }],
    ['HTML', { body: '<html>', status: 502 }],
    ['nothing', 'hang'],
  ] as const)('means look where the node says %s', async (_, answer) => {
    const node = await startScriptedRpc({
      eth_chainId: () => ({ result: `0x${chain.chainId.toString(16)}` }),
      eth_sendRawTransaction: () => answer,
    });
    const lying = treasury.driverWith({ rpcUrls: [node.url], timeoutMs: 400 });
    const { kind } = await lying.broadcast(
      (await treasury.sign(treasury.orderOf())).rawTransaction,
    );
    expect(kind).toBe('look');
    expect(node.asked.filter((method) => method === 'eth_sendRawTransaction')).toHaveLength(1);
    await node.close();
  });
});

describe('verifyAssets', () => {
  it('takes the chain that the configuration describes', async () => {
    await driver.verifyAssets();
  });

  it.each<[string, () => Partial<EvmDriverOptions>]>([
    ['another chain id', () => ({ chainId: 1 })],
    ['other decimals', () => ({ assets: [{ ...treasury.assetOf('USDT'), decimals: 18 }] })],
    ['no contract', () => ({ assets: [treasury.assetAt(STRANGER)] })],
    ['a coin', () => ({ assets: [{ ...treasury.assetOf('USDT'), contract: null }] })],
  ])('throws ChainMismatch for %s', async (_, changes) => {
    const verified = treasury.driverWith(changes()).verifyAssets();
    await expect(verified).rejects.toThrow(ChainMismatch);
    await expect(verified).rejects.toMatchObject({ network: 'MATIC_MAINNET' });
  });

  it('throws ChainMismatch where any node is of another chain', async () => {
    const other = await startScriptedRpc({ eth_chainId: () => ({ result: '0x1' }) });
    const rpcUrls = [chain.rpcUrl, other.url];
    await expect(treasury.driverWith({ rpcUrls }).verifyAssets()).rejects.toThrow(ChainMismatch);
    await other.close();
  });

  it('throws something else where no node answers', async () => {
    const lost = treasury.driverWith({ rpcUrls: ['http://127.0.0.1:9'] }).verifyAssets();
    await expect(lost).rejects.not.toBeInstanceOf(ChainMismatch);
  });
});

describe('BSC', () => {
  it('pays 18 decimals exactly', async () => {
    const bsc = await startTestChain({ network: 'BSC_MAINNET' });
    try {
      const onBsc = await createTestTreasury(bsc);
      await onBsc.driver.verifyAssets();
      const units = 1_000_000_000_000_000_001n;
      const order = onBsc.orderOf({ units });
      expect(await onBsc.driver.inspect(order)).toEqual({ kind: 'payable' });
      const attempt = await onBsc.sign(order);
      expect(fateOf(await onBsc.settle(attempt))).toMatchObject({
        kind: 'paid',
        proof: { units: '1000000000000000001' },
      });
      expect(await bsc.balanceOf('USDT', RECIPIENT)).toBe(units);
      // The same bytes are nothing to another chain, whose reader does not even ask.
      expect((await driver.status(attempt)).kind).toBe('unknown');
    } finally {
      await bsc.stop();
    }
  });
});

import {
  encodeDeployData,
  getContractAddress,
  recoverAddress,
  toHex,
  zeroAddress,
  type Abi,
  type Hex,
} from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { present } from '../src/base/assert.ts';
import { readArtifact } from '../src/sandbox/deploy-tokens.ts';
import {
  createBatchPayer,
  recipient,
  TREASURY_KINDS,
  type BatchPayer,
} from '../test/harness/batch-payer.ts';
import { startTestChain, type TestChain } from '../test/harness/chain.ts';
import {
  cancelData,
  deployContract,
  digestOf,
  executeData,
  post,
  readReport,
  receiptOf,
  refusalOf,
  send,
  signBatch,
  signCancellation,
  testKey,
  type Batch,
} from '../test/harness/treasury-contract.ts';

// Whose word moves the treasury's money, and how often.

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const stranger = testKey(0x33);

let chain: TestChain;
let before: unknown;
beforeAll(async () => {
  chain = await startTestChain({ network: 'ETHEREUM_MAINNET' });
  await chain.fund(stranger.address, { units: 0n });
});
afterAll(async () => await chain.stop());
beforeEach(async () => {
  before = await chain.rpc('evm_snapshot');
});
afterEach(async () => {
  await chain.rpc('evm_revert', before as string);
});

async function balanceOf(token: 'USDT' | 'USDC', index: number): Promise<bigint> {
  return await chain.balanceOf(token, recipient(index));
}

describe.each(TREASURY_KINDS)('a treasury that is a %s', (kind) => {
  let payer: BatchPayer;
  beforeEach(async () => {
    payer = await createBatchPayer(chain, kind);
  });

  test.each(['USDT', 'USDC'] as const)('pays %s as signed, and says which batch', async (token) => {
    const items = [1, 2, 3].map((index) => ({ to: recipient(index), units: BigInt(index) * 10n }));
    const batch = payer.batchOf({ items, token: chain.tokens[token].address as Hex });
    expect(await payer.isSpent(batch.batchId)).toBe(false);
    const { receipt, report } = await payer.execute(batch);
    expect(receipt.succeeded).toBe(true);
    const digest = digestOf(batch, payer);
    expect(report).toEqual({ batchId: batch.batchId, digest, failed: 0n, failures: [] });
    for (const index of [1, 2, 3]) {
      expect(await balanceOf(token, index)).toBe(BigInt(index) * 10n);
    }
    expect(await payer.isSpent(batch.batchId)).toBe(true);
  });

  test('pays the largest amount that an item can hold, and no more than it says', async () => {
    const most = 2n ** 96n - 1n;
    await chain.fund(payer.treasury, { units: most });
    const batch = payer.batchOf({ items: [{ to: recipient(1), units: most }] });
    expect((await payer.execute(batch)).report).toMatchObject({ failed: 0n });
    expect(await balanceOf('USDT', 1)).toBe(most);
  });

  test('spends an id once, for the same items and for others', async () => {
    const batch = payer.batchOf();
    await payer.execute(batch);
    expect(await payer.refusal(await payer.dataOf(batch))).toBe('AlreadySpent');
    const other = { ...batch, items: [{ to: recipient(9), units: 5n }] };
    expect((await payer.execute(other)).receipt.succeeded).toBe(false);
    expect(await payer.refusal(await payer.dataOf(other))).toBe('AlreadySpent');
    expect(await balanceOf('USDT', 0)).toBe(1n);
    expect(await balanceOf('USDT', 9)).toBe(0n);
  });

  test('spends no id but the batch’s own', async () => {
    const ids = [0n, 1n, 255n, 256n, 2n ** 128n, 2n ** 256n - 1n];
    for (const [position, batchId] of ids.entries()) {
      for (const later of ids.slice(position)) expect(await payer.isSpent(later)).toBe(false);
      expect((await payer.execute(payer.batchOf({ batchId }))).receipt.succeeded).toBe(true);
      expect(await payer.isSpent(batchId)).toBe(true);
    }
  });

  test('does nothing for another key', async () => {
    const batch = payer.batchOf();
    const forged = executeData(batch, await signBatch(stranger, batch, payer));
    expect(await payer.refusal(forged)).toBe('InvalidSignature');
    expect((await payer.call({ data: forged })).succeeded).toBe(false);
    expect(await payer.isSpent(batch.batchId)).toBe(false);
  });

  test.each<[string, (batch: Batch) => Partial<Batch>]>([
    ['batch id', () => ({ batchId: 77n })],
    ['deadline', ({ deadline }) => ({ deadline: deadline + 1n })],
    ['token', () => ({ token: chain.tokens.USDC.address as Hex })],
    ['gas per item', ({ gasPerItem }) => ({ gasPerItem: gasPerItem - 1n })],
    ['amount', () => ({ items: [{ to: recipient(0), units: 2n }] })],
    ['recipient', () => ({ items: [{ to: recipient(1), units: 1n }] })],
    ['number of items', ({ items }) => ({ items: [...items, ...items] })],
  ])('does nothing for another %s than the signed one', async (_, change) => {
    const batch = payer.batchOf();
    const altered = { ...batch, ...change(batch) };
    const data = executeData(altered, await payer.sign(batch));
    expect(await payer.refusal(data)).toBe('InvalidSignature');
    expect(await payer.refusal(await payer.dataOf(batch))).toBeNull();
  });

  test('does nothing for a signature made for another chain or another treasury', async () => {
    const batch = payer.batchOf();
    const places = [
      { ...payer, chainId: 137 },
      { ...payer, treasury: chain.tokens.USDT.address as Hex },
    ];
    for (const place of places) {
      const data = executeData(batch, await signBatch(payer.key, batch, place));
      expect(await payer.refusal(data)).toBe('InvalidSignature');
    }
  });

  test('a deadline of this very second is in time; one of the second before is not', async () => {
    const newest = (await chain.rpc('eth_getBlockByNumber', 'latest', false)) as { timestamp: Hex };
    const deadline = BigInt(newest.timestamp) + 100n;
    const [inTime, late] = [payer.batchOf({ deadline }), payer.batchOf({ deadline })];
    await chain.rpc('evm_setNextBlockTimestamp', toHex(deadline));
    expect((await payer.execute(inTime)).receipt.succeeded).toBe(true);
    await chain.rpc('evm_setNextBlockTimestamp', toHex(deadline + 1n));
    expect((await payer.execute(late)).receipt.succeeded).toBe(false);
    expect(await payer.refusal(await payer.dataOf(late))).toBe('Expired');
    expect(await payer.isSpent(late.batchId)).toBe(false);
  });

  test('refuses a batch of nothing, and a token that is no contract', async () => {
    const empty = payer.batchOf({ items: [] });
    expect(await payer.refusal(await payer.dataOf(empty))).toBe('NoItems');
    for (const token of [recipient(5), zeroAddress, toHex(4, { size: 20 })]) {
      const batch = payer.batchOf({ token });
      expect(await payer.refusal(await payer.dataOf(batch))).toBe('NotAToken');
      expect((await payer.execute(batch)).receipt.succeeded).toBe(false);
      expect(await payer.isSpent(batch.batchId)).toBe(false);
    }
  });

  test('refuses data that is cut short, at every byte', async () => {
    const items = [0, 1].map((index) => ({ to: recipient(index), units: 1n }));
    const data = await payer.dataOf(payer.batchOf({ items }));
    for (let bytes = (data.length - 2) / 2 - 1; bytes >= 0; bytes -= 1) {
      // No data at all is a transfer of coins, which a delegated account takes.
      if (bytes === 0 && kind === 'delegated account') continue;
      expect(
        await payer.refusal(data.slice(0, 2 + 2 * bytes) as Hex),
        `${bytes} bytes`,
      ).not.toBeNull();
    }
  });

  test('pays the signed items only, whatever is written behind or between them', async () => {
    const batch = payer.batchOf();
    const data = await payer.dataOf(batch);
    const words: string[] = data.slice(10).match(/.{64}/g) ?? [];
    expect(words).toHaveLength(9);
    const replaced = (index: number, value: bigint): Hex =>
      `${data.slice(0, 10)}${words.with(index, value.toString(16).padStart(64, '0')).join('')}` as Hex;
    const extra = present(words[8], 'the item is the last word');
    // A length of two takes the word behind as a second item; a length of none is no batch.
    expect(await payer.refusal(`${replaced(7, 2n)}${extra}`)).toBe('InvalidSignature');
    expect(await payer.refusal(replaced(7, 0n))).toBe('NoItems');
    expect(await payer.refusal(replaced(7, 2n ** 251n))).not.toBeNull();
    // An offset elsewhere reads other items; an address with dirt above it is none.
    expect(await payer.refusal(replaced(4, 160n))).not.toBeNull();
    expect(await payer.refusal(replaced(4, 2n ** 255n))).not.toBeNull();
    expect(await payer.refusal(replaced(2, BigInt(batch.token) + 2n ** 160n))).not.toBeNull();
    const receipt = await payer.call({ data: `${data}${extra}${'ff'.repeat(77)}` });
    expect(readReport(receipt, payer.treasury)).toMatchObject({ failed: 0n });
    expect(await balanceOf('USDT', 0)).toBe(1n);
  });

  test('cancels an id by signature, once, here only, and after that nothing runs under it', async () => {
    const batch = payer.batchOf();
    const { batchId } = batch;
    const signature = await signCancellation(payer.key, batchId, payer);
    const elsewhere = await signCancellation(payer.key, batchId, { ...payer, chainId: 56 });
    expect(await payer.refusal(cancelData(batchId, elsewhere))).toBe('InvalidSignature');
    expect(await payer.refusal(cancelData(batchId + 1n, signature))).toBe('InvalidSignature');
    expect(await payer.refusal(cancelData(batchId, await payer.sign(batch)))).toBe(
      'InvalidSignature',
    );
    expect(await payer.refusal(executeData(batch, signature))).toBe('InvalidSignature');
    const receipt = await payer.call({ data: cancelData(batchId, signature) });
    expect(receipt.logs).toHaveLength(1);
    expect(await payer.isSpent(batchId)).toBe(true);
    expect(await payer.refusal(await payer.dataOf(batch))).toBe('AlreadySpent');
    expect(await payer.refusal(cancelData(batchId, signature))).toBe('AlreadySpent');
  });

  test('whoever submits first, pays the gas; the money moves once', async () => {
    const batch = payer.batchOf();
    const data = await payer.dataOf(batch);
    const [first, second] = [
      await post(chain, stranger, { to: payer.treasury, data, gas: 300_000n }),
      await post(chain, payer.submitter, { to: payer.treasury, data, gas: 300_000n }),
    ];
    await chain.mine();
    const receipts = [await receiptOf(chain, first), await receiptOf(chain, second)];
    expect(receipts.filter(({ succeeded }) => succeeded)).toHaveLength(1);
    expect(await balanceOf('USDT', 0)).toBe(1n);
  });
});

describe('a signature', () => {
  test('of a chain with another id is refused here, for the same accounts and addresses', async () => {
    const there = await startTestChain({ network: 'ETHEREUM_MAINNET', chainId: 61 });
    try {
      const payer = await createBatchPayer(chain);
      const twin = await createBatchPayer(there);
      expect(twin.treasury).toBe(payer.treasury);
      expect(there.tokens).toEqual(chain.tokens);
      const batch = payer.batchOf();
      const data = await payer.dataOf(batch);
      expect(await twin.refusal(data)).toBe('InvalidSignature');
      expect((await payer.call({ data })).succeeded).toBe(true);
    } finally {
      await there.stop();
    }
  });

  test('has one form: neither its mirror nor a high s is taken', async () => {
    const payer = await createBatchPayer(chain);
    const batch = payer.batchOf();
    const { r, yParityAndS } = await payer.sign(batch);
    const word = BigInt(yParityAndS);
    const s = word & (2n ** 255n - 1n);
    for (const mirrored of [word ^ (1n << 255n), ORDER - s, (ORDER - s) ^ (1n << 255n)]) {
      const forged = { r, yParityAndS: toHex(mirrored & (2n ** 256n - 1n), { size: 32 }) };
      expect(await payer.refusal(executeData(batch, forged))).toBe('InvalidSignature');
    }
  });

  // Half of the order is just below 2^255, so no key would meet a high s that fits in 255 bits. But
  // any (r, s) recovers to some address, and a contract's own address does not depend on its key.
  test('with a high s that recovers to the very signer is refused', async () => {
    const payer = await createBatchPayer(chain);
    const { address, deploy } = await nextDeployment();
    const batch = payer.batchOf();
    const digest = digestOf(batch, { chainId: chain.chainId, treasury: address });
    const { r } = await payer.sign(batch);
    for (const [s, taken] of [
      [ORDER / 2n + 1n, false],
      [ORDER / 2n, true],
    ] as const) {
      const signature = { r, s: toHex(s, { size: 32 }), v: 27n };
      const signer = await recoverAddress({ hash: digest, signature });
      const state = await chain.rpc('evm_snapshot');
      expect(await deploy(signer)).toBe(address);
      const data = executeData(batch, { r, yParityAndS: signature.s });
      const from = payer.submitter.address;
      expect(await refusalOf(chain, { from, to: address, data })).toBe(
        taken ? null : 'InvalidSignature',
      );
      await chain.rpc('evm_revert', state as string);
    }
  });

  test('that recovers to nobody does not sign for a treasury without a key', async () => {
    const payer = await createBatchPayer(chain);
    const keyless = await deployContract(chain, stranger, {
      name: 'Treasury',
      args: [zeroAddress],
    });
    const batch = payer.batchOf();
    for (const r of [0n, 1n, ORDER, 2n ** 256n - 1n]) {
      for (const s of [0n, 1n, ORDER / 2n, 2n ** 255n]) {
        const nobody = { r: toHex(r, { size: 32 }), yParityAndS: toHex(s, { size: 32 }) };
        for (const to of [keyless, payer.treasury]) {
          const call = { from: stranger.address, to, data: executeData(batch, nobody) };
          expect(await refusalOf(chain, call)).toBe('InvalidSignature');
        }
      }
    }
  });
});

/** Where the stranger's next contract will be, and the deployment of a treasury there. */
async function nextDeployment() {
  const artifact = (await readArtifact('Treasury')) as unknown as { abi: Abi; bytecode: Hex };
  const count = await chain.rpc('eth_getTransactionCount', stranger.address, 'latest');
  const address = getContractAddress({ from: stranger.address, nonce: BigInt(count as string) });
  const deploy = async (signer: Hex): Promise<Hex | null> => {
    const data = encodeDeployData({ ...artifact, args: [signer] });
    return (await send(chain, stranger, { data })).contractAddress;
  };
  return { address: address.toLowerCase() as Hex, deploy };
}

import { toHex, type Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { present } from '../src/base/assert.ts';
import { createBatchPayer, recipient, type BatchPayer } from '../test/harness/batch-payer.ts';
import { payOurs, payPlain, startBatchWorld } from '../bench/batch-world.ts';
import { startTestChain, type TestChain } from '../test/harness/chain.ts';
import { deployHostileToken, gasSeen, type HostileToken } from '../test/harness/hostile-token.ts';
import {
  post,
  readReport,
  receiptOf,
  refusalOf,
  type Batch,
  type ContractReceipt,
} from '../test/harness/treasury-contract.ts';

// Gas decides whether a batch runs; it never decides what becomes of an item.

const TRANSACTION_CAP = 16_777_216n;

let chain: TestChain;
let payer: BatchPayer;
let token: HostileToken;
beforeAll(async () => {
  chain = await startTestChain({ network: 'ETHEREUM_MAINNET' });
  payer = await createBatchPayer(chain);
  token = await deployHostileToken(payer);
  await token.setManner(recipient(1), 'LoopsForEver');
  await token.setManner(recipient(3), 'SaysFalse');
  await token.setManner(recipient(4), 'RevertsAtLength');
  await token.setManner(recipient(5), 'SaysTrueAtLength');
});
afterAll(async () => await chain.stop());

/** A transaction as if it were the only one, and what it would have left. */
async function tryOut(data: Hex, gas: bigint, batchId: bigint) {
  const before = (await chain.rpc('evm_snapshot')) as string;
  const hash = await post(chain, payer.submitter, { to: payer.treasury, data, gas });
  await chain.mine();
  const receipt = await receiptOf(chain, hash);
  const spent = await payer.isSpent(batchId);
  await chain.rpc('evm_revert', before);
  return { receipt, spent };
}

/** Everything that a receipt tells of the items: their fates, and the gas that each was given. */
function fatesOf(receipt: ContractReceipt) {
  return { report: readReport(receipt, payer.treasury), gas: gasSeen(receipt, token) };
}

/** Six items of six manners, which pay, fail, answer no and use up what they are given. */
function mixedBatch(): Batch {
  const items = [0, 1, 2, 3, 4, 5].map((index) => ({ to: recipient(index), units: 10n }));
  return payer.batchOf({ token: token.address, gasPerItem: 90_000n, items });
}

describe('a submitter that sends too little gas', () => {
  let batch: Batch;
  let data: Hex;
  let wanted: ReturnType<typeof fatesOf>;
  let intrinsic: bigint;
  let enough: bigint;
  beforeAll(async () => {
    batch = mixedBatch();
    data = await payer.dataOf(batch);
    const plenty = await tryOut(data, TRANSACTION_CAP, batch.batchId);
    wanted = fatesOf(plenty.receipt);
    // The least that a node takes at all: the base and the calldata (EIP-2028; EIP-7623's floor).
    const bytes = data.slice(2).match(/../g) ?? [];
    const zeros = BigInt(bytes.filter((byte) => byte === '00').length);
    intrinsic = 21_000n + 10n * (zeros + 4n * (BigInt(bytes.length) - zeros));
    enough = await leastGas(intrinsic, plenty.receipt.gasUsed * 2n);
  });

  async function leastGas(tooLittle: bigint, plenty: bigint): Promise<bigint> {
    if (plenty - tooLittle <= 1n) return plenty;
    const middle = (tooLittle + plenty) / 2n;
    const { receipt } = await tryOut(data, middle, batch.batchId);
    return receipt.succeeded ? await leastGas(tooLittle, middle) : await leastGas(middle, plenty);
  }

  async function expectAllOrNothing(gas: bigint): Promise<boolean> {
    const { receipt, spent } = await tryOut(data, gas, batch.batchId);
    expect(spent, `spent with ${gas} gas`).toBe(receipt.succeeded);
    if (receipt.succeeded) expect(fatesOf(receipt), `fates with ${gas} gas`).toEqual(wanted);
    else expect(receipt.logs, `events with ${gas} gas`).toEqual([]);
    return receipt.succeeded;
  }

  test('sees these fates where there is plenty', () => {
    expect(wanted.report?.failures.map(({ index, reverted }) => [index, reverted])).toEqual([
      [1n, true],
      [3n, false],
      [4n, true],
    ]);
    // The items that reverted left no event of the token; each of the others began with its share.
    expect(wanted.gas).toHaveLength(4);
    for (const gas of wanted.gas) expect(90_000n - gas).toBeLessThan(1_500n);
  });

  test('either stops the whole batch or changes nothing: from too little to twice enough', async () => {
    let ran = 0;
    let stopped = 0;
    for (let gas = intrinsic; gas < enough * 2n; gas += 1_999n) {
      if (await expectAllOrNothing(gas)) ran += 1;
      else stopped += 1;
    }
    expect(ran).toBeGreaterThan(50);
    expect(stopped).toBeGreaterThan(50);
  });

  test('either stops the whole batch or changes nothing: at every limit about the least', async () => {
    for (let gas = enough - 150n; gas < enough + 150n; gas += 1n) {
      expect(await expectAllOrNothing(gas), `runs with ${gas} gas`).toBe(gas >= enough);
    }
  });

  test('is told so', async () => {
    const call = { from: payer.submitter.address, to: payer.treasury, data };
    const gas = toHex(enough - 10_000n);
    expect(await refusalOf(chain, { ...call, gas })).toBe('NotEnoughGas');
  });
});

describe('a token that wastes gas', () => {
  test('costs its own items’ share, and no other’s', async () => {
    const items = [1, 6, 1, 7, 1].map((index) => ({ to: recipient(index), units: 10n }));
    const batch = payer.batchOf({ token: token.address, gasPerItem: 80_000n, items });
    const data = await payer.dataOf(batch);
    const { receipt } = await tryOut(data, TRANSACTION_CAP, batch.batchId);
    const failed = readReport(receipt, payer.treasury)?.failures.map(({ index }) => index);
    expect(failed).toEqual([0n, 2n, 4n]);
    expect(receipt.gasUsed).toBeGreaterThan(3n * 80_000n);
    expect(receipt.gasUsed).toBeLessThan(3n * 80_000n + 200_000n);
  });

  test('cannot stop a batch that was signed small enough for the worst of it', async () => {
    const gasPerItem = 60_000n;
    const most = TRANSACTION_CAP / ((gasPerItem * 64n) / 63n + 6_000n);
    const items = Array.from({ length: Number(most) }, () => ({ to: recipient(1), units: 10n }));
    const batch = payer.batchOf({ token: token.address, gasPerItem, items });
    const { receipt } = await tryOut(await payer.dataOf(batch), TRANSACTION_CAP, batch.batchId);
    expect(readReport(receipt, payer.treasury)?.failed).toBe(most);
  });

  test('cannot make the treasury pay for what it returns', async () => {
    const used = async (index: number, gasPerItem: bigint): Promise<bigint> => {
      const items = Array.from({ length: 20 }, () => ({ to: recipient(index), units: 10n }));
      const batch = payer.batchOf({ token: token.address, gasPerItem, items });
      const data = await payer.dataOf(batch);
      const { receipt } = await tryOut(data, TRANSACTION_CAP, batch.batchId);
      const failed = present(readReport(receipt, payer.treasury), 'the batch ran').failed;
      expect(failed).toBe(index === 4 ? 20n : 0n);
      return receipt.gasUsed / 20n;
    };
    // Bringing 100,000 bytes into memory takes 28,600 gas; the token pays that for itself, and the
    // treasury copies 256 of them into an event, or none.
    const plain = await used(6, 90_000n);
    expect(await used(4, 90_000n)).toBeLessThan(28_600n + 14_000n);
    expect(await used(5, 90_000n)).toBeLessThan(plain + 28_600n + 1_000n);
  });

  test('fails by its share alone where the treasury signed too small a share', async () => {
    const items = [6, 7].map((index) => ({ to: recipient(index), units: 10n }));
    const batch = payer.batchOf({ token: token.address, gasPerItem: 4_000n, items });
    const data = await payer.dataOf(batch);
    const { receipt } = await tryOut(data, TRANSACTION_CAP, batch.batchId);
    expect(readReport(receipt, payer.treasury)?.failures).toEqual(
      [0n, 1n].map((index) => ({ index, reverted: true, reason: '0x' })),
    );
  });

  test.each([2n ** 24n, 2n ** 64n, 2n ** 256n - 1n])(
    'a share of %d gas, which no transaction has, stops the batch',
    async (gasPerItem) => {
      const batch = payer.batchOf({ token: token.address, gasPerItem });
      const data = await payer.dataOf(batch);
      const { receipt, spent } = await tryOut(data, TRANSACTION_CAP, batch.batchId);
      expect([receipt.succeeded, spent]).toEqual([false, false]);
    },
  );
});

test('fifty payouts of USDT to existing recipients cost at most 0.30 of plain transfers', async () => {
  const world = await startBatchWorld();
  try {
    const items = world.recipients(50);
    await world.seed('USDT', items);
    const [ours, plain] = [
      await payOurs(world, 'USDT', items),
      await payPlain(world, 'USDT', items.slice(0, 5)),
    ];
    expect(Number(ours) / 50 / (Number(plain) / 5)).toBeLessThanOrEqual(0.3);
  } finally {
    await world.stop();
  }
});

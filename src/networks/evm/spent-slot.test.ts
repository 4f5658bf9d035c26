import { keccak256, stringToHex, toHex } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBatchPayer, type BatchPayer } from '../../../test/harness/batch-payer.ts';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import { isSpentIn, spentSlotOf } from './spent-slot.ts';

let chain: TestChain;
let payer: BatchPayer;
beforeAll(async () => {
  chain = await startTestChain({ network: 'MATIC_MAINNET' });
  payer = await createBatchPayer(chain);
});
afterAll(async () => await chain.stop());

async function isSpent(batchId: bigint): Promise<boolean> {
  const place = spentSlotOf(batchId);
  const word = await chain.rpc('eth_getStorageAt', payer.treasury, place.slot, 'latest');
  return isSpentIn(BigInt(word as string), place);
}

it.each([1n, 3n, 255n, 256n, 257n, 511n, 2n ** 64n, 2n ** 255n, 2n ** 256n - 1n])(
  'finds the bit of %d where the treasury sets it',
  async (batchId) => {
    expect(await isSpent(batchId)).toBe(false);
    await payer.execute(payer.batchOf({ batchId }));
    expect(await isSpent(batchId)).toBe(true);
  },
);

it('sits at the root that ERC-7201 gives to knit.treasury', () => {
  const inner = BigInt(keccak256(stringToHex('knit.treasury'))) - 1n;
  const root = BigInt(keccak256(toHex(inner, { size: 32 }))) & ~0xffn;
  // The mapping's first word, by Solidity's rule: keccak256(key . slot).
  const first = keccak256(`0x${'0'.repeat(64)}${root.toString(16)}`);
  expect(spentSlotOf(0n)).toEqual({ slot: first, bit: 0n });
});

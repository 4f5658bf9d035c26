import { keccak256 } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestChain, type TestChain } from '../../../test/harness/chain.ts';
import { createTestTreasury, type TestTreasury } from '../../../test/harness/evm-treasury.ts';
import type { Hex } from './read-answer.ts';
import { TREASURY_CODE, TREASURY_CODE_HASH, DELEGATED_CODE } from './treasury-code.ts';

let chain: TestChain;
let treasury: TestTreasury;
beforeAll(async () => {
  chain = await startTestChain();
  treasury = await createTestTreasury(chain);
});
afterAll(async () => {
  await chain.stop();
});

it('is the code that a deployment leaves', async () => {
  const code = (await chain.rpc('eth_getCode', TREASURY_CODE, 'latest')) as Hex;
  expect(keccak256(code)).toBe(TREASURY_CODE_HASH);
  const own = await chain.rpc('eth_getCode', treasury.driver.treasury, 'latest');
  expect(own).toBe(DELEGATED_CODE);
});

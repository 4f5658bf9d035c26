import { expect, test } from 'vitest';
import { NETWORK_IDS } from '../money/asset.ts';
import { paceOn, STANDARD_PACE } from './standard-pace.ts';

test('a fee is not raised before the blocks that it was chosen for have passed', () => {
  const patience = NETWORK_IDS.map((id) => [id, paceOn(id, STANDARD_PACE).replaceAfterMs / 60_000]);
  expect(Object.fromEntries(patience)).toEqual({
    BITCOIN_MAINNET: 30,
    ETHEREUM_MAINNET: 0.75,
    MATIC_MAINNET: 0.75,
    TRON_MAINNET: 0.75,
    BSC_MAINNET: 0.75,
    SOL_MAINNET: 0.75,
  });
});

test('a lease outlasts the slow answers of a network', () => {
  const { replaceAfterMs, leaseMs, ...rest } = paceOn('BITCOIN_MAINNET', STANDARD_PACE);
  expect([replaceAfterMs, leaseMs]).toEqual([1_800_000, 120_000]);
  expect(STANDARD_PACE).toMatchObject(rest);
  expect(paceOn('TRON_MAINNET', STANDARD_PACE)).toEqual(STANDARD_PACE);
});

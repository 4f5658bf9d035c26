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
  const { replaceAfterMs, ...rest } = paceOn('BITCOIN_MAINNET', STANDARD_PACE);
  expect(replaceAfterMs).toBeGreaterThan(STANDARD_PACE.replaceAfterMs);
  expect(STANDARD_PACE).toMatchObject(rest);
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../base/assert.ts';
import type { Json } from '../base/json.ts';
import { silentLog } from '../base/log.ts';
import { createRpcEndpoints } from '../networks/nodes/json-rpc.ts';
import { createGuard, type Guard } from './guard.ts';
import { startEvmChain } from './start-evm-chain.ts';

const TREASURY = '0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc';

let guard: Guard;
beforeAll(() => {
  guard = createGuard();
});
afterAll(async () => await guard.dispose());

test('what the sandbox sets up is final before a worker looks, and takes no time of the chain', async () => {
  const network = 'ETHEREUM_MAINNET';
  const accounts = { treasury: TREASURY, gasAccounts: [] };
  const chain = await startEvmChain({ guard, log: silentLog, network, ...accounts });
  try {
    const [endpoint] = createRpcEndpoints([chain.rpcUrl], 5_000);
    const ask = async (method: string, params: Json[]): Promise<unknown> =>
      await present(endpoint, 'one URL gives one endpoint').request(method, params);
    const balanceOf = `0x70a08231${TREASURY.slice(2).padStart(64, '0')}`;
    for (const token of Object.values(chain.tokens)) {
      const address = present(token.address, 'a token of an EVM chain has a contract');
      const held = await ask('eth_call', [{ to: address, data: balanceOf }, 'finalized']);
      expect(BigInt(held as string)).toBe(10_000_000_000_000n);
    }
    expect(await ask('eth_getCode', [TREASURY, 'finalized'])).toMatch(/^0xef0100/);
    const newest = (await ask('eth_getBlockByNumber', ['latest', false])) as { timestamp: string };
    expect(Number(newest.timestamp)).toBeLessThanOrEqual(Date.now() / 1_000 + 8);
  } finally {
    await chain.stop();
  }
});

import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog } from '../base/log.ts';
import { createGuard, type Guard } from './guard.ts';
import { startLocalChain } from './start-local-chain.ts';

let guard: Guard;
beforeAll(() => {
  guard = createGuard();
});
afterAll(async () => await guard.dispose());

test.each(['tron', 'solana', 'bitcoin'] as const)(
  '%s listens on this machine, is told what to do, and leaves no process',
  async (name) => {
    const chain = await startLocalChain({ guard, log: silentLog, chain: name, args: [] });
    expect(chain.rpcUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    await chain.control('produceBlock', {});
    await expect(chain.control('noSuchThing', {})).rejects.toThrow(
      /^\/control\/noSuchThing: \{"error":"[^\n]+$/,
    );
    await chain.stop();
    await chain.stop();
    expect(existsSync(`/proc/${chain.pid}`)).toBe(false);
  },
);

test('one that cannot start says why in one line', async () => {
  const options = { guard, log: silentLog, chain: 'solana', args: ['--slot-ms=x'] } as const;
  await expect(startLocalChain(options)).rejects.toThrow(
    /^the local chain of solana could not start: --slot-ms takes a whole number, not "x"\.$/,
  );
});

import { describeChaos } from './harness/local-chaos.ts';

describeChaos({
  network: 'TRON_MAINNET',
  blockMs: 200,
  finalAfter: 5,
  payoutsPerSecond: 5,
  leastCompleted: 40,
  times: { timeoutMs: 2_000, lifetimeSeconds: 6, validForMs: 7_000 },
});

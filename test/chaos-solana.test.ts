import { describeChaos } from './harness/local-chaos.ts';

describeChaos({
  network: 'SOL_MAINNET',
  blockMs: 40,
  finalAfter: 12,
  payoutsPerSecond: 6,
  leastCompleted: 50,
  times: { timeoutMs: 2_000, validForMs: 10_000 },
});

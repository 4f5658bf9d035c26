import { describeChaos } from './harness/local-chaos.ts';

describeChaos({
  network: 'BITCOIN_MAINNET',
  blockMs: 600,
  finalAfter: 3,
  payoutsPerSecond: 6,
  leastCompleted: 50,
  times: { timeoutMs: 2_000 },
});

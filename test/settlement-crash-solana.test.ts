import { describeCrashes } from './harness/crashes.ts';

describeCrashes({
  network: 'SOL_MAINNET',
  // A blockhash lives for 150 slots: eight seconds.
  blockMs: 50,
  finalAfter: 8,
  times: { validForMs: 8_000 },
});

import { describeCrashes } from './harness/crashes.ts';

describeCrashes({
  network: 'TRON_MAINNET',
  blockMs: 200,
  finalAfter: 3,
  // Some expire before a worker is back, and are signed again when they are dead.
  times: { lifetimeSeconds: 4, validForMs: 5_000 },
});

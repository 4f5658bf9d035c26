import { describeCrashes } from './harness/crashes.ts';

describeCrashes({
  network: 'BITCOIN_MAINNET',
  // A treasury is read between two blocks.
  blockMs: 800,
  finalAfter: 2,
  times: {},
});

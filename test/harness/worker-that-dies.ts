// A real worker process that ends or stalls itself at a checkpoint of settlement, for the crash tests.
// KNIT_TEST_AT names the checkpoint, KNIT_TEST_SIGNAL what it sends itself there, once. Its pace is a
// test's, unless KNIT_TEST_PACE is "standard".
import { runWorker } from '../../src/commands/run-worker.ts';
import { readWorkerConfig } from '../../src/config.ts';
import { STANDARD_PACE } from '../../src/settlement/standard-pace.ts';

const { KNIT_TEST_AT: at, KNIT_TEST_SIGNAL: signal, KNIT_TEST_PACE: paceName } = process.env;
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

/** A short lease, so that a test does not wait a minute for another worker to take over. */
const TEST_PACE = {
  ...STANDARD_PACE,
  leaseMs: 2_000,
  batchWaitMs: 300,
  checkEveryMs: 200,
  checkIncludedEveryMs: 2_000,
  rebroadcastAfterMs: 1_000,
  replaceAfterMs: 4_000,
  waitMs: 300,
};

let isSent = false;
await runWorker(readWorkerConfig(process.env), stop.signal, {
  pace: paceName === 'standard' ? STANDARD_PACE : TEST_PACE,
  reach: async (checkpoint) => {
    if (checkpoint === at && !isSent) {
      isSent = true;
      process.kill(process.pid, signal);
      // The signal is delivered while the process waits.
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
    }
  },
});

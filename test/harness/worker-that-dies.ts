// A real worker process that ends or stalls itself at a checkpoint of settlement, for the crash tests.
// KNIT_TEST_AT names the checkpoint, KNIT_TEST_SIGNAL what it sends itself there, once. Its pace is a
// test's, unless KNIT_TEST_PACE is "standard". KNIT_TEST_TIMES holds what is shorter on a fast chain.
import { runWorker } from '../../src/commands/run-worker.ts';
import { readWorkerConfig } from '../../src/config.ts';
import { STANDARD_PACE } from '../../src/settlement/standard-pace.ts';
import { openDriver } from '../../src/treasury/open-driver.ts';
import type { RehearsedTimes } from './paying-chain.ts';

const { KNIT_TEST_AT: at, KNIT_TEST_SIGNAL: signal, KNIT_TEST_PACE: paceName } = process.env;
const times = JSON.parse(process.env['KNIT_TEST_TIMES'] ?? '{}') as RehearsedTimes;
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

const openFastDriver: typeof openDriver = (network, settings) => {
  const { timeoutMs, lifetimeSeconds, validForMs } = times;
  const driver = openDriver(network, {
    ...settings,
    times: {
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds: BigInt(lifetimeSeconds) }),
    },
  });
  if (validForMs === undefined) return driver;
  return { ...driver, limits: { ...driver.limits, validForMs } };
};

let isSent = false;
await runWorker(readWorkerConfig(process.env), stop.signal, {
  pace: paceName === 'standard' ? STANDARD_PACE : TEST_PACE,
  openDriver: openFastDriver,
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

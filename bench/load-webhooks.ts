// A process of its own: the webhook part of a worker, made as the worker makes it. It logs as a worker does, to where
// nobody reads. It ends, as a worker does, at SIGTERM.
import { openSync, writeSync } from 'node:fs';
import { systemClock } from '../src/base/clock.ts';
import { createIdSource } from '../src/base/id.ts';
import { createLog } from '../src/base/log.ts';
import { systemRandom } from '../src/base/random.ts';
import { createDatabase } from '../src/database/database.ts';
import { createPrometheusMeter } from '../src/metrics/prometheus-meter.ts';
import { createSender } from '../src/webhooks/send.ts';
import { createWebhookWorker } from '../src/webhooks/webhook-worker.ts';
import { giveAnswer, readQuestion } from './child.ts';

export interface WebhookLoad {
  readonly databaseUrl: string;
  readonly masterKey: Uint8Array;
  readonly allowedTargets: readonly string[];
}

const load = await readQuestion<WebhookLoad>();
const nowhere = openSync('/dev/null', 'w');
const log = createLog(
  { level: 'info', service: 'worker' },
  {
    write: (line) => {
      writeSync(nowhere, line);
      // What must not happen in a bench is shown.
      if (line.includes('"err"')) process.stderr.write(line);
    },
  },
);
const database = createDatabase(load.databaseUrl, { maxConnections: 10 });
const worker = createWebhookWorker({
  database,
  masterKey: load.masterKey,
  clock: systemClock,
  random: systemRandom,
  ids: createIdSource(systemClock, systemRandom),
  log: log.child({ part: 'webhooks' }),
  meter: createPrometheusMeter({ clock: systemClock }),
  sender: createSender({
    guard: {
      lookup: async (name) => await Promise.reject(new Error(`${name} is not looked up`)),
      allowedPrivateTargets: load.allowedTargets,
    },
  }),
});
process.once('SIGTERM', () => {
  void worker
    .stop()
    .then(async () => await database.close())
    .then(() => process.exit());
});
worker.start();
await giveAnswer({});

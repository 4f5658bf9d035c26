import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { noMeter, type Meter } from '../base/meter.ts';
import type { CheckReadiness } from '../base/readiness.ts';
import { ConfigProblem, type WatchingConfig } from '../config.ts';
import { createPrometheusMeter } from '../metrics/prometheus-meter.ts';
import { serveMetrics } from '../metrics/serve-metrics.ts';
import { listenProblem } from './listen-problem.ts';

/** What lets a process be watched from outside. */
export interface ProcessWatch {
  readonly meter: Meter;
  /** Opens the port for those who watch, where one is set, around `work`. */
  readonly during: (readiness: CheckReadiness, work: () => Promise<void>) => Promise<void>;
}

/** Nothing is measured where nobody can read it. */
export function watchProcess(config: WatchingConfig, log: Log): ProcessWatch {
  const { metricsPort: port, metricsHost: host } = config;
  if (port === undefined) {
    return { meter: noMeter, during: async (_readiness, work) => await work() };
  }
  const meter = createPrometheusMeter({
    clock: systemClock,
    onFailedLook: (error) => log.warn({ err: error }, 'figures could not be looked up'),
  });
  const open = async (readiness: CheckReadiness): ReturnType<typeof serveMetrics> => {
    try {
      return await serveMetrics({ meter, readiness, host, port });
    } catch (error) {
      const settings = { host: 'KNIT_METRICS_HOST', port: 'KNIT_METRICS_PORT' };
      throw new ConfigProblem(listenProblem(settings, { host, port }, error), { cause: error });
    }
  };
  return {
    meter,
    during: async (readiness, work) => {
      const server = await open(readiness);
      log.info({ host, port: server.port }, 'metrics are served');
      try {
        await work();
      } finally {
        await server.close();
      }
    },
  };
}

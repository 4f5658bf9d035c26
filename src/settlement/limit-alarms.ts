import { later, type Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

const AGAIN_MS = 600_000;

/**
 * A log whose alarms come once, and again after ten minutes while their cause lasts: a step that finds it
 * every second would drown everything else. Between, the same words are a warning. Alarms are the same
 * where all but their figures and errors is.
 */
export function limitAlarms(log: Log, clock: Clock): Log {
  const toldAt = new Map<string, Date>();
  return {
    ...log,
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => {
      if (!('alarm' in fields) || fields.alarm !== true) {
        log.error(fields, message);
        return;
      }
      const now = clock.now();
      forgetOld(toldAt, now);
      const { alarm, ...rest } = fields;
      const key = keyOf(rest, message);
      if (toldAt.has(key)) {
        log.warn(rest, message);
        return;
      }
      toldAt.set(key, now);
      log.error({ ...rest, alarm }, message);
    },
    child: (fields) => limitAlarms(log.child(fields), clock),
  };
}

function keyOf(fields: object, message: string): string {
  const names = Object.entries(fields).filter(([name]) => name !== 'err');
  return JSON.stringify([message.replaceAll(/\d+/g, '#'), names.map(([, value]) => String(value))]);
}

/** A time to come is from before the clock was set back. */
function forgetOld(toldAt: Map<string, Date>, now: Date): void {
  for (const [key, at] of toldAt) {
    if (at > now || later(at, AGAIN_MS) <= now) toldAt.delete(key);
  }
}

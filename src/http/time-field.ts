import { z } from 'zod';
import { labelOf } from './read-fields.ts';

/** What a date without a time of day stands for. */
export type DayBound = 'START_OF_DAY' | 'END_OF_DAY';

/**
 * A moment in ISO 8601: a date, which is its first or last millisecond in UTC, or a date and time
 * with a zone. Digits after the third of a second are cut off: the database keeps milliseconds.
 */
export function timeField(name: string, bound: DayBound): z.ZodType<Date, string> {
  const problem = `The ${labelOf(name)} field must be a date or a time with a zone.`;
  return z
    .string(problem)
    .transform((text, context) => {
      const moment = readTime(text, bound);
      if (moment !== undefined) return moment;
      context.addIssue(problem);
      return z.NEVER;
    })
    .meta({
      description:
        bound === 'START_OF_DAY'
          ? 'Created at this time or later: ISO 8601 with a zone. A date alone is the start of the day in UTC.'
          : 'Created at this time or earlier: ISO 8601 with a zone. A date alone is the end of the day in UTC.',
    });
}

const DATE = /^(?:19[7-9]\d|[2-9]\d{3})-\d\d-\d\d$/;
const TIME = /^\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/;

/** Years from 1970 on: an id, which the list is ordered by, holds none before. */
function readTime(text: string, bound: DayBound): Date | undefined {
  const [date = '', time, ...rest] = text.split('T');
  if (!DATE.test(date) || rest.length > 0 || !isDay(date)) return undefined;
  if (time === undefined) {
    return new Date(`${date}T${bound === 'START_OF_DAY' ? '00:00:00.000' : '23:59:59.999'}Z`);
  }
  if (!TIME.test(time)) return undefined;
  const moment = new Date(`${date}T${time.replace(/(\.\d{3})\d+/, '$1')}`);
  return moment.getTime() >= 0 ? moment : undefined;
}

/** Date takes the 30th of February for the 1st of March. */
function isDay(date: string): boolean {
  const moment = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(moment.getTime()) && moment.toISOString().startsWith(date);
}

import type { Clock } from '../base/clock.ts';
import { readinessOf, type CheckReadiness, type Readiness } from '../base/readiness.ts';

/** Gives `ok` or words for an operator. An error counts as "is not reachable". */
export type Check = () => Promise<string> | string;

export interface ReadinessSource {
  /** Looks at everything side by side. */
  readonly check: CheckReadiness;
  /** From now on it is not ready: the process takes no new work. */
  readonly stop: () => void;
}

/** A check that has no answer by then says so. */
const PATIENCE_MS = 2_000;
/** Anybody may ask, so what was found holds for a moment. */
const HOLD_MS = 200;

/** Tells whether a process is ready by `checks`, each of which runs once at a time however many ask. */
export function createReadiness(
  clock: Clock,
  checks: Readonly<Record<string, Check>>,
): ReadinessSource {
  const all = Object.entries(checks).map(([name, check]) => [name, patient(clock, check)] as const);
  let isStopping = false;
  let found: { readonly at: number; readonly readiness: Promise<Readiness> } | undefined;
  const look = async (): Promise<Readiness> => {
    const words = await Promise.all(
      all.map(async ([name, check]) => [name, await check()] as const),
    );
    return readinessOf(Object.fromEntries(words));
  };
  return {
    check: async () => {
      const now = clock.now().getTime();
      if (found === undefined || now < found.at || now - found.at >= HOLD_MS) {
        found = { at: now, readiness: look() };
      }
      const { checks: words } = await found.readiness;
      return isStopping ? readinessOf({ process: 'is stopping', ...words }) : readinessOf(words);
    },
    stop: () => {
      isStopping = true;
    },
  };
}

/** While an answer is out nobody asks again: what hangs is not piled upon. */
function patient(clock: Clock, check: Check): () => Promise<string> {
  let asking: Promise<string> | undefined;
  const ask = async (): Promise<string> => {
    try {
      return await check();
    } catch (error) {
      return `is not reachable${codeOf(error)}`;
    } finally {
      asking = undefined;
    }
  };
  return async () => {
    asking ??= ask();
    const waiting = new AbortController();
    try {
      const late = clock.sleep(PATIENCE_MS, waiting.signal).then(() => LATE);
      return await Promise.race([asking, late]);
    } finally {
      waiting.abort();
    }
  };
}

const LATE = `has not answered in ${PATIENCE_MS} ms`;

/** A driver's message may hold a URL; its code does not. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{2,30}$/.test(code) ? ` (${code})` : '';
}

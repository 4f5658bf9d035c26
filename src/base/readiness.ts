/** Whether a process can do its work at this moment, and what of it was looked at. */
export interface Readiness {
  readonly isReady: boolean;
  /** What was looked at, each with `ok` or words that an operator can act on; never a secret. */
  readonly checks: Readonly<Record<string, string>>;
}

/** Looks. It answers in bounded time, and does not throw. */
export type CheckReadiness = () => Promise<Readiness>;

export const CHECK_OK = 'ok';

/** Ready where every check is. */
export function readinessOf(checks: Readonly<Record<string, string>>): Readiness {
  return { isReady: Object.values(checks).every((words) => words === CHECK_OK), checks };
}

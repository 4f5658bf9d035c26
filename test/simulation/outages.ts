/** Methods of a node that answer nobody until a time: providers cut off what is dear to them. */
export interface Outages {
  readonly begin: (label: string, method: string, untilMs: number) => void;
  readonly isOut: (label: string, method: string, nowMs: number) => boolean;
  readonly end: () => void;
}

export function createOutages(): Outages {
  const until = new Map<string, number>();
  return {
    begin: (label, method, untilMs) => until.set(`${label} ${method}`, untilMs),
    isOut: (label, method, nowMs) => (until.get(`${label} ${method}`) ?? 0) > nowMs,
    end: () => until.clear(),
  };
}

/** What a node answered to reads a while ago, for the answers of one that lags behind. */
export interface PastAnswers {
  remember(question: { method: string; params: unknown }, text: string, nowMs: number): void;
  /** The newest `result` that was current that long ago; undefined where none is known. */
  find(
    question: { method: string; params: unknown },
    nowMs: number,
  ): Record<string, unknown> | undefined;
}

const READS = /^eth_(get|call$|blockNumber$|estimateGas$|feeHistory$|gasPrice$)/;
const LONGEST_ANSWER = 100_000;
const MOST_QUESTIONS = 5_000;
const MOST_ANSWERS = 50;

export function createPastAnswers(staleMs: number): PastAnswers {
  const known = new Map<string, { atMs: number; text: string }[]>();
  const keyOf = ({ method, params }: { method: string; params: unknown }): string =>
    `${method} ${JSON.stringify(params)}`;
  return {
    remember: (question, text, nowMs) => {
      if (!READS.test(question.method) || text.length > LONGEST_ANSWER) return;
      const key = keyOf(question);
      const answers = known.get(key) ?? [];
      answers.push({ atMs: nowMs, text });
      if (answers.length > MOST_ANSWERS) answers.shift();
      // Taken out and put back, so that the first key is the one that was asked longest ago.
      known.delete(key);
      known.set(key, answers);
      const [oldest] = known.keys();
      if (known.size > MOST_QUESTIONS && oldest !== undefined) known.delete(oldest);
    },
    find: (question, nowMs) => {
      const answers = known.get(keyOf(question)) ?? [];
      const found = answers.findLast(({ atMs }) => atMs <= nowMs - staleMs);
      if (found === undefined) return undefined;
      const { result } = JSON.parse(found.text) as { result?: unknown };
      return result === undefined ? undefined : { result };
    },
  };
}

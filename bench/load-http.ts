// A process of its own: autocannon, as many requests as the connections carry.
import autocannon from 'autocannon';
import { giveAnswer, readQuestion } from './child.ts';

export interface HttpLoad {
  readonly url: string;
  readonly connections: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Each connection sends up to 256 of them in turn, beginning at another place. "[<id>]" becomes unique where it is on. */
  readonly requests: readonly LoadRequest[];
  readonly uniqueIds: boolean;
}

export interface LoadRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a load was answered. */
export interface HttpAnswers {
  readonly seconds: number;
  /** The answers with 201 while it was measured. */
  readonly created: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** The ids of all payouts that were acknowledged, also while it warmed up: 36 characters each. */
  readonly ids: string;
  /** How often which status, in all. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly errors: number;
  /** CPU of this process while it was measured. */
  readonly cpuSeconds: number;
  /** With all before it. */
  readonly wholeCpuSeconds: number;
}

const ID_LENGTH = 36;
/** Connections share theirs with those beside them. Building more keeps the first ones waiting. */
const MOST_EACH = 256;
const BEFORE_ID = '"id":"';

const question = await readQuestion<HttpLoad>();
const ids: string[] = [];
const statuses: Record<string, number> = {};
await shoot(question.warmUpSeconds);
const { seconds, result, cpu } = await shoot(question.seconds);
await giveAnswer({
  seconds,
  created: result['2xx'],
  latencyMs: { p50: result.latency.p50, p99: result.latency.p99 },
  ids: ids.join(''),
  statuses,
  errors: result.errors,
  cpuSeconds: secondsOf(cpu),
  wholeCpuSeconds: secondsOf(process.cpuUsage()),
} satisfies HttpAnswers);
process.exit();

interface Shot {
  readonly seconds: number;
  readonly cpu: NodeJS.CpuUsage;
  readonly result: autocannon.Result;
}

async function shoot(seconds: number): Promise<Shot> {
  let from = performance.now();
  let before = process.cpuUsage();
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const shooting = autocannon(optionsFor(seconds), (error: unknown, done) => {
      if (error instanceof Error) reject(error);
      else resolve(done);
    });
    // Its own time begins before it has built the requests of all connections.
    shooting.on('start', () => {
      from = performance.now();
      before = process.cpuUsage();
    });
  });
  const took = (performance.now() - from) / 1_000;
  for (const [status, { count = 0 }] of Object.entries(result.statusCodeStats ?? {})) {
    statuses[status] = (statuses[status] ?? 0) + count;
  }
  return { seconds: took, result, cpu: process.cpuUsage(before) };
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6;
}

function optionsFor(seconds: number): autocannon.Options {
  const { url, connections, requests, uniqueIds } = question;
  let count = 0;
  return {
    url: `${url}/api/v1/payouts`,
    method: 'POST',
    connections,
    duration: seconds,
    idReplacement: uniqueIds,
    setupClient: (client) => {
      const from = Math.floor((count * requests.length) / connections);
      count += 1;
      const own = [...requests.slice(from), ...requests.slice(0, from)].slice(0, MOST_EACH);
      client.setRequests(own.map(({ headers, body }) => ({ headers: { ...headers }, body })));
    },
    verifyBody: (body) => {
      noteId(String(body));
      return true;
    },
  };
}

function noteId(body: string): void {
  const at = body.indexOf(BEFORE_ID);
  if (at >= 0) ids.push(body.slice(at + BEFORE_ID.length, at + BEFORE_ID.length + ID_LENGTH));
}

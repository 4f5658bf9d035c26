// A process of its own: requests that come when they come (Poisson), whether or not the ones before are
// answered. autocannon's own rates send a second's share at once, which is no half load.
import { connect, type Socket } from 'node:net';
import { createSeededRandom } from '../test/harness/seeded-random.ts';
import { giveAnswer, readQuestion } from './child.ts';
import type { LoadRequest } from './load-http.ts';

export interface PacedLoad {
  readonly port: number;
  readonly connections: number;
  readonly perSecond: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly requests: readonly LoadRequest[];
  readonly seed: number;
}

export interface PacedAnswers {
  readonly created: number;
  /** From the moment that a request came, so that waiting for a free connection counts; of what was created. */
  readonly latencyMs: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly most: number;
  };
  /** The ids of all payouts that were acknowledged, also while it warmed up: 36 characters each. */
  readonly ids: string;
  readonly statuses: Readonly<Record<string, number>>;
  /** CPU of this process while it was measured. */
  readonly cpuSeconds: number;
  /** With all before it. */
  readonly wholeCpuSeconds: number;
}

interface Waiting {
  readonly request: Buffer;
  readonly cameAt: number;
}

const question = await readQuestion<PacedLoad>();
const random = createSeededRandom(question.seed);
const requests = question.requests.map(bytesOf);
const statuses: Record<string, number> = {};
const ids: string[] = [];
const queue: Waiting[] = [];
let latencies: number[] = [];
let next = 0;

const free: Socket[] = [];
const underWay = new Map<Socket, Waiting>();
await Promise.all(Array.from({ length: question.connections }, openConnection));
await comeFor(question.warmUpSeconds);
latencies = [];
const before = process.cpuUsage();
await comeFor(question.seconds);
const cpu = process.cpuUsage(before);
latencies.sort((a, b) => a - b);
await giveAnswer({
  created: latencies.length,
  latencyMs: { p50: part(0.5), p99: part(0.99), p999: part(0.999), most: part(1) },
  ids: ids.join(''),
  statuses,
  cpuSeconds: secondsOf(cpu),
  wholeCpuSeconds: secondsOf(process.cpuUsage()),
} satisfies PacedAnswers);
process.exit();

/** Lets requests come for so long, and waits for their answers. */
async function comeFor(seconds: number): Promise<void> {
  const from = performance.now();
  let due = from;
  while (due < from + seconds * 1_000) {
    const now = performance.now();
    while (due <= now) {
      come(now);
      due += (-Math.log(1 - random.fraction()) * 1_000) / question.perSecond;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
  while (underWay.size > 0 || queue.length > 0) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}

/** A late timer is the fault of this process and is not counted; all that comes after is. */
function come(cameAt: number): void {
  const request = requests[next % requests.length];
  if (request === undefined) throw new Error('there is no request');
  next += 1;
  queue.push({ request, cameAt });
  sendTheNext();
}

function sendTheNext(): void {
  const socket = free.at(-1);
  const waiting = queue[0];
  if (socket === undefined || waiting === undefined) return;
  free.pop();
  queue.shift();
  underWay.set(socket, waiting);
  socket.write(waiting.request);
}

async function openConnection(): Promise<void> {
  const socket = connect({ port: question.port, host: '127.0.0.1', noDelay: true });
  let heard = '';
  socket.on('data', (data) => {
    heard += data.toString('latin1');
    const length = lengthOf(heard);
    if (length === undefined || heard.length < length) return;
    noteAnswer(socket, heard);
    heard = '';
  });
  socket.on('close', () => {
    throw new Error('the server has closed a connection');
  });
  await new Promise((resolve) => {
    socket.once('connect', resolve);
  });
  free.push(socket);
}

/** Of the whole answer, once its headers are there. */
function lengthOf(heard: string): number | undefined {
  const end = heard.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(heard.slice(0, end)) ?? [];
  if (length === undefined) throw new Error('the answer does not say its length');
  return end + 4 + Number(length);
}

function noteAnswer(socket: Socket, heard: string): void {
  const waiting = underWay.get(socket);
  if (waiting === undefined) throw new Error('an answer that nobody asked for');
  underWay.delete(socket);
  const status = heard.slice(9, 12);
  statuses[status] = (statuses[status] ?? 0) + 1;
  if (status === '201') {
    latencies.push(performance.now() - waiting.cameAt);
    const [, id = ''] = /"id":"([\w-]{36})"/.exec(heard) ?? [];
    ids.push(id);
  }
  free.push(socket);
  sendTheNext();
}

function part(share: number): number {
  const index = Math.min(latencies.length - 1, Math.floor(latencies.length * share));
  return latencies[index] ?? Number.NaN;
}

function bytesOf({ headers, body }: LoadRequest): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = Buffer.byteLength(body);
  return Buffer.from(
    `POST /api/v1/payouts HTTP/1.1\r\nhost: 127.0.0.1:${question.port}\r\n${lines.join('')}` +
      `content-length: ${length}\r\n\r\n${body}`,
  );
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6;
}

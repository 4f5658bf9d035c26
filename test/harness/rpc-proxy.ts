import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { createPastAnswers, type PastAnswers } from './past-answers.ts';
import type { SeededRandom } from './seeded-random.ts';

/** What may go wrong between a client and a node. "after": the node has got the question. */
export const RPC_FAULTS = [
  /** The connection breaks, and the node has heard nothing. */
  'reset-before',
  'reset-after',
  /** No answer, ever: the client's patience ends it. */
  'silence-before',
  'silence-after',
  /** 502, 503 or 504 with a page; the node may have got the question or not. */
  'server-error',
  /** A JSON-RPC error object that says nothing about the question; the node may have got it or not. */
  'rpc-error',
  /** 200 with a page. */
  'malformed',
  /** The answer's first part, as if it were whole. */
  'truncated',
  /** The answer in small pieces, over seconds. */
  'slow-drip',
  'wrong-id',
  /** What the node answered to the same question some seconds ago, as one that lags behind does. */
  'stale',
  /** To eth_sendRawTransaction only: answered with the hash, and not delivered. */
  'forgotten-send',
  /** To eth_sendRawTransaction only: delivered, and answered with "already known" or "nonce too low". */
  'misjudged-send',
] as const;
export type RpcFault = (typeof RPC_FAULTS)[number];

/** "refused": every connection is closed at once. "silent": connections are taken and never answered. */
export type Blackout = 'refused' | 'silent';

/** A JSON-RPC node as a bad network shows it. Loopback only. */
export interface RpcProxy {
  readonly url: string;
  /** How often each fault has happened; `passed` are the requests with none. */
  readonly counts: Readonly<Record<RpcFault | 'blackout' | 'passed', number>>;
  /** Every transaction that it was given to send, as 0x-hex, in the order of the first time. */
  readonly given: ReadonlySet<string>;
  /** From now on: the probability of each fault at each request. What is left out does not happen. */
  setFaults(chances: Partial<Readonly<Record<RpcFault, number>>>): void;
  /** Null: the node is reachable again. */
  setBlackout(blackout: Blackout | null): void;
  close(): Promise<void>;
}

export interface RpcProxyOptions {
  /** The node's URL. */
  readonly target: string;
  /** Decides which fault happens, so that a seed gives the same order of faults. */
  readonly random: SeededRandom;
  /** How old a stale answer is at least. */
  readonly staleMs?: number;
  /** How long a slow answer takes at most. */
  readonly dripMs?: number;
}

export async function startRpcProxy(options: RpcProxyOptions): Promise<RpcProxy> {
  const { random, staleMs = 3_000, dripMs = 3_000 } = options;
  const counts = Object.fromEntries(
    [...RPC_FAULTS, 'blackout', 'passed'].map((kind) => [kind, 0]),
  ) as Record<RpcFault | 'blackout' | 'passed', number>;
  const state: ProxyState = {
    target: options.target,
    random,
    dripMs,
    past: createPastAnswers(staleMs),
    given: new Set(),
    counts,
  };
  let chances: Partial<Readonly<Record<RpcFault, number>>> = {};
  let blackout: Blackout | null = null;
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    if (blackout !== null) {
      counts.blackout += 1;
      if (blackout === 'refused') request.socket.destroy();
      return;
    }
    // Whoever asked may be gone by the time that it is answered; that is no mistake of the proxy.
    handle(state, drawFault(random, chances), { request, response }).catch(() => {
      request.socket.destroy();
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    if (blackout === 'refused') socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    given: state.given,
    setFaults: (next) => {
      chances = next;
    },
    setBlackout: (next) => {
      blackout = next;
      // What a silent node has kept is never answered; a client that waits would wait for ever.
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

interface ProxyState {
  readonly target: string;
  readonly random: SeededRandom;
  readonly dripMs: number;
  readonly past: PastAnswers;
  readonly given: Set<string>;
  readonly counts: Record<RpcFault | 'passed', number>;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** One draw for each request, whatever the chances are. */
function drawFault(
  random: SeededRandom,
  chances: Partial<Readonly<Record<RpcFault, number>>>,
): RpcFault | null {
  let left = random.fraction();
  for (const fault of RPC_FAULTS) {
    left -= chances[fault] ?? 0;
    if (left < 0) return fault;
  }
  return null;
}

interface Question {
  readonly id: unknown;
  readonly method: string;
  readonly params: unknown;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function handle(
  state: ProxyState,
  drawn: RpcFault | null,
  { request, response }: Exchange,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString('utf8');
  const [question, ...others] = questionsOf(body);
  if (question === undefined || others.length > 0) {
    await answerMany(state, drawn, { body, response });
    return;
  }
  const raw = rawOf(question);
  if (raw !== undefined) state.given.add(raw);
  const stale = drawn === 'stale' ? state.past.find(question, Date.now()) : undefined;
  const fault = applies(drawn, question, stale) ? drawn : null;
  state.counts[fault ?? 'passed'] += 1;
  if (stale !== undefined) {
    write(response, { status: 200, text: JSON.stringify({ ...envelopeOf(question), ...stale }) });
    return;
  }
  if (isKeptFromNode(state.random, fault)) {
    await fail(state, fault, { question, response, answer: null });
    return;
  }
  const answer = await forward(state.target, body);
  state.past.remember(question, answer.text, Date.now());
  await fail(state, fault, { question, response, answer });
}

const FOR_ONE: ReadonlySet<RpcFault> = new Set([
  'stale',
  'wrong-id',
  'forgotten-send',
  'misjudged-send',
]);

/** Several questions in one request: they are lost, delayed or answered together. */
async function answerMany(
  state: ProxyState,
  drawn: RpcFault | null,
  { body, response }: { body: string; response: ServerResponse },
): Promise<void> {
  const fault = drawn !== null && FOR_ONE.has(drawn) ? null : drawn;
  state.counts[fault ?? 'passed'] += 1;
  const answer = isKeptFromNode(state.random, fault) ? null : await forward(state.target, body);
  const question = { id: null, method: 'batch', params: [] };
  await fail(state, fault, { question, response, answer });
}

function questionsOf(body: string): Question[] {
  try {
    return [JSON.parse(body) as Question | Question[]].flat();
  } catch {
    return [];
  }
}

function applies(
  fault: RpcFault | null,
  question: Question,
  stale: Record<string, unknown> | undefined,
): boolean {
  if (fault === 'stale') return stale !== undefined;
  if (fault === 'misjudged-send' || fault === 'forgotten-send')
    return rawOf(question) !== undefined;
  return true;
}

/** The transaction that a question sends; undefined where it sends none. */
function rawOf({ method, params }: Question): string | undefined {
  const [raw] = Array.isArray(params) ? (params as unknown[]) : [];
  return method === 'eth_sendRawTransaction' && typeof raw === 'string' ? raw : undefined;
}

/** As a node names it: keccak-256 of the transaction's bytes. */
function hashOf(raw: string): string {
  return `0x${bytesToHex(keccak_256(Buffer.from(raw.slice(2), 'hex')))}`;
}

function isKeptFromNode(random: SeededRandom, fault: RpcFault | null): boolean {
  if (fault === 'reset-before' || fault === 'silence-before' || fault === 'forgotten-send') {
    return true;
  }
  return (fault === 'server-error' || fault === 'rpc-error') && random.chance(0.5);
}

async function forward(target: string, body: string): Promise<Answer> {
  const response = await fetch(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  return { status: response.status, text: await response.text() };
}

/** Answers as the fault has it; null: as the node did. */
async function fail(
  state: ProxyState,
  fault: RpcFault | null,
  about: { question: Question; response: ServerResponse; answer: Answer | null },
): Promise<void> {
  const { question, response, answer } = about;
  const { random } = state;
  const heard = answer ?? { status: 200, text: '' };
  switch (fault) {
    case null:
    case 'stale':
      write(response, heard);
      return;
    case 'reset-before':
    case 'reset-after':
      response.socket?.destroy();
      return;
    case 'silence-before':
    case 'silence-after':
      return;
    case 'server-error':
      write(response, { status: random.pick([502, 503, 504]), text: PAGE });
      return;
    case 'rpc-error':
      write(response, errorTo(question, random.pick(EMPTY_ERRORS)));
      return;
    case 'malformed':
      write(response, { status: 200, text: PAGE });
      return;
    case 'truncated': {
      const kept = random.between(1, Math.max(1, heard.text.length - 2));
      write(response, { status: heard.status, text: heard.text.slice(0, kept) });
      return;
    }
    case 'slow-drip':
      await drip(response, heard, random.between(state.dripMs / 6, state.dripMs));
      return;
    case 'wrong-id': {
      const wrong = { ...(JSON.parse(heard.text) as object), id: 9_000_000_000 };
      write(response, { status: heard.status, text: JSON.stringify(wrong) });
      return;
    }
    case 'forgotten-send': {
      const result = hashOf(rawOf(question) ?? '0x');
      write(response, { status: 200, text: JSON.stringify({ ...envelopeOf(question), result }) });
      return;
    }
    case 'misjudged-send':
      write(response, errorTo(question, random.pick(MISJUDGEMENTS)));
  }
}

const PAGE = '<html><body><h1>Bad Gateway</h1></body></html>';
const EMPTY_ERRORS = [
  { code: -32005, message: 'limit exceeded' },
  { code: -32603, message: 'internal error' },
  { code: -32000, message: 'header not found' },
] as const;
const MISJUDGEMENTS = [
  { code: -32000, message: 'already known' },
  { code: -32000, message: 'nonce too low' },
] as const;

function envelopeOf(question: Question): Record<string, unknown> {
  return { jsonrpc: '2.0', id: question.id };
}

function errorTo(question: Question, error: { code: number; message: string }): Answer {
  return { status: 200, text: JSON.stringify({ ...envelopeOf(question), error }) };
}

function write(response: ServerResponse, { status, text }: Answer): void {
  const type = text.startsWith('<') ? 'text/html' : 'application/json';
  response.writeHead(status, { 'content-type': type }).end(text);
}

async function drip(
  response: ServerResponse,
  { status, text }: Answer,
  overMs: number,
): Promise<void> {
  const pieces = 8;
  const size = Math.ceil(text.length / pieces);
  response.writeHead(status, { 'content-type': 'application/json' });
  for (let at = 0; at < text.length && !response.destroyed; at += size) {
    response.write(text.slice(at, at + size));
    await sleep(overMs / pieces);
  }
  response.end();
}

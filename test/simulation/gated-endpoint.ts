import type { Json } from '../../src/base/json.ts';
import { RpcFailure, type RpcEndpoint } from '../../src/networks/nodes/json-rpc.ts';
import type { SimulatedNode } from '../harness/simulated-chain/simulated-chain.ts';
import type { Faults } from './faults.ts';
import type { Actor, Passage, Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

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

export interface EndpointPlace {
  readonly scheduler: Scheduler;
  readonly actor: Actor;
  readonly faults: Faults;
  readonly random: SeededRandom;
  readonly outages: Outages;
  /** Told of every bytes that are sent, before the node has them. */
  readonly onSend: (raw: string) => Promise<void>;
}

const TIMEOUT_MS = 10_000;
const SLOWEST_MS = 40_000;

/** One node as one process of the simulation reaches it: each request waits for its turn. */
export function gateEndpoint(node: SimulatedNode, place: EndpointPlace): RpcEndpoint {
  const { scheduler, actor } = place;
  return {
    label: node.label,
    request: async (method, params) =>
      await scheduler.pass(actor, `${node.label} ${method}`, async (passage) => {
        const answer = await ask(node, { method, params }, { ...place, passage });
        passage.note(summaryOf(answer));
        if (place.faults.strikes('crash-before-answer')) passage.dieBeforeAnswer();
        return answer;
      }),
  };
}

async function ask(
  node: SimulatedNode,
  question: { method: string; params: readonly Json[] },
  place: EndpointPlace & { readonly passage: Passage },
): Promise<unknown> {
  const { faults, outages, scheduler, random, passage } = place;
  const { method, params } = question;
  if (outages.isOut(node.label, method, scheduler.now())) {
    throw new RpcFailure(`${node.label}, ${method}: HTTP 503`);
  }
  const isSending = method === 'eth_sendRawTransaction';
  const [raw] = params;
  if (isSending && typeof raw === 'string') await place.onSend(raw);
  if (faults.strikes('slow-answer')) passage.delay(random.between(1, SLOWEST_MS));
  try {
    const answer = await node.request(method, params);
    if (isSending && faults.strikes('repeated-delivery')) {
      await node.request(method, params).catch(() => undefined);
    }
    return answer;
  } catch (error) {
    passage.note(error instanceof Error ? error.message : 'failed');
    if (error instanceof RpcFailure && error.name === 'RpcFailure') passage.delay(TIMEOUT_MS);
    throw error;
  }
}

/** Enough of an answer to tell two histories apart, at little cost. */
function summaryOf(answer: unknown): string {
  if (Array.isArray(answer)) return `${answer.length}`;
  if (typeof answer !== 'object' || answer === null) return String(answer).slice(0, 80);
  const { hash, blockHash, transactionHash, status } = answer as Record<string, unknown>;
  return [hash, blockHash, transactionHash, status].map(String).join();
}

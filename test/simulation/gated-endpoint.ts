import type { Json } from '../../src/base/json.ts';
import { RpcFailure } from '../../src/networks/nodes/json-rpc.ts';
import type { SeededRandom } from '../harness/seeded-random.ts';
import type { Faults } from './faults.ts';
import type { Outages } from './outages.ts';
import type { Actor, Passage, Scheduler } from './scheduler.ts';
import type { NodeEndpoint, SentTransaction, SimulatedNode } from './simulated-network.ts';

export interface EndpointPlace {
  readonly scheduler: Scheduler;
  readonly actor: Actor;
  readonly faults: Faults;
  readonly random: SeededRandom;
  readonly outages: Outages;
  readonly sentBy: (method: string, params: Json) => SentTransaction | null;
  /** Told of all that is sent, before the node has it. */
  readonly onSend: (sent: SentTransaction) => Promise<void>;
  readonly summaryOf: (answer: unknown) => string;
}

const TIMEOUT_MS = 10_000;
const SLOWEST_MS = 40_000;

/** One node as one process of the simulation reaches it: each request waits for its turn. */
export function gateEndpoint(node: SimulatedNode, place: EndpointPlace): NodeEndpoint {
  const { scheduler, actor } = place;
  return {
    label: node.label,
    request: async (method, params, path) =>
      await scheduler.pass(actor, `${node.label} ${method}`, async (passage) => {
        const answer = await ask(node, { method, params, path }, { ...place, passage });
        passage.note(place.summaryOf(answer));
        if (place.faults.strikes('crash-before-answer')) passage.dieBeforeAnswer();
        return answer;
      }),
  };
}

async function ask(
  node: SimulatedNode,
  question: { method: string; params: Json; path: string | undefined },
  place: EndpointPlace & { readonly passage: Passage },
): Promise<unknown> {
  const { faults, outages, scheduler, random, passage } = place;
  const { method, params, path } = question;
  if (outages.isOut(node.label, method, scheduler.now())) {
    throw new RpcFailure(`${node.label}, ${method}: HTTP 503`);
  }
  const sent = place.sentBy(method, params);
  if (sent !== null) await place.onSend(sent);
  if (faults.strikes('slow-answer')) passage.delay(random.between(1, SLOWEST_MS));
  try {
    const answer = await node.request(method, params, path);
    if (sent !== null && faults.strikes('repeated-delivery')) {
      await node.request(method, params, path).catch(() => undefined);
    }
    return answer;
  } catch (error) {
    passage.note(error instanceof Error ? error.message : 'failed');
    if (node.isSilence(error)) passage.delay(TIMEOUT_MS);
    throw error;
  }
}

import { present } from '../../src/base/assert.ts';
import type { Json } from '../../src/base/json.ts';
import {
  createRpcEndpoints,
  RpcFailure,
  type RpcEndpoint,
} from '../../src/networks/nodes/json-rpc.ts';

/**
 * What is said in place of a node's true answer, which is null where the node itself has none. It may
 * throw what a node's endpoint throws.
 */
export type Lie = (truth: unknown, params: readonly Json[]) => unknown;

export interface LyingNode extends RpcEndpoint {
  /** By method; changed at any time. What is not named is answered truly. */
  lies: Readonly<Record<string, Lie>>;
  /** The methods, in the order of the questions. */
  readonly asked: string[];
}

/** A real node whose answers a test changes. */
export function createLyingNode(url: string, label = 'node 1 of 1'): LyingNode {
  const [endpoint] = createRpcEndpoints([url], 30_000);
  const truth = present(endpoint, 'one URL gives one endpoint');
  const node: LyingNode = {
    label,
    lies: {},
    asked: [],
    async request(method, params) {
      node.asked.push(method);
      const lie = node.lies[method];
      const answer = truth.request(method, params);
      if (lie === undefined) return await answer;
      return await lie(await answer.catch(() => null), params);
    },
  };
  return node;
}

/** A node that gives no answer at all. */
export const silence: Lie = () => {
  throw new RpcFailure('the node does not answer');
};

/** Changes some fields of an answer that is an object; leaves null as it is. */
export function withFields(changes: Readonly<Record<string, unknown>>): Lie {
  return (truth) => (truth === null ? null : { ...(truth as object), ...changes });
}

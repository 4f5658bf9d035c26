import type { SolanaNode } from '../../local-chains/solana/chain-interface.ts';
import { NodeSilence, RpcRefusal } from '../../local-chains/solana/rpc-error.ts';
import type { Json } from '../../src/base/json.ts';
import { RpcErrorAnswer, RpcSilence, type RpcEndpoint } from '../../src/networks/nodes/json-rpc.ts';

/** What is said in place of a node's answer, which is null where it has none. It may throw. */
export type SolanaAnswerLie = (truth: unknown, params: readonly Json[]) => unknown;

/** A node of a local chain in this process, as a driver's nodes are asked. */
export interface SolanaEndpoint extends RpcEndpoint {
  /** By method; changed at any time. What is not named is answered by the node. */
  lies: Readonly<Record<string, SolanaAnswerLie>>;
  /** The methods, in the order of the questions. */
  readonly asked: string[];
}

export function solanaEndpoint(node: SolanaNode, label = node.name): SolanaEndpoint {
  const answer = async (method: string, params: readonly Json[]): Promise<unknown> => {
    try {
      // As over HTTP: what JSON does not carry does not arrive.
      return JSON.parse(JSON.stringify(await node.request(method, params))) as unknown;
    } catch (error) {
      if (error instanceof RpcRefusal) {
        const { code, message, data } = error;
        throw new RpcErrorAnswer(label, method, { code, message, data });
      }
      if (error instanceof NodeSilence) throw new RpcSilence(`${label}, ${method}: no answer`);
      throw error;
    }
  };
  const endpoint: SolanaEndpoint = {
    label,
    lies: {},
    asked: [],
    async request(method, params) {
      endpoint.asked.push(method);
      const lie = endpoint.lies[method];
      if (lie === undefined) return await answer(method, params);
      return await lie(await answer(method, params).catch(() => null), params);
    },
  };
  return endpoint;
}

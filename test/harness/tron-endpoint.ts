import { NodeTrouble, type TronNode } from '../../local-chains/tron/node.ts';
import type { Json } from '../../src/base/json.ts';
import { RpcSilence } from '../../src/networks/nodes/json-rpc.ts';
import { readBody, type TronEndpoint } from '../../src/networks/tron/endpoint.ts';

/**
 * What is said in place of a node's true answer, which is null where the node has none. It may throw what an
 * endpoint throws.
 */
export type TronLie = (truth: unknown, body: Json) => unknown;

export interface LyingTronNode extends TronEndpoint {
  /** By path, "wallet/getblock"; changed at any time. What is not named is answered truly. */
  lies: Readonly<Record<string, TronLie>>;
  /** The paths, in the order of the questions. */
  readonly asked: string[];
}

/** A node of a local chain, asked in this process, as if over HTTP. */
export function tronEndpointOf(node: TronNode, label = node.name): LyingTronNode {
  const endpoint: LyingTronNode = {
    label,
    lies: {},
    asked: [],
    async request(path, body) {
      endpoint.asked.push(path);
      const lie = endpoint.lies[path];
      const truth = ask(node, { label, path, body });
      if (lie === undefined) return await truth;
      return lie(await truth.catch(() => null), body);
    },
  };
  return endpoint;
}

async function ask(
  node: TronNode,
  { label, path, body }: { readonly label: string; readonly path: string; readonly body: Json },
): Promise<unknown> {
  const context = `${label}, ${path}`;
  const hide = (text: string): string => text;
  try {
    const text = JSON.stringify(await node.post(`/${path}`, body));
    return readBody({ status: 200, text }, { context, hide });
  } catch (error) {
    if (!(error instanceof NodeTrouble)) throw error;
    return readTrouble(error, { context, hide });
  }
}

function readTrouble(
  { kind }: NodeTrouble,
  about: { readonly context: string; readonly hide: (text: string) => string },
): unknown {
  switch (kind) {
    case 'silent':
    case 'refused':
      throw new RpcSilence(`${about.context}: ${kind}`);
    case 'unavailable':
      return readBody({ status: 503, text: '<html>' }, about);
    case 'no such path':
      return readBody({ status: 404, text: '<html>' }, about);
    case 'broken':
      return readBody({ status: 200, text: '<html>' }, about);
  }
}

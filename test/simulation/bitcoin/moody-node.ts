import { RpcErrorAnswer, RpcFailure, RpcSilence } from '../../../src/networks/nodes/json-rpc.ts';
import { readExactJson } from '../../../src/networks/bitcoin/read-answer.ts';
import type {
  BitcoinNode,
  FaultKind,
  NodeFaults,
} from '../../../local-chains/bitcoin/bitcoin-chain.ts';
import type { SeededRandom } from '../../harness/seeded-random.ts';
import type { SimulatedNode } from '../simulated-network.ts';

/** A node of the local chain that answers now in one manner and now in another, by shares. */
export interface MoodyNode extends SimulatedNode {
  readonly set: (changes: Partial<NodeFaults>) => void;
  /** Shares of its answers, in thousandths, by what befalls them. */
  readonly setMoods: (perMille: Readonly<Partial<Record<FaultKind, number>>>) => void;
}

export function createMoodyNode(node: BitcoinNode, random: SeededRandom): MoodyNode {
  let moods: Readonly<Partial<Record<FaultKind, number>>> = {};
  const draw = (): FaultKind | null => {
    let left = random.between(0, 999);
    for (const [kind, share] of Object.entries(moods) as [FaultKind, number][]) {
      left -= share;
      if (left < 0) return kind;
    }
    return null;
  };
  const label = node.name;
  return {
    label,
    set: (changes) => node.set(changes),
    setMoods: (perMille) => {
      moods = perMille;
    },
    heal: () => {
      moods = {};
      node.heal();
    },
    isSilence: (error) => error instanceof RpcSilence,
    request: async (method, params, path = '') => {
      node.set({ always: Object.keys(moods).length === 0 ? null : draw() });
      const question = { jsonrpc: '2.0', id: 1, method, params };
      const exchange = node.exchange(`/${path}`, JSON.stringify(question));
      if (exchange.kind === 'silence') throw new RpcSilence(`${label}, ${method}: no answer`);
      return await Promise.resolve(readEnvelope(exchange, { label, method }));
    },
  };
}

/** As the production endpoint reads what comes over HTTP. */
function readEnvelope(
  { status, body }: { readonly status: number; readonly body: string },
  { label, method }: { readonly label: string; readonly method: string },
): unknown {
  const answer = parse(body);
  if (answer === null) throw new RpcFailure(`${label}, ${method}: HTTP ${status}, no JSON`);
  const { error, result } = answer;
  if (error !== undefined && error !== null) {
    const { code, message } = error;
    throw new RpcErrorAnswer(label, method, { code: Number(code), message, data: undefined });
  }
  if (status >= 300) throw new RpcFailure(`${label}, ${method}: HTTP ${status}`);
  return result;
}

interface Envelope {
  readonly result: unknown;
  readonly error?: { readonly code: unknown; readonly message: string } | null;
}

function parse(body: string): Envelope | null {
  try {
    return readExactJson(body) as Envelope;
  } catch {
    return null;
  }
}

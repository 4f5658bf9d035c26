import { assert } from '../../../src/base/assert.ts';
import type { Json } from '../../../src/base/json.ts';
import { RpcErrorAnswer, RpcFailure } from '../../../src/networks/nodes/json-rpc.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { answer } from './answer.ts';
import type { Core } from './core.ts';
import { garble } from './garble.ts';
import type { ChainView } from './lineage.ts';
import { askedOfLiar, tell } from './lies.ts';
import { createPrivatePool, type PrivatePool } from './private-pool.ts';
import { invalid, type Knowledge, type Parameters } from './question.ts';
import { REFUSED, RpcError } from './rpc-error.ts';
import { sendRaw } from './send-raw.ts';
import type { FaultKind, NodeFaults, SimulatedNode, SimulatedRandom } from './simulated-chain.ts';

export interface NodePlace {
  readonly core: Core;
  readonly random: SimulatedRandom;
  readonly treasury: Hex;
  /** Told of each fault that strikes. */
  readonly count: (kind: string) => void;
}

/** A node, and what the chain tells it. */
export interface OwnedNode extends SimulatedNode {
  /** A block was made: what its pool holds back may be due. */
  readonly onBlock: () => void;
}

const HEALTHY: NodeFaults = {
  lagBlocks: 0,
  stalledAt: null,
  onAbandonedBranch: false,
  perMille: {},
  indexLagBlocks: 0,
  pool: 'shared',
  lies: [],
};

export function createNode(
  label: string,
  initial: Partial<NodeFaults>,
  place: NodePlace,
): OwnedNode {
  const { core, count } = place;
  let faults: NodeFaults = { ...HEALTHY, ...initial };
  const own = createPrivatePool(core);
  const asked: Record<string, number> = {};
  const due: { readonly method: string; readonly kind: FaultKind }[] = [];
  const know = (): Knowledge => knowledgeOf(core, faults, own);
  const nextFault = (method: string): FaultKind | null => {
    const index = due.findIndex((each) => each.method === method);
    if (index !== -1) return due.splice(index, 1)[0]?.kind ?? null;
    return drawFault(faults.perMille, place.random);
  };
  /** Without the faults of a single answer, lies included. */
  const tellWhatItKnows = (method: string, params: Parameters): Json => {
    const { lies } = faults;
    const knowledge = know();
    if (faults.lagBlocks > 0 || faults.stalledAt !== null) count('lagging');
    if (faults.onAbandonedBranch) count('on-abandoned-branch');
    if (method === 'eth_sendRawTransaction') {
      if (faults.pool !== 'shared') count('private-pool');
      return sendRaw(knowledge, readRaw(params), { own, hold: faults.pool });
    }
    const understood = lies.includes('other-hashes') ? askedOfLiar(params) : params;
    let result = answer(knowledge, method, understood);
    for (const lie of lies) {
      const lied = tell(lie, { method, params: understood, result }, place.treasury);
      if (lied !== result) count(`lie: ${lie}`);
      result = lied;
    }
    return result;
  };
  return {
    label,
    get faults() {
      return faults;
    },
    set(changes) {
      faults = { ...faults, ...changes };
    },
    heal() {
      faults = HEALTHY;
      due.length = 0;
    },
    stall() {
      faults = { ...faults, stalledAt: BigInt(know().view.head.number) };
    },
    failNext: (method, kind) => void due.push({ method, kind }),
    asked: () => asked,
    onBlock: () => own.onBlock(),
    request: async (method, params) => {
      await Promise.resolve();
      asked[method] = (asked[method] ?? 0) + 1;
      const kind = nextFault(method);
      if (kind !== null) count(kind);
      const context = `${label}, ${method}`;
      try {
        if (kind === null) return tellWhatItKnows(method, params);
        return struck(kind, { method, context, random: place.random }, () =>
          tellWhatItKnows(method, params),
        );
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        const { code, message, data } = error;
        throw new RpcErrorAnswer(label, method, { code, message, data });
      }
    },
  };
}

function knowledgeOf(core: Core, faults: NodeFaults, own: PrivatePool): Knowledge {
  const view = viewOf(core, faults);
  return {
    core,
    view,
    indexedTo: view.head.number - faults.indexLagBlocks,
    pooled(hash) {
      const waiting = core.pool.get(hash) ?? own.pool.get(hash);
      if (waiting !== null) return waiting;
      // In a block that this node has not seen yet: it waits in its pool.
      const place = core.lineage.find(core.lineage.view(Infinity), hash);
      if (place === null || place.block.number <= view.head.number) return null;
      return place.block.transactions[place.index]?.transaction ?? null;
    },
    pendingNonce(sender, state) {
      let nonce = core.pool.pendingNonce(sender, state);
      while (core.pool.has(sender, nonce) || own.pool.has(sender, nonce)) nonce += 1n;
      return nonce;
    },
  };
}

function viewOf(core: Core, { lagBlocks, stalledAt, onAbandonedBranch }: NodeFaults): ChainView {
  const { lineage } = core;
  if (onAbandonedBranch) return lineage.abandonedView();
  const lagging = lineage.head().number - lagBlocks;
  return lineage.view(
    Math.max(0, stalledAt === null ? lagging : Math.min(lagging, Number(stalledAt))),
  );
}

/** One draw, and none where nothing can strike. */
function drawFault(rates: NodeFaults['perMille'], random: SimulatedRandom): FaultKind | null {
  const entries = Object.entries(rates) as [FaultKind, number][];
  const sum = entries.reduce((total, [, rate]) => total + rate, 0);
  assert(sum <= 1_000, 'chances of faults sum up to a whole at most');
  if (sum === 0) return null;
  let drawn = random.below(1_000);
  for (const [kind, rate] of entries) {
    if (drawn < rate) return kind;
    drawn -= rate;
  }
  return null;
}

/** What nodes and those who sell access to them say when they cannot. */
const ERRORS = [
  { code: -32_603, message: 'Internal error' },
  { code: -32_005, message: 'limit exceeded' },
  { code: REFUSED, message: 'request timed out' },
  { code: REFUSED, message: 'header not found' },
];

function struck(
  kind: FaultKind,
  about: { readonly method: string; readonly context: string; readonly random: SimulatedRandom },
  carryOut: () => Json,
): Json {
  const { method, context, random } = about;
  switch (kind) {
    case 'timeout':
      throw new RpcFailure(`${context}: no answer within 10000 ms`);
    case 'lost-answer':
      try {
        carryOut();
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
      }
      throw new RpcFailure(`${context}: no answer (ECONNRESET)`);
    case 'error': {
      const { code, message } = ERRORS[random.below(ERRORS.length)] ?? {
        code: -32_603,
        message: '',
      };
      throw new RpcError(code, message);
    }
    case 'malformed':
      return garble(carryOut(), random);
    case 'unindexed':
      if (method === 'eth_getLogs') return [];
      if (/^eth_getTransaction(Receipt|ByHash)$/.test(method)) return null;
      throw new RpcError(REFUSED, 'header not found');
  }
}

function readRaw([raw]: Parameters): Hex {
  if (typeof raw !== 'string' || !raw.startsWith('0x'))
    throw invalid('invalid argument: hex string');
  return raw.toLowerCase() as Hex;
}

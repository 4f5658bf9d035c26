import { exchangeRpc, methodNamed, type Answered } from './answer-rpc.ts';
import {
  BitcoinRpcError,
  NoAnswer,
  type BitcoinNode,
  type FaultKind,
  type NodeFaults,
} from './bitcoin-chain.ts';
import { ancestorAt, type StoredBlock } from './block-store.ts';
import { createNodeCore, type CoreOptions, type NodeCore } from './node-core.ts';
import { readParameters } from './question.ts';
import type { Transaction } from './transaction.ts';
import type { World } from './world.ts';

/** A node, and what its chain tells it. */
export interface OwnedNode extends BitcoinNode {
  readonly core: NodeCore;
  /** The chain has changed; `forgotten` are ids that no pool keeps. */
  sync(forgotten: ReadonlySet<string>): void;
  /** From a peer. */
  hear(transaction: Transaction): void;
  save(): () => void;
}

const HEALTHY: NodeFaults = {
  lagBlocks: 0,
  stalledAt: null,
  relay: 'gossip',
  always: null,
  wrongChain: false,
  denies: [],
  prunedBelowDepth: null,
  mempoolMinSatPerKvb: 0n,
};

interface NodeState {
  faults: NodeFaults;
  due: readonly { readonly method: string; readonly kind: FaultKind }[];
  asked: Readonly<Record<string, number>>;
}

export function createNode(name: string, world: World, options: CoreOptions): OwnedNode {
  const core = createNodeCore(options);
  const now: NodeState = { faults: HEALTHY, due: [], asked: {} };
  const sync = (forgotten: ReadonlySet<string>): void => {
    core.follow(targetOf(now.faults, world), forgotten);
  };
  const apply = (faults: NodeFaults): void => {
    now.faults = faults;
    core.poolMinSatPerKvb = faults.mempoolMinSatPerKvb;
    sync(new Set());
  };
  const compute = (method: string, params: readonly unknown[], wallet?: string): unknown =>
    methodNamed(method).answer({
      core,
      world,
      faults: now.faults,
      node: name,
      params: readParameters(params),
      wallet,
    });
  const answer = (method: string, params: readonly unknown[], wallet?: string): Answered => {
    now.asked = { ...now.asked, [method]: (now.asked[method] ?? 0) + 1 };
    const fault = nextFault(now, method);
    if (fault === null) return { kind: 'result', result: compute(method, params, wallet) };
    world.count(fault);
    return strike(fault, () => compute(method, params, wallet));
  };
  const node: OwnedNode = {
    name,
    core,
    get faults() {
      return now.faults;
    },
    set: (changes) => apply({ ...now.faults, ...changes }),
    heal() {
      now.due = [];
      apply(HEALTHY);
      for (const { transaction } of world.miner.pool.entries()) core.offer(transaction);
      for (const { transaction } of core.pool.entries()) world.gossip(name, transaction);
    },
    failNext(method, kind) {
      now.due = [...now.due, { method, kind }];
    },
    request: async (method, params, wallet) => await requested(answer(method, params, wallet)),
    exchange: (path, body) => exchangeRpc(path, body, answer),
    asked: () => now.asked,
    mempool: () => [...core.pool.entries()].map(({ transaction }) => transaction.txid),
    sync,
    hear: (transaction) => {
      if (now.faults.relay === 'gossip') core.offer(transaction);
    },
    save: () => saveNode(core, now),
  };
  // Whoever starts has what is there, and hears what waits.
  sync(new Set());
  for (const { transaction } of world.miner.pool.entries()) core.offer(transaction);
  return node;
}

function targetOf({ stalledAt, lagBlocks }: NodeFaults, { store, miner }: World): StoredBlock {
  const tip = miner.state.tip();
  if (stalledAt === null) return ancestorAt(tip, Math.max(0, tip.height - lagBlocks));
  const stalled = store.find(stalledAt);
  if (stalled?.spent === undefined) throw new Error(`${stalledAt} is no block of this chain`);
  return stalled;
}

function nextFault(state: NodeState, method: string): FaultKind | null {
  const index = state.due.findIndex((each) => each.method === method);
  const due = state.due[index];
  if (due === undefined) return state.faults.always;
  state.due = state.due.toSpliced(index, 1);
  return due.kind;
}

function strike(fault: FaultKind, carryOut: () => unknown): Answered {
  switch (fault) {
    case 'silence':
      return { kind: 'silence' };
    case 'busy':
      return { kind: 'busy' };
    case 'lost-answer':
      carryOut();
      return { kind: 'silence' };
    case 'error':
      carryOut();
      throw new BitcoinRpcError(-32603, 'Internal error');
    case 'malformed':
      return { kind: 'result', result: garble(carryOut()) };
  }
}

/** Of another shape than the method's answer; nothing that could be true. */
function garble(result: unknown): unknown {
  if (Array.isArray(result)) return { nonsense: true };
  if (typeof result === 'string') return 12;
  if (typeof result === 'object' && result !== null) {
    return Object.fromEntries(Object.keys(result).map((name) => [name, 'nonsense']));
  }
  return ['nonsense'];
}

async function requested(answered: Answered): Promise<unknown> {
  switch (answered.kind) {
    case 'result':
      // Through its text, as a client has it: amounts become numbers there.
      return await Promise.resolve(JSON.parse(JSON.stringify(answered.result)) as unknown);
    case 'silence':
      throw new NoAnswer('no answer');
    case 'busy':
      throw new NoAnswer('HTTP 503: Work queue depth exceeded');
  }
}

function saveNode(core: NodeCore, state: NodeState): () => void {
  const restoreCore = core.save();
  const kept = { ...state };
  return () => {
    restoreCore();
    Object.assign(state, kept);
  };
}

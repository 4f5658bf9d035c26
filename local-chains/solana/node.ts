import { answer } from './answer.ts';
import { hashText } from './block.ts';
import type {
  Json,
  SolanaFaultKind,
  SolanaNode,
  SolanaNodeFaults,
  SolanaRandom,
} from './chain-interface.ts';
import type { Core } from './core.ts';
import { tell } from './lies.ts';
import type { ForkView } from './lineage.ts';
import { isRecord, type Knowledge, type Params } from './question.ts';
import { NodeSilence, RpcRefusal } from './rpc-error.ts';

export interface NodePlace {
  readonly core: Core;
  readonly random: SolanaRandom | null;
  /** Told of each fault that strikes. */
  readonly count: (kind: string) => void;
}

const HEALTHY: SolanaNodeFaults = {
  lagBlocks: 0,
  lagJitterBlocks: 0,
  indexLagBlocks: 0,
  admitsBehind: null,
  stalledAt: null,
  onAbandonedFork: false,
  onStrayFork: false,
  history: 'full',
  longTermStorage: false,
  emptyStatusCache: false,
  forwards: 'at-once',
  perMille: {},
  lies: [],
};

export function createNode(name: string, place: NodePlace): SolanaNode {
  const { core, count, random } = place;
  let faults = HEALTHY;
  const asked: Record<string, number> = {};
  const due: { readonly method: string; readonly kind: SolanaFaultKind }[] = [];
  const nextFault = (method: string): SolanaFaultKind | null => {
    const index = due.findIndex((each) => each.method === method);
    if (index !== -1) return due.splice(index, 1)[0]?.kind ?? null;
    return drawFault(faults.perMille, random);
  };
  /** Without the faults of a single answer, lies included. */
  const tellWhatItKnows = (method: string, params: Params): Json => {
    const knowledge = knowledgeOf(core, faults, random);
    for (const kind of ailmentsOf(faults, method)) count(kind);
    let result = answer(knowledge, method, params);
    for (const lie of faults.lies) {
      const lied = tell(lie, method, result);
      if (lied !== result) count(`lie: ${lie}`);
      result = lied;
    }
    return result;
  };
  return {
    name,
    get faults() {
      return faults;
    },
    set(changes) {
      const next = { ...faults, ...changes };
      checkChance(next, random);
      faults = next;
    },
    heal() {
      faults = HEALTHY;
      due.length = 0;
    },
    stall() {
      faults = { ...faults, stalledAt: knowledgeOf(core, faults, null).view.head.slot };
    },
    failNext: (method, kind) => void due.push({ method, kind }),
    asked: () => ({ ...asked }),
    request: async (method, params) => {
      await Promise.resolve();
      asked[method] = (asked[method] ?? 0) + 1;
      const kind = nextFault(method);
      if (kind === null) return tellWhatItKnows(method, params);
      count(kind);
      return struck(kind, { method, random }, () => tellWhatItKnows(method, params));
    },
  };
}

function knowledgeOf(core: Core, faults: SolanaNodeFaults, random: SolanaRandom | null): Knowledge {
  const { lagJitterBlocks: jitter } = faults;
  const further = jitter === 0 ? 0 : (random?.below(jitter + 1) ?? 0);
  const lagBlocks = faults.lagBlocks + further;
  return { core, faults, view: viewOf(core, { ...faults, lagBlocks }) };
}

function viewOf({ lineage }: Core, faults: SolanaNodeFaults): ForkView {
  if (faults.onAbandonedFork) return lineage.abandonedView();
  if (faults.onStrayFork)
    return lineage.strayView(({ blockhash }) => hashText(`stray ${blockhash}`));
  const height = lineage.head().height - faults.lagBlocks;
  const { stalledAt } = faults;
  return lineage.view(stalledAt === null ? { height } : { height, slot: stalledAt });
}

/** What ails it all the time and shows in this answer. */
function ailmentsOf(faults: SolanaNodeFaults, method: string): readonly string[] {
  const isSending = method === 'sendTransaction';
  const ailments: readonly (readonly [string, boolean])[] = [
    ['lagging', faults.lagBlocks + faults.lagJitterBlocks > 0 || faults.stalledAt !== null],
    ['not-indexed', faults.indexLagBlocks > 0],
    ['on-abandoned-fork', faults.onAbandonedFork],
    ['on-stray-fork', faults.onStrayFork && !faults.onAbandonedFork],
    ['without-history', faults.history !== 'full'],
    ['empty-status-cache', faults.emptyStatusCache && method === 'getSignatureStatuses'],
    ['never-forwarded', isSending && faults.forwards === 'never'],
    ['forwarded-late', isSending && faults.forwards !== 'never' && faults.forwards !== 'at-once'],
  ];
  return ailments.flatMap(([kind, isSo]) => (isSo ? [kind] : []));
}

type Rates = SolanaNodeFaults['perMille'];

function checkChance(faults: SolanaNodeFaults, random: SolanaRandom | null): void {
  const sum = Object.values(faults.perMille).reduce((total, rate) => total + rate, 0);
  if (sum > 1_000) throw new Error('The chances of faults sum up to more than a whole.');
  const isDrawn = sum > 0 || faults.lagJitterBlocks > 0;
  if (isDrawn && random === null) throw new Error('Nothing is drawn without a source of chance.');
}

/** One draw, and none where nothing can strike. */
function drawFault(rates: Rates, random: SolanaRandom | null): SolanaFaultKind | null {
  const entries = Object.entries(rates) as [SolanaFaultKind, number][];
  if (random === null || entries.every(([, rate]) => rate === 0)) return null;
  let drawn = random.below(1_000);
  for (const [kind, rate] of entries) {
    if (drawn < rate) return kind;
    drawn -= rate;
  }
  return null;
}

/** What nodes and those who sell access to them say when they cannot. */
const ERRORS: readonly RpcRefusal[] = [
  new RpcRefusal(-32_603, 'Internal error'),
  new RpcRefusal(-32_005, 'Node is unhealthy', { numSlotsBehind: null }),
  new RpcRefusal(429, 'Too many requests for a specific RPC call'),
  new RpcRefusal(-32_014, 'Block status not yet available for slot 1'),
];

function struck(
  kind: SolanaFaultKind,
  about: { readonly method: string; readonly random: SolanaRandom | null },
  carryOut: () => Json,
): Json {
  const { method, random } = about;
  const draw = (limit: number): number => random?.below(limit) ?? 0;
  switch (kind) {
    case 'timeout':
      throw new NodeSilence('hangs', `${method}: no answer in time`);
    case 'lost-answer':
      try {
        carryOut();
      } catch (error) {
        if (!(error instanceof RpcRefusal)) throw error;
      }
      throw new NodeSilence('breaks', `${method}: the connection broke`);
    case 'error':
      throw ERRORS[draw(ERRORS.length)] ?? new RpcRefusal(-32_603, 'Internal error');
    case 'malformed':
      return garble(carryOut(), draw);
    case 'absent':
      return absent(method, carryOut());
  }
}

/** As from a node to which what is asked about has not come yet. */
function absent(method: string, result: Json): Json {
  switch (method) {
    case 'getTransaction':
    case 'getBlock':
    case 'getBlockTime':
      return null;
    case 'getSignaturesForAddress':
    case 'getBlocks':
    case 'getBlocksWithLimit':
      return [];
    case 'getAccountInfo':
      return isRecord(result) ? { ...result, value: null } : null;
    case 'getTokenAccountsByOwner':
      return isRecord(result) ? { ...result, value: [] } : null;
    case 'getSignatureStatuses':
    case 'getMultipleAccounts': {
      const value = isRecord(result) ? result['value'] : null;
      if (!isRecord(result) || !Array.isArray(value)) return null;
      return { ...result, value: value.map(() => null) };
    }
    default:
      throw new RpcRefusal(-32_603, 'Internal error');
  }
}

/**
 * An answer that no reader can take for another: of another type, or an object of which one value is
 * nonsense. Never a value that could be true, which would be a lie.
 */
function garble(result: Json, draw: (limit: number) => number): Json {
  if (isRecord(result) && draw(2) === 0) {
    const names = Object.keys(result);
    const name = names[draw(names.length)] ?? 'value';
    return { ...result, [name]: 'zz' };
  }
  const others: readonly Json[] = ['non sense', {}, 1.5, [[]], true];
  return others[draw(others.length)] ?? 'non sense';
}

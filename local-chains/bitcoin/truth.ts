import type {
  BitcoinTruth,
  ChainBlock,
  Outpoint,
  TrueOutput,
  TruePlace,
  TrueSpend,
} from './bitcoin-chain.ts';
import type { StoredBlock } from './block-store.ts';
import type { Chainstate } from './chainstate.ts';
import { outpointKey } from './transaction.ts';

/** What the blocks say, kept by script and by coin as blocks are connected. */
export interface TruthBook {
  readonly truth: BitcoinTruth;
  /** A block was validated. */
  record(stored: StoredBlock): void;
  save(): () => void;
}

interface RecordedOutput extends Outpoint {
  readonly units: bigint;
  readonly block: StoredBlock;
}

interface RecordedSpend {
  readonly coin: Outpoint;
  readonly units: bigint;
  readonly spentBy: string;
  readonly input: number;
  readonly block: StoredBlock;
}

export function createTruthBook(state: Chainstate): TruthBook {
  let recorded = new Set<string>();
  let outputs = new Map<string, readonly RecordedOutput[]>();
  let spends = new Map<string, readonly RecordedSpend[]>();
  let spendsByCoin = new Map<string, readonly RecordedSpend[]>();
  const record = (stored: StoredBlock): void => {
    if (recorded.has(stored.block.hash)) return;
    recorded.add(stored.block.hash);
    for (const [index, { txid, ...transaction }] of stored.block.transactions.entries()) {
      for (const [vout, { units, scriptHex }] of transaction.outputs.entries()) {
        append(outputs, scriptHex, { txid, vout, units, block: stored });
      }
      for (const [input, { units, scriptHex }] of (stored.spent?.[index] ?? []).entries()) {
        const spent = transaction.inputs[input];
        if (spent === undefined) continue;
        const coin = { txid: spent.txid, vout: spent.vout };
        const spend = { coin, units, spentBy: txid, input, block: stored };
        append(spends, scriptHex, spend);
        append(spendsByCoin, outpointKey(coin), spend);
      }
    }
  };
  return {
    record,
    truth: readTruth({
      state,
      outputsTo: (scriptHex) => outputs.get(scriptHex) ?? [],
      spendsFrom: (scriptHex) => spends.get(scriptHex) ?? [],
      spendsOf: (coin) => spendsByCoin.get(outpointKey(coin)) ?? [],
    }),
    save() {
      const kept = [recorded, outputs, spends, spendsByCoin] as const;
      const copies = [
        new Set(kept[0]),
        new Map(kept[1]),
        new Map(kept[2]),
        new Map(kept[3]),
      ] as const;
      return () => {
        recorded = new Set(copies[0]);
        outputs = new Map(copies[1]);
        spends = new Map(copies[2]);
        spendsByCoin = new Map(copies[3]);
      };
    },
  };
}

export function chainBlock({ block, height }: StoredBlock): ChainBlock {
  return {
    height,
    hash: block.hash,
    parentHash: block.parentHash,
    time: block.time,
    txids: block.transactions.map(({ txid }) => txid),
  };
}

interface Records {
  readonly state: Chainstate;
  readonly outputsTo: (scriptHex: string) => readonly RecordedOutput[];
  readonly spendsFrom: (scriptHex: string) => readonly RecordedSpend[];
  readonly spendsOf: (coin: Outpoint) => readonly RecordedSpend[];
}

function readTruth({ state, outputsTo, spendsFrom, spendsOf }: Records): BitcoinTruth {
  const placeOf = ({ block, height }: StoredBlock): TruePlace => ({
    blockHash: block.hash,
    height,
    depth: state.tip().height - height + 1,
  });
  const trueOutput = ({ block, ...output }: RecordedOutput): TrueOutput => ({
    ...output,
    ...placeOf(block),
  });
  const trueSpend = ({ block, ...spend }: RecordedSpend): TrueSpend => ({
    ...spend,
    ...placeOf(block),
  });
  const isTrue = ({ block }: { readonly block: StoredBlock }): boolean => state.isActive(block);
  const isOlder = (a: TruePlace, b: TruePlace): number => a.height - b.height;
  const spendOf = (coin: Outpoint): TrueSpend | null => {
    const spend = spendsOf(coin).find(isTrue);
    return spend === undefined ? null : trueSpend(spend);
  };
  const trueOutputs = (scriptHex: string): readonly TrueOutput[] =>
    outputsTo(scriptHex).filter(isTrue).map(trueOutput).toSorted(isOlder);
  return {
    tip: () => chainBlock(state.tip()),
    blockAt(height) {
      const stored = state.blockAt(height);
      return stored === undefined ? null : chainBlock(stored);
    },
    outputsTo: trueOutputs,
    everPaidTo: (scriptHex) =>
      outputsTo(scriptHex).map((each) => ({ ...trueOutput(each), canonical: isTrue(each) })),
    spendsFrom: (scriptHex) =>
      spendsFrom(scriptHex).filter(isTrue).map(trueSpend).toSorted(isOlder),
    spendOf,
    placeOf(txid) {
      const stored = state.blockWith(txid);
      return stored === undefined ? null : placeOf(stored);
    },
    unitsOf: (scriptHex) =>
      trueOutputs(scriptHex)
        .filter((output) => spendOf(output) === null)
        .reduce((sum, { units }) => sum + units, 0n),
  };
}

function append<T>(lists: Map<string, readonly T[]>, key: string, item: T): void {
  lists.set(key, [...(lists.get(key) ?? []), item]);
}

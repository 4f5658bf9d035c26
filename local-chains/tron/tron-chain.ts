import type { ChainCore } from './chain-core.ts';
import { addBlock, nextBlockTime } from './chain-core.ts';
import type { ChainControls } from './controls.ts';
import { createControls } from './create-controls.ts';
import { createNode } from './create-node.ts';
import { createTruth, summaryOf } from './create-truth.ts';
import type { TronGenesis } from './genesis.ts';
import { createGenesis, type Genesis } from './genesis-block.ts';
import type { TronNode } from './node.ts';
import { createSerial } from './serial.ts';
import type { BlockSummary, ChainTruth } from './truth.ts';
import { createVirtualMachine, type VirtualMachine } from './virtual-machine.ts';

/**
 * A Tron chain in memory: one truth, seen through any number of nodes. It reads no clock, rolls no dice
 * and does nothing of its own accord: the same calls at the same times give the same block ids.
 */
export interface TronChain {
  /** The time that the options' clock shows, in milliseconds since 1970. */
  now(): number;
  /**
   * Makes the next block of what is pooled. Its time is the last whole slot that has begun, at least one
   * slot after its parent's: a chain whose blocks are asked for faster than time passes runs ahead.
   */
  produceBlock(): Promise<BlockSummary>;
  /** The node of that name; made at the first call. */
  openNode(name: string): TronNode;
  readonly controls: ChainControls;
  readonly truth: ChainTruth;
}

export interface TronChainOptions extends TronGenesis {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Default 3,000. */
  readonly blockTimeMs?: number;
  /** A block is solidified when this many blocks follow it. Default 18: 19 of 27 have then built on it. */
  readonly solidifiedAfterBlocks?: number;
  /** A node that knows of so many waiting transactions is busy. Default 2,000, as java-tron's. */
  readonly mostPooled?: number;
}

export async function createTronChain(options: TronChainOptions): Promise<TronChain> {
  const machine = await createVirtualMachine();
  const blockTimeMs = options.blockTimeMs ?? 3_000;
  const beganAtMs = Math.floor(options.now() / blockTimeMs) * blockTimeMs;
  const genesis = await createGenesis(machine, options, beganAtMs);
  const core = createCore(machine, options, genesis);
  const serial = createSerial();
  const nodes = new Map<string, TronNode>();
  const controls = createControls({ core, genesis, serial });
  const truth = createTruth(core, genesis, serial);
  for (const { symbol, holders } of options.tokens ?? []) {
    const token = truth.tokenAddress(symbol);
    for (const { address, units } of holders ?? []) controls.mint(token, address, units);
  }
  return {
    now: options.now,
    produceBlock: async () =>
      await serial(async () => summaryOf(await addBlock(core, nextBlockTime(core)))),
    openNode: (name) => {
      const node = nodes.get(name) ?? createNode(core, name, serial);
      nodes.set(name, node);
      return node;
    },
    controls,
    truth,
  };
}

function createCore(
  machine: VirtualMachine,
  options: TronChainOptions,
  genesis: Genesis,
): ChainCore {
  return {
    machine,
    now: options.now,
    blockTimeMs: options.blockTimeMs ?? 3_000,
    solidifiedAfterBlocks: options.solidifiedAfterBlocks ?? 18,
    mostPooled: options.mostPooled ?? 2_000,
    blocks: [genesis.block],
    solidNumber: 0,
    pool: new Map(),
    wishes: [],
    wishesMade: 0,
    homes: new Map(),
    forced: new Map(),
    forcedNext: new Map(),
    heldBack: new Set(),
    holdsAll: false,
    reorganisations: 0,
    blocksDropped: 0,
    pending: undefined,
  };
}

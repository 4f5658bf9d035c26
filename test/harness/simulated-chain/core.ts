import { getContractAddress } from 'viem';
import { nonceKey, weiKey } from './accounts.ts';
import { applyTransaction, isApplicable, type Applied, type ExecutionPlace } from './apply.ts';
import { nextBaseFee, sealBlock, type BlockRecord } from './block.ts';
import { createCodeBook, PROXY_ADDRESS, setCode, type CodeBook } from './code.ts';
import type { Execution } from './frame.ts';
import { createLineage, type Lineage } from './lineage.ts';
import { createPool, type Pool } from './pool.ts';
import { createSignatures, type Signatures } from './signatures.ts';
import type { SimulatedChainOptions, SimulatedTokenName } from './simulated-chain.ts';
import { createOverlay, createState, type JournaledState, type StateView } from './state.ts';
import { ownerKey } from './token.ts';
import { gasPriceOf, type ChainTransaction } from './transaction.ts';
import { createUsdc } from './usdc.ts';
import { createUsdt } from './usdt.ts';
import { assert } from '../../../src/base/assert.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';

/** Owns both tokens; the same as on the local chains, so that the tokens' addresses are the same too. */
export const TOKEN_OWNER: Hex = '0x00000000000000000000000000000000000a11ce';
/** Where coins come from. */
export const FAUCET: Hex = '0x0000000000000000000000000000000000fa0ce7';
/** Of the first and the second contract that the owner creates. */
export const TOKEN_ADDRESSES: Readonly<Record<SimulatedTokenName, Hex>> = {
  USDT: createdByOwner(0n),
  USDC: createdByOwner(1n),
};

function createdByOwner(nonce: bigint): Hex {
  return getContractAddress({ from: TOKEN_OWNER, nonce }).toLowerCase() as Hex;
}

/** The chain itself: its blocks, its state, its pool, and how a block is made. */
export interface Core {
  readonly chainId: number;
  readonly blockGasLimit: number;
  readonly codes: CodeBook;
  readonly tokens: Execution['tokens'];
  readonly signatures: Signatures;
  readonly state: JournaledState;
  readonly lineage: Lineage;
  readonly pool: Pool;
  /** Transactions by their bytes: read and recovered once. */
  readonly read: Map<Hex, ChainTransaction>;
  /** First in the next block. */
  readonly due: ChainTransaction[];
  finalizedBehind: number;
  nextBaseFeeWei: bigint | null;
  reorgs: number;
  build(order: BlockOrder): BlockRecord;
  /** For calls on a state, which stays as it is: as if in a block of this time. */
  placeOn(state: StateView, timestamp: bigint): ExecutionPlace;
}

export interface BlockOrder {
  readonly timestamp: bigint;
  /** Which of the senders' next transactions comes next; null: none of them. */
  readonly pick: (candidates: readonly ChainTransaction[]) => ChainTransaction | null;
}

export function createCore(options: SimulatedChainOptions): Core {
  const { chainId, decimals, finalizedBehind = 8, keptStates = 256 } = options;
  const codes = createCodeBook(decimals);
  const state = createState();
  const blockGasLimit = Number(options.blockGasLimit ?? 60_000_000n);
  writeGenesis(state, codes, options);
  const place = {
    chainId,
    codes,
    tokens: { USDT: createUsdt(decimals), USDC: createUsdc(decimals) },
    signatures: createSignatures(),
  };
  const genesis = sealBlock(
    {
      number: 0,
      parentHash: `0x${'0'.repeat(64)}`,
      timestamp: BigInt(Math.floor(options.clock.now().getTime() / 1_000)),
      baseFeeWei: options.baseFeeWei ?? 10n ** 9n,
      gasUsed: 0,
      gasLimit: blockGasLimit,
      branch: 0,
      transactions: [],
      finalNumber: 0,
      safeNumber: 0,
    },
    state.seal(),
  );
  const core: Core = {
    ...place,
    blockGasLimit,
    state,
    lineage: createLineage(genesis, { state, keptStates }),
    pool: createPool({ codes, blockGasLimit }),
    read: new Map(),
    due: [],
    finalizedBehind,
    nextBaseFeeWei: null,
    reorgs: 0,
    build: (order) => buildBlock(core, order),
    placeOn: (base, timestamp) => ({ ...place, state: createOverlay(base), timestamp }),
  };
  return core;
}

const MUCH_WEI = 10n ** 40n;

function writeGenesis(
  state: JournaledState,
  codes: CodeBook,
  options: SimulatedChainOptions,
): void {
  for (const name of ['USDT', 'USDC'] as const) {
    setCode(state, codes, { address: TOKEN_ADDRESSES[name], code: { kind: 'token', name } });
    state.set(nonceKey(TOKEN_ADDRESSES[name]), 1n);
    state.set(ownerKey(name), BigInt(TOKEN_OWNER));
  }
  state.set(nonceKey(TOKEN_OWNER), 2n);
  for (const account of [TOKEN_OWNER, FAUCET]) state.set(weiKey(account), MUCH_WEI);
  if (options.proxy === false) return;
  setCode(state, codes, { address: PROXY_ADDRESS, code: { kind: 'proxy' } });
  state.set(nonceKey(PROXY_ADDRESS), 1n);
}

function buildBlock(core: Core, order: BlockOrder): BlockRecord {
  const parent = core.lineage.head();
  const baseFeeWei = core.nextBaseFeeWei ?? nextBaseFee(parent);
  core.nextBaseFeeWei = null;
  const { chainId, codes, tokens, signatures, state } = core;
  const { timestamp } = order;
  const place = { chainId, codes, tokens, signatures, state, timestamp, baseFeeWei };
  const applied: Applied[] = [];
  for (const transaction of core.due.splice(0)) {
    const what = applyTransaction(transaction, place);
    assert(
      what.succeeded,
      `a transaction of ${transaction.from} failed: ${JSON.stringify(what.result)}`,
    );
    applied.push(what);
  }
  applied.push(...applyPool(core, place, order));
  core.pool.sweep(core.state);
  const number = parent.number + 1;
  const block = sealBlock(
    {
      number,
      parentHash: parent.hash,
      timestamp: order.timestamp,
      baseFeeWei,
      gasUsed: applied.reduce((sum, { gasUsed }) => sum + gasUsed, 0),
      gasLimit: core.blockGasLimit,
      branch: core.reorgs,
      transactions: applied,
      finalNumber: Math.max(parent.finalNumber, number - core.finalizedBehind),
      safeNumber: Math.max(parent.safeNumber, number - Math.ceil(core.finalizedBehind / 2)),
    },
    core.state.seal(),
  );
  core.lineage.append(block);
  return block;
}

/** What the pool gives, one sender's nonces in their order, until the gas of the block is used. */
function applyPool(
  core: Core,
  place: ExecutionPlace & { readonly baseFeeWei: bigint },
  order: BlockOrder,
): Applied[] {
  const applied: Applied[] = [];
  let gasLeft = core.blockGasLimit;
  const refused = new Set<Hex>();
  const waiting = core.pool.all();
  for (;;) {
    const candidates = waiting.filter(
      (each) => !refused.has(each.hash) && each.gasLimit <= gasLeft && isApplicable(each, place),
    );
    const next = order.pick(candidates);
    if (next === null) return applied;
    refused.add(next.hash);
    const what = applyTransaction(next, place);
    gasLeft -= what.gasUsed;
    applied.push(what);
  }
}

/** The one that pays most, the earliest of equals. */
export function dearest(
  candidates: readonly ChainTransaction[],
  baseFeeWei: bigint,
): ChainTransaction | null {
  let best: ChainTransaction | null = null;
  for (const each of candidates) {
    if (best === null || gasPriceOf(each, baseFeeWei) > gasPriceOf(best, baseFeeWei)) best = each;
  }
  return best;
}

import { BitcoinRpcError } from './bitcoin-chain.ts';
import type { StoredBlock } from './block-store.ts';
import { isDenied, type Methods, type Question } from './question.ts';
import {
  BITS,
  DIFFICULTY,
  renderBlock,
  renderHeader,
  renderHeaderHex,
  TARGET,
  workText,
} from './render.ts';

const MAINNET_GENESIS = '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f';

/** What a node tells of blocks. */
export const BLOCK_METHODS: Methods = {
  getblockchaininfo: { names: [], answer: getBlockchainInfo },
  getblockcount: { names: [], answer: ({ core }) => core.state.tip().height },
  getbestblockhash: { names: [], answer: ({ core }) => core.state.tip().block.hash },
  getblockhash: { names: ['height'], answer: getBlockHash },
  getblockheader: { names: ['blockhash', 'verbose'], answer: getBlockHeader },
  getblock: { names: ['blockhash', 'verbosity|verbose'], answer: getBlock },
};

/** A block that the node has a header of, on whichever branch. */
export function findBlock({ core, world, faults }: Question, hash: string): StoredBlock {
  const stored = world.store.find(hash);
  // A node that lags has not heard of what came after its newest block.
  const isBehind = faults.lagBlocks > 0 || faults.stalledAt !== null;
  const isKnown = stored !== undefined && !(isBehind && stored.order > core.state.tip().order);
  if (!isKnown) throw new BitcoinRpcError(-5, 'Block not found');
  return stored;
}

/** Throws where the body of a block is gone. */
export function requireBody({ core, faults, world }: Question, stored: StoredBlock): void {
  if (faults.prunedBelowDepth === null || stored.height === 0) return;
  if (core.state.tip().height - stored.height + 1 <= faults.prunedBelowDepth) return;
  world.count('pruned');
  throw new BitcoinRpcError(-1, 'Block not available (pruned data)');
}

function getBlockchainInfo({ core, faults, world }: Question): unknown {
  const tip = core.state.tip();
  const { prunedBelowDepth: depth } = faults;
  if (faults.wrongChain) world.count('wrong chain');
  return {
    chain: faults.wrongChain ? 'main' : 'regtest',
    blocks: tip.height,
    headers: tip.height,
    bestblockhash: tip.block.hash,
    bits: BITS,
    target: TARGET,
    difficulty: DIFFICULTY,
    time: tip.block.time,
    mediantime: tip.medianTime,
    verificationprogress: 1,
    initialblockdownload: false,
    chainwork: workText(tip),
    size_on_disk: tip.height * 300 + 293,
    pruned: depth !== null,
    ...(depth === null ? {} : { pruneheight: Math.max(0, tip.height - depth + 1) }),
    warnings: [],
  };
}

function getBlockHash({ core, faults, params }: Question): string {
  const height = params.integer(0);
  const stored = core.state.blockAt(height);
  if (height < 0 || stored === undefined) {
    throw new BitcoinRpcError(-8, 'Block height out of range');
  }
  return faults.wrongChain && height === 0 ? MAINNET_GENESIS : stored.block.hash;
}

function getBlockHeader(question: Question): unknown {
  const { params, core } = question;
  const stored = findBlock(question, params.hash(0, 'blockhash'));
  return params.flagOr(1, true) ? renderHeader(stored, core.state) : renderHeaderHex(stored);
}

function getBlock(question: Question): unknown {
  const { params, core } = question;
  const stored = findBlock(question, params.hash(0, 'blockhash'));
  requireBody(question, stored);
  const asked = params.raw(1);
  const verbosity = typeof asked === 'boolean' ? Number(asked) : params.integerOr(1, 1);
  const keeps = (txid: string): boolean => !isDenied(question, txid);
  return renderBlock(stored, core.state, { verbosity, keeps });
}

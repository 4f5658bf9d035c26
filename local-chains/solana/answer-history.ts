import type { Place } from './archive.ts';
import type { Block } from './block.ts';
import type { Json } from './chain-interface.ts';
import { memosOf } from './core.ts';
import { blockOf } from './lineage.ts';
import {
  bankAt,
  checkContextSlot,
  inContext,
  readAddress,
  readConfig,
  readCount,
  readHistoryCommitment,
  readList,
  readSignature,
  type Config,
  type Knowledge,
  type Params,
} from './question.ts';
import {
  blockCleanedUp,
  blockNotAvailable,
  blockStatusNotAvailable,
  historyNotAvailable,
  invalidParams,
  longTermSlotSkipped,
  slotSkipped,
  type RpcRefusal,
} from './rpc-error.ts';
import {
  renderBlock,
  renderStatus,
  renderTransaction,
  type TransactionEncoding,
} from './render-transaction.ts';

export function getBlock(knowledge: Knowledge, params: Params): Json {
  checkHistory(knowledge);
  const slot = readCount(params[0]);
  const config = readConfig(params, 1);
  const block = findBlock(knowledge, slot, config);
  const accounts = knowledge.core.accounts(knowledge.view);
  const rewards = config['rewards'] === false ? {} : { rewards: [] };
  const details = readDetails(config);
  switch (details) {
    case 'none':
      return renderBlock(block, rewards);
    case 'signatures': {
      const signatures = block.transactions.map(({ transaction }) => transaction.signature);
      return renderBlock(block, { ...rewards, signatures });
    }
    case 'full':
    case 'accounts': {
      const options = readTransactionEncoding(config, details);
      const transactions = block.transactions.map((each) =>
        renderTransaction(each, options, accounts),
      );
      return renderBlock(block, { ...rewards, transactions });
    }
  }
}

function readDetails(config: Config): 'none' | 'signatures' | TransactionEncoding['details'] {
  const details = config['transactionDetails'] ?? 'full';
  if (details === 'none' || details === 'signatures') return details;
  if (details === 'full' || details === 'accounts') return details;
  throw invalidParams('Invalid params: unknown variant of transactionDetails.');
}

/** Of a slot that is final or, where the client takes it, confirmed. */
function findBlock(knowledge: Knowledge, slot: number, config: Config): Block {
  const { core, view } = knowledge;
  const commitment = readHistoryCommitment(config);
  const block = core.archive.blockBySlot(view, slot);
  if (block !== null && !isIndexed(knowledge, block)) throw blockStatusNotAvailable(slot);
  if (slot <= view.finalized.slot) {
    checkKept(knowledge, slot);
    if (block === null) throw skippedAt(knowledge, slot);
    return block;
  }
  const isKnown = block !== null && block.height <= blockOf(view, commitment).height;
  if (!isKnown) throw blockNotAvailable(slot);
  return block;
}

export function getBlocks(knowledge: Knowledge, params: Params): Json {
  checkHistory(knowledge);
  const start = readCount(params[0]);
  const hasEnd = typeof params[1] === 'number';
  const config = readConfig(params, hasEnd || params[1] === null ? 2 : 1);
  const newest = blockOf(knowledge.view, readHistoryCommitment(config));
  checkContextSlot(config, newest.slot);
  const wanted = hasEnd ? readCount(params[1]) : start + MAX_RANGE;
  const end = Math.min(wanted, newest.slot);
  if (end < start) return [];
  if (end - start > MAX_RANGE) throw invalidParams(`Slot range too large; max ${MAX_RANGE}`);
  return slotsFrom(knowledge, start).filter((slot) => slot <= end);
}

export function getBlocksWithLimit(knowledge: Knowledge, params: Params): Json {
  checkHistory(knowledge);
  const [start, limit] = [readCount(params[0]), readCount(params[1])];
  if (limit > MAX_RANGE) throw invalidParams(`Limit too large; max ${MAX_RANGE}`);
  const config = readConfig(params, 2);
  const newest = blockOf(knowledge.view, readHistoryCommitment(config));
  checkContextSlot(config, newest.slot);
  const slots = slotsFrom(knowledge, start).filter((slot) => slot <= newest.slot);
  return slots.slice(0, limit);
}

const MAX_RANGE = 500_000;

/** Of the view's blocks, upwards. */
function slotsFrom(knowledge: Knowledge, start: number): number[] {
  const slots: number[] = [];
  const { view } = knowledge;
  const first = Math.max(start, firstKeptSlot(knowledge));
  for (let block: Block | null = view.head; block !== null && block.slot >= first;) {
    slots.push(block.slot);
    block = block.height === 0 ? null : view.at(block.height - 1);
  }
  return slots.reverse();
}

export function getBlockTime(knowledge: Knowledge, params: Params): Json {
  const slot = readCount(params[0]);
  const { core, view } = knowledge;
  if (slot > 0 && slot <= view.finalized.slot) checkKept(knowledge, slot);
  const block = core.archive.blockBySlot(view, slot);
  if (block !== null) return block.time;
  throw slot <= view.finalized.slot ? skippedAt(knowledge, slot) : blockNotAvailable(slot);
}

export function getFirstAvailableBlock(knowledge: Knowledge): Json {
  return firstKeptSlot(knowledge);
}

export function getTransaction(knowledge: Knowledge, params: Params): Json {
  checkHistory(knowledge);
  const signature = readSignature(params[0]);
  const config = readConfig(params, 1);
  const newest = blockOf(knowledge.view, readHistoryCommitment(config));
  const place = findInHistory(knowledge, signature);
  if (place === null || place.block.height > newest.height) return null;
  const options = readTransactionEncoding(config, 'full');
  const accounts = knowledge.core.accounts(knowledge.view);
  const shown = renderTransaction(place.executed, options, accounts);
  return { slot: place.block.slot, blockTime: place.block.time, ...shown };
}

export function getSignatureStatuses(knowledge: Knowledge, params: Params): Json {
  const signatures = readList(params[0], 256).map(readSignature);
  const searches = readConfig(params, 1)['searchTransactionHistory'] === true;
  if (searches) checkHistory(knowledge);
  const bank = bankAt(knowledge, knowledge.view.head);
  const statuses = signatures.map((signature) => {
    const cached = findInCache(knowledge, signature);
    if (cached !== null) return renderSignatureStatus(knowledge, cached);
    const old = searches ? findInHistory(knowledge, signature) : null;
    const isFinal = old !== null && old.block.height <= knowledge.view.finalized.height;
    return isFinal ? renderSignatureStatus(knowledge, old) : null;
  });
  return inContext(bank, statuses);
}

function renderSignatureStatus({ view }: Knowledge, { block, executed }: Place): Json {
  const { error } = executed.outcome;
  const isFinal = block.height <= view.finalized.height;
  const isConfirmed = block.height <= view.confirmed.height;
  return {
    slot: block.slot,
    confirmations: isFinal ? null : view.head.height - block.height,
    status: renderStatus(error),
    err: error,
    confirmationStatus: isFinal ? 'finalized' : isConfirmed ? 'confirmed' : 'processed',
  };
}

/** The newest final slots, a few hundred, and all that is not final. */
function findInCache({ core, view, faults }: Knowledge, signature: string): Place | null {
  if (faults.emptyStatusCache) return null;
  const place = core.archive.find(view, signature);
  if (place === null) return null;
  return place.block.slot > view.finalized.slot - core.statusCacheSlots ? place : null;
}

function findInHistory(knowledge: Knowledge, signature: string): Place | null {
  const { core, view, faults } = knowledge;
  if (faults.history === 'cache') return findInCache(knowledge, signature);
  const place = core.archive.find(view, signature);
  if (place === null || place.block.slot < firstKeptSlot(knowledge)) return null;
  return isIndexed(knowledge, place.block) ? place : null;
}

export function getSignaturesForAddress(knowledge: Knowledge, params: Params): Json {
  checkHistory(knowledge);
  const address = readAddress(params[0]);
  const config = readConfig(params, 1);
  const newest = blockOf(knowledge.view, readHistoryCommitment(config));
  checkContextSlot(config, newest.slot);
  const limit = readCount(config['limit'] ?? 1_000);
  if (limit === 0 || limit > 1_000) throw invalidParams('Invalid limit; max 1000');
  const before = readBound(knowledge, config['before']);
  const until = readBound(knowledge, config['until']);
  // A validator that does not know the place to start from knows nothing before it.
  if (before === 'unknown') return [];
  const found: Json[] = [];
  for (const place of knowledge.core.archive.placesOf(knowledge.view, address)) {
    if (found.length === limit || place.block.slot < firstKeptSlot(knowledge)) break;
    if (until !== null && until !== 'unknown' && compare(place, until) <= 0) break;
    const isTooNew = place.block.height > newest.height || !isIndexed(knowledge, place.block);
    if (isTooNew || (before !== null && compare(place, before) >= 0)) continue;
    found.push(renderSignatureInfo(knowledge, place));
  }
  return found;
}

function readBound(knowledge: Knowledge, value: Json | undefined): Place | null | 'unknown' {
  if (value === undefined || value === null) return null;
  return findInHistory(knowledge, readSignature(value)) ?? 'unknown';
}

/** Along the chain. */
function compare(left: Place, right: Place): number {
  return left.block.height - right.block.height || left.index - right.index;
}

function renderSignatureInfo({ view }: Knowledge, { block, executed }: Place): Json {
  const memos = memosOf(executed.transaction);
  const text = memos.map((memo) => `[${Buffer.byteLength(memo)}] ${memo}`).join('; ');
  return {
    signature: executed.transaction.signature,
    slot: block.slot,
    err: executed.outcome.error,
    memo: memos.length === 0 ? null : text,
    blockTime: block.time,
    confirmationStatus: block.height <= view.finalized.height ? 'finalized' : 'confirmed',
  };
}

function checkHistory({ faults }: Knowledge): void {
  if (faults.history === 'refuses') throw historyNotAvailable();
}

function firstKeptSlot({ core, view, faults }: Knowledge): number {
  if (typeof faults.history === 'number') return Math.max(0, view.head.slot - faults.history);
  if (faults.history !== 'cache') return 0;
  return Math.max(0, view.finalized.slot - core.statusCacheSlots);
}

function skippedAt({ faults }: Knowledge, slot: number): RpcRefusal {
  return faults.longTermStorage ? longTermSlotSkipped(slot) : slotSkipped(slot);
}

function isIndexed({ view, faults }: Knowledge, block: Block): boolean {
  return block.height <= view.head.height - faults.indexLagBlocks;
}

function checkKept(knowledge: Knowledge, slot: number): void {
  const first = firstKeptSlot(knowledge);
  if (slot < first) throw blockCleanedUp(slot, first);
}

function readTransactionEncoding(
  config: Config,
  details: TransactionEncoding['details'],
): TransactionEncoding {
  const { encoding, maxSupportedTransactionVersion: version, rewards } = config;
  return {
    encoding: typeof encoding === 'string' ? encoding : 'json',
    maxVersion: version === undefined || version === null ? null : readCount(version),
    details,
    rewards: rewards !== false,
  };
}

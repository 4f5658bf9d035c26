import type { Json } from './chain-interface.ts';
import { BLOCKHASH_BLOCKS } from './core.ts';
import { SLOTS_PER_EPOCH } from './executor.ts';
import { feeOf } from './fees.ts';
import {
  API_VERSION,
  bankOf,
  inContext,
  readAddress,
  readConfig,
  readCount,
  readList,
  readText,
  type Knowledge,
  type Params,
} from './question.ts';
import { invalidParams, nodeUnhealthy } from './rpc-error.ts';
import { readMessage, UnreadableTransaction } from './wire-transaction.ts';

export function getSlot(knowledge: Knowledge, params: Params): Json {
  return bankOf(knowledge, readConfig(params, 0)).block.slot;
}

export function getBlockHeight(knowledge: Knowledge, params: Params): Json {
  return bankOf(knowledge, readConfig(params, 0)).block.height;
}

export function getLatestBlockhash(knowledge: Knowledge, params: Params): Json {
  const bank = bankOf(knowledge, readConfig(params, 0));
  const { blockhash, height } = bank.block;
  return inContext(bank, { blockhash, lastValidBlockHeight: height + BLOCKHASH_BLOCKS });
}

export function isBlockhashValid(knowledge: Knowledge, params: Params): Json {
  const bank = bankOf(knowledge, readConfig(params, 1));
  const origin = knowledge.core.archive.blockByHash(bank.view, readAddress(params[0]));
  const valid = origin !== null && bank.block.height - origin.height <= BLOCKHASH_BLOCKS;
  return inContext(bank, valid);
}

export function getFeeForMessage(knowledge: Knowledge, params: Params): Json {
  const bank = bankOf(knowledge, readConfig(params, 1));
  const message = readEncodedMessage(readText(params[0]));
  const origin = knowledge.core.archive.blockByHash(bank.view, message.recentBlockhash);
  const known = origin !== null && bank.block.height - origin.height <= BLOCKHASH_BLOCKS;
  return inContext(bank, known ? Number(feeOf(message).lamports) : null);
}

function readEncodedMessage(text: string) {
  try {
    return readMessage(Buffer.from(text, 'base64'));
  } catch (error) {
    if (!(error instanceof UnreadableTransaction)) throw error;
    throw invalidParams(`failed to deserialize VersionedMessage: ${error.message}`);
  }
}

/** Of the newest 150 slots that have a block: the least price that was paid to write to these accounts. */
export function getRecentPrioritizationFees({ view }: Knowledge, params: Params): Json {
  const addresses = readList(params[0] ?? [], 128).map(readAddress);
  const fees: { slot: number; prioritizationFee: number }[] = [];
  for (let height = view.head.height; height > view.head.height - 150; height -= 1) {
    const block = view.at(height);
    if (block === null) break;
    const prices = block.transactions
      .filter(({ keys }) =>
        addresses.every((address) => keys.isWritable(keys.all.indexOf(address))),
      )
      .filter(({ keys }) => addresses.every((address) => keys.all.includes(address)))
      .map(({ unitPrice }) => Number(unitPrice));
    const prioritizationFee = prices.length === 0 ? 0 : Math.min(...prices);
    fees.push({ slot: block.slot, prioritizationFee });
  }
  return fees.reverse();
}

export function getMinimumBalanceForRentExemption({ core }: Knowledge, params: Params): Json {
  return Number(core.executor.minimumBalance(readCount(params[0])));
}

export function getGenesisHash({ core }: Knowledge): Json {
  return core.genesisHash;
}

export function getEpochInfo(knowledge: Knowledge, params: Params): Json {
  const { block, view } = bankOf(knowledge, readConfig(params, 0));
  return {
    absoluteSlot: block.slot,
    blockHeight: block.height,
    epoch: Math.floor(block.slot / SLOTS_PER_EPOCH),
    slotIndex: block.slot % SLOTS_PER_EPOCH,
    slotsInEpoch: SLOTS_PER_EPOCH,
    transactionCount: countTransactions(view),
  };
}

export function getTransactionCount(knowledge: Knowledge, params: Params): Json {
  return countTransactions(bankOf(knowledge, readConfig(params, 0)).view);
}

function countTransactions(view: Knowledge['view']): number {
  let count = 0;
  for (let height = view.head.height; height > 0; height -= 1) {
    count += view.at(height)?.transactions.length ?? 0;
  }
  return count;
}

export function getVersion(): Json {
  return { 'feature-set': 0, 'solana-core': API_VERSION };
}

export function getHealth({ faults }: Knowledge): Json {
  if (faults.admitsBehind !== null) throw nodeUnhealthy(faults.admitsBehind);
  return 'ok';
}

export function getIdentity({ core }: Knowledge): Json {
  return { identity: core.faucet.address };
}

import type { Json } from '../../../src/base/json.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { answerCall, estimateGas } from './answer-call.ts';
import { answerFeeHistory } from './answer-fees.ts';
import { answerLogs } from './answer-logs.ts';
import { nonceKey, weiKey } from './accounts.ts';
import { nextBaseFee } from './block.ts';
import { codeAt } from './code.ts';
import { BeyondModel } from './frame.ts';
import type { Place } from './lineage.ts';
import {
  blockOf,
  invalid,
  readAddress,
  readHash,
  stateOf,
  type Knowledge,
  type Parameters,
} from './question.ts';
import { renderBlock, renderReceipt, renderTransaction } from './render.ts';
import { NO_SUCH_METHOD, RpcError } from './rpc-error.ts';
import { storageKey } from './treasury.ts';
import { quantity, wordOf } from './words.ts';

/** Answers a question. Throws {@link RpcError} in a node's words. */
export function answer(known: Knowledge, method: string, params: Parameters): Json {
  const find = ANSWERS[method];
  if (find === undefined) {
    const message = `the method ${method} does not exist/is not available`;
    throw new RpcError(NO_SUCH_METHOD, message);
  }
  return find(known, params);
}

const ANSWERS: Readonly<Record<string, (known: Knowledge, params: Parameters) => Json>> = {
  eth_chainId: ({ core }) => quantity(core.chainId),
  eth_blockNumber: ({ view }) => quantity(view.head.number),
  eth_gasPrice: ({ view }) => quantity(nextBaseFee(view.head) + SUGGESTED_TIP_WEI),
  eth_maxPriorityFeePerGas: () => quantity(SUGGESTED_TIP_WEI),
  eth_feeHistory: answerFeeHistory,
  eth_getBlockByNumber: ({ view }, [id, whole]) => {
    if (typeof whole !== 'boolean') throw invalid('missing value for required argument 1');
    const block = blockOf(view, id);
    return block && renderBlock(block, whole);
  },
  eth_getBlockByHash: ({ core, view }, [hash, whole]) => {
    const block = core.lineage.byHash(readHash(hash));
    return block === null || block.number > view.head.number
      ? null
      : renderBlock(block, whole === true);
  },
  eth_getTransactionReceipt: (known, [hash]) => {
    const place = placeOf(known, readHash(hash));
    return place && renderReceipt(place.block, place.index);
  },
  eth_getTransactionByHash: (known, [given]) => {
    const hash = readHash(given);
    const place = placeOf(known, hash);
    const found = place?.block.transactions[place.index]?.transaction ?? known.pooled(hash);
    return found && renderTransaction(found, place);
  },
  eth_getTransactionCount: (known, [address, id]) => {
    const sender = readAddress(address);
    const state = stateOf(known.view, id);
    if (id === 'pending') return quantity(known.pendingNonce(sender, state));
    return quantity(state.word(nonceKey(sender)));
  },
  eth_getBalance: ({ view }, [address, id]) =>
    quantity(stateOf(view, id).word(weiKey(readAddress(address)))),
  eth_getCode: ({ core, view }, [address, id]) =>
    core.codes.bytesOf(codeAt(stateOf(view, id), core.codes, readAddress(address))),
  eth_getStorageAt: answerStorage,
  eth_getLogs: answerLogs,
  eth_call: answerCall,
  eth_estimateGas: estimateGas,
};

const SUGGESTED_TIP_WEI = 10n ** 9n;

/** The storage of accounts that run the treasury, and of accounts with no code; of no other. */
function answerStorage({ core, view }: Knowledge, [address, slot, id]: Parameters): Json {
  const account = readAddress(address);
  const state = stateOf(view, id);
  const code = codeAt(state, core.codes, account).kind;
  if (code === 'token' || code === 'proxy') throw new BeyondModel('the storage of a token');
  if (typeof slot !== 'string' || !/^0x[0-9a-f]{1,64}$/i.test(slot)) {
    throw invalid('unable to decode storage key');
  }
  const key: Hex = `0x${slot.slice(2).toLowerCase().padStart(64, '0')}`;
  return `0x${wordOf(state.word(storageKey(account, key)))}`;
}

function placeOf({ core, view, indexedTo }: Knowledge, hash: Hex): Place | null {
  const place = core.lineage.find(view, hash);
  return place !== null && place.block.number <= indexedTo ? place : null;
}

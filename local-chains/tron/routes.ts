import { answerAccount, answerParameters, answerResources } from './answer-accounts.ts';
import {
  answerBlock,
  answerBlockById,
  answerBlockByNumber,
  answerBlockRange,
  answerLatestBlocks,
  answerNowBlock,
} from './answer-blocks.ts';
import { answerBroadcast, answerBroadcastHex } from './answer-broadcast.ts';
import {
  answerConstantCall,
  answerContract,
  answerContractInfo,
  answerCreateTransfer,
  answerEnergyEstimate,
  answerTrigger,
} from './answer-contracts.ts';
import {
  answerAddressCheck,
  answerBandwidthPrices,
  answerEnergyPrices,
  answerNodeInfo,
} from './answer-node.ts';
import {
  answerInfo,
  answerInfosOfBlock,
  answerPool,
  answerPooled,
  answerPoolSize,
  answerTransaction,
} from './answer-transactions.ts';
import type { Question } from './question.ts';

type Answer = (question: Question) => unknown;

/** What both views answer. */
const READING: Readonly<Record<string, Answer>> = {
  getnowblock: answerNowBlock,
  getblock: answerBlock,
  getblockbynum: answerBlockByNumber,
  getblockbyid: answerBlockById,
  getblockbylatestnum: answerLatestBlocks,
  getblockbylimitnext: answerBlockRange,
  gettransactionbyid: answerTransaction,
  gettransactioninfobyid: answerInfo,
  gettransactioninfobyblocknum: answerInfosOfBlock,
  getaccount: answerAccount,
  triggerconstantcontract: answerConstantCall,
  estimateenergy: answerEnergyEstimate,
  getnodeinfo: answerNodeInfo,
  getenergyprices: answerEnergyPrices,
  getbandwidthprices: answerBandwidthPrices,
};

/** What only the full node's own view answers. */
const WALLET: Readonly<Record<string, Answer>> = {
  ...READING,
  broadcasttransaction: answerBroadcast,
  broadcasthex: answerBroadcastHex,
  gettransactionfrompending: answerPooled,
  gettransactionlistfrompending: answerPool,
  getpendingsize: answerPoolSize,
  getaccountresource: answerResources,
  getchainparameters: answerParameters,
  getcontract: answerContract,
  getcontractinfo: answerContractInfo,
  triggersmartcontract: answerTrigger,
  createtransaction: answerCreateTransfer,
  validateaddress: answerAddressCheck,
};

/** The answer for a path, and which view it is asked of; undefined where java-tron has no such path. */
export function routeOf(path: string): { answer: Answer; solidity: boolean } | undefined {
  const [view, name = '', ...rest] = path.replace(/^\//, '').split('/');
  if (rest.length > 0 || (view !== 'wallet' && view !== 'walletsolidity')) return undefined;
  const solidity = view === 'walletsolidity';
  const answers = new Map(Object.entries(solidity ? READING : WALLET));
  const answer = answers.get(name);
  return answer === undefined ? undefined : { answer, solidity };
}

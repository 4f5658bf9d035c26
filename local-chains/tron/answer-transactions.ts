import { bytesToHex } from '@noble/hashes/utils.js';
import type { Block, BlockEntry } from './block.ts';
import { allPooled, knownBlock, knownHome, knownPooled } from './node-view.ts';
import {
  integerIn,
  jsonNumber,
  showAddress,
  showText,
  withoutDefaults,
  type JsonObject,
  type Question,
} from './question.ts';
import { printTransaction } from './transaction-json.ts';

/**
 * At /wallet/ also what is only pooled, with the result that it would have: `contractRet` says nothing of
 * a block. `{}` where there is none.
 */
export function answerTransaction(question: Question): JsonObject {
  const { core, node, visible, solidity } = question;
  const txid = txidIn(question);
  const entry = entryOf(knownHome(core, node, { txid, solidity }), txid);
  if (entry !== undefined) {
    return printTransaction(entry.transaction, { visible, contractRet: entry.execution.result });
  }
  if (solidity) return {};
  return answerPooled(question);
}

export function answerPooled(question: Question): JsonObject {
  const { core, node, visible } = question;
  const pooled = knownPooled(core, node, txidIn(question));
  if (pooled === undefined) return {};
  return printTransaction(pooled.transaction, { visible, contractRet: pooled.foreseen?.result });
}

export function answerPool({ core, node }: Question): JsonObject {
  return withoutDefaults({
    txId: allPooled(core, node).map(({ transaction }) => transaction.txid),
  });
}

export function answerPoolSize({ core, node }: Question): JsonObject {
  return { pendingSize: allPooled(core, node).length };
}

/** Only of transactions in blocks. `{}` where there is none. */
export function answerInfo(question: Question): JsonObject {
  const { core, node, visible, solidity } = question;
  const txid = txidIn(question);
  const block = knownHome(core, node, { txid, solidity });
  const entry = entryOf(block, txid);
  if (block === undefined || entry === undefined || node.switches.withoutInfo) return {};
  return printInfo(entry, block, visible);
}

export function answerInfosOfBlock({ core, node, body, visible, solidity }: Question): unknown {
  const number = Number(integerIn(body, 'num'));
  const block = knownBlock(core, node, { number, solidity });
  if (block === undefined || node.switches.withoutInfo) return [];
  return block.entries
    .filter(({ transaction }) => {
      const { txid } = transaction;
      return knownHome(core, node, { txid, solidity }) !== undefined;
    })
    .map((entry) => printInfo(entry, block, visible));
}

function printInfo(entry: BlockEntry, block: Block, visible: boolean): JsonObject {
  const { transaction, execution } = entry;
  const isCall = execution.call.kind === 'TriggerSmartContract';
  return withoutDefaults({
    id: transaction.txid,
    fee: jsonNumber(execution.feeSun),
    blockNumber: block.number,
    blockTimeStamp: block.timestampMs,
    contractResult: [bytesToHex(execution.returned)],
    contract_address:
      execution.call.kind === 'TriggerSmartContract'
        ? showAddress(execution.call.contract, visible)
        : undefined,
    receipt: withoutDefaults({
      energy_usage: execution.energyUsage,
      energy_fee: jsonNumber(execution.energyFee),
      energy_usage_total: execution.energyUsageTotal,
      net_usage: execution.netUsage,
      net_fee: jsonNumber(execution.netFee),
      result: isCall ? execution.result : undefined,
      energy_penalty_total: execution.energyPenalty,
    }),
    log: execution.logs.map(({ address, topics, data }) =>
      withoutDefaults({
        address: visible ? showAddress(`41${address}`, true) : address,
        topics,
        data,
      }),
    ),
    result: execution.result === 'SUCCESS' ? undefined : 'FAILED',
    resMessage: showText(execution.message, visible),
  });
}

function entryOf(block: Block | undefined, txid: string): BlockEntry | undefined {
  return block?.entries.find((entry) => entry.transaction.txid === txid);
}

function txidIn({ body }: Question): string {
  return String(body['value']).toLowerCase();
}

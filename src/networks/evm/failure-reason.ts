import type { FollowedTransfer } from './followed-transfer.ts';
import { RpcFailure } from './json-rpc.ts';
import type { EvmNode } from './node.ts';
import type { Receipt } from './read-answer.ts';
import {
  describeRevert,
  findBlacklisting,
  readBalance,
  readPaused,
  transferCalldata,
} from './token.ts';

/**
 * Why a final transfer reverted, in words for the payout's owner. That it reverted is proven by
 * its receipt; this only explains. A node that has forgotten the state makes the words poorer.
 */
export async function describeFailure(
  node: EvmNode,
  transfer: FollowedTransfer,
  receipt: Receipt,
): Promise<string> {
  const { token } = transfer.order.asset;
  try {
    return await explain(node, transfer, receipt);
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    return `The ${token} contract reverted the transfer.`;
  }
}

async function explain(
  node: EvmNode,
  transfer: FollowedTransfer,
  receipt: Receipt,
): Promise<string> {
  const { token: contract, to, units, gasLimit } = transfer.bytes;
  const { token } = transfer.order.asset;
  const at = receipt.blockNumber;
  // First what stops every transfer, then what stops this one.
  if (await readPaused(node, contract, at)) {
    return `${token} was paused by its issuer when the transfer ran.`;
  }
  const listed = await findBlacklisting(node, { contract, account: transfer.sender }, at);
  if (listed !== null) return `The paying address is blacklisted by the issuer of ${token}.`;
  if ((await readBalance(node, { contract, owner: transfer.sender }, at)) < units) {
    return `The treasury held too little ${token} when the transfer ran.`;
  }
  if (receipt.gasUsed >= gasLimit) return 'The transfer ran out of gas.';
  if ((await findBlacklisting(node, { contract, account: to }, at)) !== null) {
    return `The recipient address is blacklisted by the issuer of ${token}.`;
  }
  const data = transferCalldata(to, units);
  const replay = await node.call({ from: transfer.sender, to: contract, data }, at);
  if (replay.kind === 'reverted') {
    return `The ${token} contract reverted the transfer: ${describeRevert(replay.data)}.`;
  }
  return `The ${token} contract reverted the transfer.`;
}

import { decodeErrorResult, encodeFunctionData, getAbiItem, parseAbi, toEventSelector } from 'viem';
import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { plainText, RpcFailure } from '../nodes/json-rpc.ts';
import type { BlockId, EvmNode } from './node.ts';
import type { EventLog, Hex } from './read-answer.ts';

/** ERC-20, with what the issuers of USDT and USDC added to it. */
const tokenAbi = parseAbi([
  'event Transfer(address indexed from, address indexed to, uint256 value)',
  'function transfer(address to, uint256 value)',
  'function balanceOf(address owner) view returns (uint256)',
  'function decimals() view returns (uint8)',
  'function paused() view returns (bool)',
  'function isBlackListed(address account) view returns (bool)',
  'function isBlacklisted(address account) view returns (bool)',
  'function isBlocked(address account) view returns (bool)',
  'function basisPointsRate() view returns (uint256)',
]);

/** Solidity's own errors, and those of OpenZeppelin's token that a reader can make sense of. */
const errorAbi = parseAbi([
  'error Error(string reason)',
  'error Panic(uint256 code)',
  'error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)',
  'error ERC20InvalidReceiver(address receiver)',
  'error EnforcedPause()',
]);

/** Keccak-256 of "Transfer(address,address,uint256)" (EIP-20). */
export const TRANSFER_TOPIC = toEventSelector(getAbiItem({ abi: tokenAbi, name: 'Transfer' }));

/** An address in lower case. Asserts its shape: it was parsed when it came in. */
export function lowerAddress(address: string): Hex {
  assert(/^0x[0-9a-fA-F]{40}$/.test(address), 'not an EVM address');
  return address.toLowerCase() as Hex;
}

export function contractOf(asset: Asset): Hex {
  assert(asset.contract !== null, 'an EVM asset has a contract');
  return lowerAddress(asset.contract);
}

/** The calldata of transfer(to, units): 68 bytes. */
export function transferCalldata(to: Hex, units: bigint): Hex {
  return encodeFunctionData({ abi: tokenAbi, functionName: 'transfer', args: [to, units] });
}

/** One Transfer event of a token, decoded. */
export interface TransferEvent {
  readonly from: Hex;
  readonly to: Hex;
  readonly units: bigint;
  readonly logIndex: bigint;
}

/** The token's Transfer events among `logs`. Throws where one is not shaped as EIP-20 has it. */
export function transfersOf(contract: Hex, logs: readonly EventLog[]): TransferEvent[] {
  return logs
    .filter((log) => log.address === contract && log.topics[0] === TRANSFER_TOPIC)
    .map((log) => {
      const [, from, to] = log.topics;
      if (from === undefined || to === undefined || log.topics.length !== 3) {
        throw new RpcFailure('a Transfer event does not have three topics');
      }
      return {
        from: topicAddress(from),
        to: topicAddress(to),
        units: wordOf(log.data),
        logIndex: log.logIndex,
      };
    });
}

/** An address as an event's topic: 12 zero bytes before it. */
export function addressTopic(address: Hex): Hex {
  return `0x${address.slice(2).padStart(64, '0')}`;
}

function topicAddress(topic: Hex): Hex {
  if (!topic.startsWith(`0x${'0'.repeat(24)}`)) throw new RpcFailure('a topic is not an address');
  return `0x${topic.slice(26)}`;
}

function wordOf(data: Hex): bigint {
  if (data.length !== 66) throw new RpcFailure('the answer of a token is not one word');
  return BigInt(data);
}

/** What transfer() answered, as the whole world of USDTs has it: nothing or true is consent. */
export function consents(returned: Hex): boolean {
  return returned === '0x' || (returned.length === 66 && BigInt(returned) === 1n);
}

export async function readBalance(
  node: EvmNode,
  question: { contract: Hex; owner: Hex },
  block: BlockId,
): Promise<bigint> {
  const { contract, owner } = question;
  const data = encodeFunctionData({ abi: tokenAbi, functionName: 'balanceOf', args: [owner] });
  const answer = await node.call({ to: contract, data }, block);
  if (answer.kind === 'reverted') throw new RpcFailure('balanceOf reverted');
  return wordOf(answer.data);
}

/** Null where the contract has no readable decimals(). */
export async function readDecimals(node: EvmNode, contract: Hex): Promise<bigint | null> {
  const data = encodeFunctionData({ abi: tokenAbi, functionName: 'decimals' });
  return await readGetter(node, { contract, data }, 'latest');
}

export async function readPaused(node: EvmNode, contract: Hex, block: BlockId): Promise<boolean> {
  const data = encodeFunctionData({ abi: tokenAbi, functionName: 'paused' });
  return (await readGetter(node, { contract, data }, block)) === 1n;
}

/** The share that a USDT-like token keeps of each transfer; 0 where it has no such notion. */
export async function readFeeRate(node: EvmNode, contract: Hex): Promise<bigint> {
  const data = encodeFunctionData({ abi: tokenAbi, functionName: 'basisPointsRate' });
  return (await readGetter(node, { contract, data }, 'latest')) ?? 0n;
}

/** The call by which the token says that `account` is blacklisted, or null where it says no such thing. */
export async function findBlacklisting(
  node: EvmNode,
  question: { contract: Hex; account: Hex },
  block: BlockId,
): Promise<{ readonly data: Hex } | null> {
  const { contract, account } = question;
  const calls = (['isBlackListed', 'isBlacklisted', 'isBlocked'] as const).map((functionName) =>
    encodeFunctionData({ abi: tokenAbi, functionName, args: [account] }),
  );
  const answers = await Promise.all(
    calls.map(async (data) => await readGetter(node, { contract, data }, block)),
  );
  const data = calls[answers.indexOf(1n)];
  return data === undefined ? null : { data };
}

/** One word, or null where the contract has no such function (it reverts or answers otherwise). */
async function readGetter(
  node: EvmNode,
  question: { contract: Hex; data: Hex },
  block: BlockId,
): Promise<bigint | null> {
  const answer = await node.call({ to: question.contract, data: question.data }, block);
  if (answer.kind === 'reverted' || answer.data.length !== 66) return null;
  return BigInt(answer.data);
}

/** A revert's data in words: the contract's own text, the name of a known error, or its selector. */
export function describeRevert(data: Hex): string {
  if (data === '0x') return 'it gives no reason';
  try {
    const error = decodeErrorResult({ abi: errorAbi, data });
    if (error.errorName === 'Error') return plainText(error.args[0]);
    if (error.errorName === 'Panic') return `panic 0x${error.args[0].toString(16)}`;
    return error.errorName;
  } catch {
    return `error ${data.slice(0, 10)}`;
  }
}

import type { Json } from '../../../src/base/json.ts';
import { isRecord } from '../../../src/networks/nodes/json-rpc.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { Parameters } from './question.ts';
import type { Lie } from './simulated-chain.ts';
import { quantity } from './words.ts';

/** A question, and the true answer to it. */
export interface Told {
  readonly method: string;
  readonly params: Parameters;
  readonly result: Json;
}

/** What a lying node makes of a true answer; the same value where the lie has nothing to say. */
export function tell(lie: Lie, told: Told, treasury: Hex): Json {
  const { method, result } = told;
  switch (lie) {
    case 'denies-receipts':
      if (method === 'eth_getTransactionReceipt') return null;
      return method === 'eth_getTransactionByHash' ? withoutBlock(result) : result;
    case 'denies-spent':
      return isAboutSpent(told, treasury) ? `0x${'0'.repeat(64)}` : result;
    case 'claims-spent':
      if (!isAboutSpent(told, treasury)) return result;
      return method === 'eth_call' ? `0x${'1'.padStart(64, '0')}` : `0x${'f'.repeat(64)}`;
    case 'denies-logs':
      return method === 'eth_getLogs' ? [] : result;
    case 'other-hashes':
      return withOtherHashes(method, result);
    case 'ahead-in-time':
      return method.startsWith('eth_getBlockBy') ? anHourLate(result) : result;
  }
}

const HOUR_SECONDS = 3_600n;
/** isSpent(uint256) */
const IS_SPENT = '0x5a129efe';

function isAboutSpent({ method, params }: Told, treasury: Hex): boolean {
  const [first] = params;
  if (method === 'eth_getStorageAt') return isAddress(first, treasury);
  if (method !== 'eth_call' || !isRecord(first)) return false;
  const data = first['data'] ?? first['input'];
  const isAsked = typeof data === 'string' && data.startsWith(IS_SPENT);
  return isAsked && isAddress(first['to'], treasury);
}

function isAddress(value: Json | undefined, address: Hex): boolean {
  return typeof value === 'string' && value.toLowerCase() === address;
}

function withoutBlock(result: Json): Json {
  if (!isRecord(result)) return result;
  const nowhere = { blockNumber: null, blockHash: null, transactionIndex: null };
  return { ...result, ...nowhere };
}

function anHourLate(result: Json): Json {
  if (!isRecord(result)) return result;
  const { timestamp: inTruth } = result;
  if (typeof inTruth !== 'string') return result;
  const timestamp = quantity(BigInt(inTruth) + HOUR_SECONDS);
  return { ...result, timestamp };
}

/** A hash that is nobody's; doing it twice gives the true one, so that the liar can be asked of it. */
export function otherHash(hash: Hex): Hex {
  const digit = 15 - Number.parseInt(hash.charAt(2), 16);
  return `0x${digit.toString(16)}${hash.slice(3)}`;
}

function withOtherHashes(method: string, result: Json): Json {
  const names = ['blockHash', 'parentHash'];
  if (method.startsWith('eth_getBlockBy')) names.push('hash');
  const change = (value: Json, depth: number): Json => {
    if (Array.isArray(value)) return (value as readonly Json[]).map((each) => change(each, depth));
    if (!isRecord(value)) return value;
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([name, each]) => {
        const isHash = names.includes(name) && (name !== 'hash' || depth === 0);
        if (isHash && typeof each === 'string') return [name, otherHash(each as Hex)];
        return [name, change(each, depth + 1)];
      }),
    );
  };
  return change(result, 0);
}

/** The parameters as an honest node would have been asked: a liar knows its own hashes. */
export function askedOfLiar(params: Parameters): Parameters {
  return params.map((each) => {
    if (!isRecord(each)) return each;
    const { blockHash } = each;
    if (typeof blockHash !== 'string' || blockHash.length !== 66) return each;
    return { ...each, blockHash: otherHash(blockHash as Hex) };
  });
}

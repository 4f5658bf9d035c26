import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import { codeAt } from './code.ts';
import { charge, Revert, touchAccount, type CallResult, type Frame } from './frame.ts';
import { consents, reasonOf, transferData, type SubCall } from './treasury.ts';
import { addressAt, byteLength, bytesTail, numberAt, selectorOf, wordOf } from './words.ts';

/** contracts/Probe.sol, line by line. */

interface Outcome {
  readonly paid: boolean;
  readonly reverted: boolean;
  readonly listed: boolean;
  readonly gasUsed: number;
  readonly reason: Hex;
}

const MARGIN = 60_000n;
const QUESTION_GAS = 10_000;
const QUESTIONS = ['e47d6060', 'fe575a87', 'fbac3951'];

/** probe(address,uint256,bytes32[]) */
const PROBE = '98b0d898';
const ITEM_GAS = 1_200;
/** Between the two looks at the gas, beside the call itself. */
const MEASURING_GAS = 32;

export function runProbe(frame: Frame, call: SubCall): Hex {
  const { execution, data } = frame;
  if (selectorOf(data) !== PROBE || frame.wei > 0n) throw new Revert();
  const token = addressAt(data, 0);
  const gasPerItem = numberAt(data, 1);
  const start = numberAt(data, 2);
  const size = BigInt(byteLength(data) - 4);
  if (token === null || gasPerItem === null || start === null) throw new Revert();
  if (start + 32n > size) throw new Revert();
  const at = 10 + Number(start) * 2;
  const count = BigInt(`0x${data.slice(at, at + 64)}`);
  if (start + 32n + count * 32n > size) throw new Revert();
  touchAccount(frame, token);
  if (codeAt(execution.state, execution.codes, token).kind === 'none') return encode([]);
  const outcomes: Outcome[] = [];
  const gasNeeded = gasPerItem + gasPerItem / 63n + MARGIN;
  const words = data.slice(at + 64);
  while (outcomes.length < Number(count) && BigInt(frame.gas) > gasNeeded) {
    charge(frame, ITEM_GAS);
    outcomes.push(probeItem(frame, { token, gasPerItem, words, item: outcomes.length }, call));
  }
  return encode(outcomes);
}

function probeItem(
  frame: Frame,
  what: { token: Hex; gasPerItem: bigint; words: string; item: number },
  call: SubCall,
): Outcome {
  const { token, words, item } = what;
  const before = frame.gas;
  const data = transferData(words, item);
  const result = call(frame, { to: token, data, gas: Number(what.gasPerItem) });
  const gasUsed = before - frame.gas + MEASURING_GAS;
  const paid = consents(result);
  const listed = isListed(frame, { token, account: data.slice(10, 74) }, call);
  const reason = paid ? '0x' : reasonOf(result);
  return { paid, reverted: result.kind !== 'returned', listed, gasUsed, reason };
}

function isListed(
  frame: Frame,
  { token, account }: { token: Hex; account: string },
  call: SubCall,
): boolean {
  return QUESTIONS.some((selector) => {
    const question: Hex = `0x${selector}${account}`;
    return isTrue(call(frame, { to: token, data: question, gas: QUESTION_GAS }));
  });
}

function isTrue(result: CallResult): boolean {
  return result.kind === 'returned' && result.output === `0x${wordOf(1n)}`;
}

/** One dynamic array of dynamic tuples. */
function encode(outcomes: readonly Outcome[]): Hex {
  const tuples = outcomes.map(tuple);
  let offset = 32 * tuples.length;
  const offsets = tuples.map((each) => {
    const here = offset;
    offset += each.length / 2;
    return wordOf(BigInt(here));
  });
  return `0x${wordOf(32n)}${wordOf(BigInt(tuples.length))}${offsets.join('')}${tuples.join('')}`;
}

function tuple({ paid, reverted, listed, gasUsed, reason }: Outcome): string {
  const flags = [paid, reverted, listed].map((flag) => wordOf(flag ? 1n : 0n)).join('');
  return flags + wordOf(BigInt(gasUsed)) + wordOf(160n) + bytesTail(reason);
}

import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import {
  charge,
  load,
  store,
  type Frame,
  type TokenArguments,
  type TokenContract,
  type TokenFunction,
} from './frame.ts';
import {
  answerBoolean,
  answerNumber,
  answerText,
  balanceKey,
  emitNamed,
  emitTransfer,
  functionsOf,
  isPaused,
  listedKey,
  minusOrHalt,
  ownerOf,
  plus,
  require,
  selectors,
  setPausedBit,
  supplyKey,
} from './token.ts';

/** contracts/test/TestUSDT.sol, line by line. */

const RATE_KEY = 'USDTr';
const MAXIMUM_FEE_KEY = 'USDTm';

export function createUsdt(decimals: number): TokenContract {
  return { functions: table(decimals), unmodelled: UNMODELLED };
}

const UNMODELLED = selectors(
  'transferFrom(address,address,uint256)',
  'approve(address,uint256)',
  'allowance(address,address)',
  'redeem(uint256)',
  'destroyBlackFunds(address)',
  'transferOwnership(address)',
);

function table(decimals: number): ReadonlyMap<string, TokenFunction> {
  const isListed: TokenFunction = (frame, args) =>
    answerBoolean(load(frame, listedKey('USDT', args.address(0))) === 1n);
  const owner: TokenFunction = (frame) => answerNumber(BigInt(ownerOf(frame, 'USDT')));
  return functionsOf({
    'name()': () => answerText('Tether USD'),
    'symbol()': () => answerText('USDT'),
    'decimals()': () => answerNumber(BigInt(decimals)),
    'owner()': owner,
    'getOwner()': owner,
    'paused()': (frame) => answerBoolean(isPaused(frame, 'USDT')),
    'basisPointsRate()': (frame) => answerNumber(load(frame, RATE_KEY)),
    'maximumFee()': (frame) => answerNumber(load(frame, MAXIMUM_FEE_KEY)),
    'totalSupply()': (frame) => answerNumber(load(frame, supplyKey('USDT'))),
    'balanceOf(address)': (frame, args) =>
      answerNumber(load(frame, balanceKey('USDT', args.address(0)))),
    'isBlackListed(address)': isListed,
    'getBlackListStatus(address)': isListed,
    'transfer(address,uint256)': transfer,
    'issue(uint256)': issue,
    'setParams(uint256,uint256)': setParams(decimals),
    'pause()': pause,
    'unpause()': unpause,
    'addBlackList(address)': setListed(true),
    'removeBlackList(address)': setListed(false),
  });
}

/** What transfer costs beyond its storage and its event. */
const TRANSFER_GAS = 1_389;
/** Of it, what a refusal costs. */
const REFUSAL_GAS = 422;
/** The same of issue and of setParams. */
const ISSUE_GAS = 718;
const PARAMETERS_GAS = 800;

function transfer(frame: Frame, args: TokenArguments): Hex {
  const to = args.address(0);
  const units = args.number(1);
  charge(frame, REFUSAL_GAS);
  require(!isPaused(frame, 'USDT'));
  const from = frame.caller;
  require(load(frame, listedKey('USDT', from)) === 0n);
  charge(frame, TRANSFER_GAS - REFUSAL_GAS);
  const rated = plusProduct(units, load(frame, RATE_KEY)) / 10_000n;
  const maximum = load(frame, MAXIMUM_FEE_KEY);
  const fee = rated > maximum ? maximum : rated;
  const fromKey = balanceKey('USDT', from);
  store(frame, fromKey, minusOrHalt(load(frame, fromKey), units));
  const toKey = balanceKey('USDT', to);
  store(frame, toKey, plus(load(frame, toKey), units - fee));
  if (fee > 0n) {
    const owner = ownerOf(frame, 'USDT');
    const ownerKey = balanceKey('USDT', owner);
    store(frame, ownerKey, plus(load(frame, ownerKey), fee));
    emitTransfer(frame, { from, to: owner, units: fee });
  }
  emitTransfer(frame, { from, to, units: units - fee });
  return '0x';
}

/** The checked product: a panic above 2^256. */
function plusProduct(units: bigint, rate: bigint): bigint {
  return plus(units * rate, 0n);
}

function issue(frame: Frame, args: TokenArguments): Hex {
  const amount = args.number(0);
  charge(frame, ISSUE_GAS);
  onlyOwner(frame);
  const supply = load(frame, supplyKey('USDT'));
  require(plus(supply, amount) > supply);
  store(frame, supplyKey('USDT'), supply + amount);
  const key = balanceKey('USDT', ownerOf(frame, 'USDT'));
  store(frame, key, plus(load(frame, key), amount));
  emitNamed(frame, 'Issue(uint256)', { data: [amount] });
  return '0x';
}

function setParams(decimals: number): TokenFunction {
  return (frame, args) => {
    const [rate, maximum] = [args.number(0), args.number(1)];
    charge(frame, PARAMETERS_GAS);
    onlyOwner(frame);
    require(rate < 20n);
    require(maximum < 50n);
    const maximumUnits = maximum * 10n ** BigInt(decimals);
    store(frame, RATE_KEY, rate);
    store(frame, MAXIMUM_FEE_KEY, maximumUnits);
    emitNamed(frame, 'Params(uint256,uint256)', { data: [rate, maximumUnits] });
    return '0x';
  };
}

function pause(frame: Frame): Hex {
  onlyOwner(frame);
  require(!isPaused(frame, 'USDT'));
  setPausedBit(frame, 'USDT', true);
  emitNamed(frame, 'Pause()', {});
  return '0x';
}

function unpause(frame: Frame): Hex {
  onlyOwner(frame);
  require(isPaused(frame, 'USDT'));
  setPausedBit(frame, 'USDT', false);
  emitNamed(frame, 'Unpause()', {});
  return '0x';
}

function setListed(listed: boolean): TokenFunction {
  const event = listed ? 'AddedBlackList(address)' : 'RemovedBlackList(address)';
  return (frame, args) => {
    const user = args.address(0);
    onlyOwner(frame);
    store(frame, listedKey('USDT', user), listed ? 1n : 0n);
    emitNamed(frame, event, { data: [BigInt(user)] });
    return '0x';
  };
}

function onlyOwner(frame: Frame): void {
  require(frame.caller === ownerOf(frame, 'USDT'));
}

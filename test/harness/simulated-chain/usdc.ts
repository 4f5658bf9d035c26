import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import {
  charge,
  emit,
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
  ownerOf,
  plus,
  requireOr,
  selectors,
  setPausedBit,
  supplyKey,
  yes,
} from './token.ts';
import { addressWord, wordOf } from './words.ts';
import { keccak256, toBytes } from 'viem';

/** contracts/test/TestUSDC.sol, line by line, but for allowances and signed authorisations. */

export function createUsdc(decimals: number): TokenContract {
  return { functions: table(decimals), unmodelled: UNMODELLED };
}

const UNMODELLED = selectors(
  'CANCEL_AUTHORIZATION_TYPEHASH()',
  'DOMAIN_SEPARATOR()',
  'RECEIVE_WITH_AUTHORIZATION_TYPEHASH()',
  'TRANSFER_WITH_AUTHORIZATION_TYPEHASH()',
  'allowance(address,address)',
  'approve(address,uint256)',
  'authorizationState(address,bytes32)',
  'burn(uint256)',
  'cancelAuthorization(address,bytes32,uint8,bytes32,bytes32)',
  'receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)',
  'transferFrom(address,address,uint256)',
  'transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)',
);

function table(decimals: number): ReadonlyMap<string, TokenFunction> {
  return functionsOf({
    'name()': () => answerText('USD Coin'),
    'symbol()': () => answerText('USDC'),
    'version()': () => answerText('2'),
    'currency()': () => answerText('USD'),
    'decimals()': () => answerNumber(BigInt(decimals)),
    'owner()': (frame) => answerNumber(BigInt(ownerOf(frame, 'USDC'))),
    'paused()': (frame) => answerBoolean(isPaused(frame, 'USDC')),
    'totalSupply()': (frame) => answerNumber(load(frame, supplyKey('USDC'))),
    'balanceOf(address)': (frame, args) =>
      answerNumber(load(frame, balanceKey('USDC', args.address(0)))),
    'isBlacklisted(address)': (frame, args) =>
      answerBoolean(load(frame, listedKey('USDC', args.address(0))) === 1n),
    'transfer(address,uint256)': transfer,
    'mint(address,uint256)': mint,
    'pause()': setPaused(true),
    'unpause()': setPaused(false),
    'blacklist(address)': setListed(true),
    'unBlacklist(address)': setListed(false),
  });
}

/** What transfer costs beyond its storage and its event. */
const TRANSFER_GAS = 1_296;
/** Of it, what a refusal costs. */
const REFUSAL_GAS = 880;
/** The same of mint. */
const MINT_GAS = 1_114;

function transfer(frame: Frame, args: TokenArguments): Hex {
  const to = args.address(0);
  const units = args.number(1);
  const from = frame.caller;
  charge(frame, REFUSAL_GAS);
  whenNotPaused(frame);
  notBlacklisted(frame, from);
  notBlacklisted(frame, to);
  requireOr(BigInt(from) !== 0n, 'ERC20: transfer from the zero address');
  requireOr(BigInt(to) !== 0n, 'ERC20: transfer to the zero address');
  const fromKey = balanceKey('USDC', from);
  const balance = load(frame, fromKey);
  requireOr(units <= balance, 'ERC20: transfer amount exceeds balance');
  charge(frame, TRANSFER_GAS - REFUSAL_GAS);
  store(frame, fromKey, load(frame, fromKey) - units);
  const toKey = balanceKey('USDC', to);
  store(frame, toKey, plus(load(frame, toKey), units));
  emitTransfer(frame, { from, to, units });
  return yes;
}

function mint(frame: Frame, args: TokenArguments): Hex {
  const to = args.address(0);
  const amount = args.number(1);
  charge(frame, MINT_GAS);
  whenNotPaused(frame);
  requireOr(frame.caller === ownerOf(frame, 'USDC'), 'FiatToken: caller is not a minter');
  notBlacklisted(frame, frame.caller);
  notBlacklisted(frame, to);
  requireOr(BigInt(to) !== 0n, 'FiatToken: mint to the zero address');
  requireOr(amount > 0n, 'FiatToken: mint amount not greater than 0');
  store(frame, supplyKey('USDC'), plus(load(frame, supplyKey('USDC')), amount));
  const key = balanceKey('USDC', to);
  store(frame, key, plus(load(frame, key), amount));
  emit(frame, {
    kind: 'other',
    address: frame.self,
    topics: [MINT_TOPIC, `0x${addressWord(frame.caller)}`, `0x${addressWord(to)}`],
    data: `0x${wordOf(amount)}`,
  });
  emitTransfer(frame, { from: NOBODY, to, units: amount });
  return yes;
}

const NOBODY: Hex = `0x${'0'.repeat(40)}`;
const MINT_TOPIC = keccak256(toBytes('Mint(address,address,uint256)'));

function setPaused(paused: boolean): TokenFunction {
  return (frame) => {
    requireOr(frame.caller === ownerOf(frame, 'USDC'), 'Pausable: caller is not the pauser');
    setPausedBit(frame, 'USDC', paused);
    emitNamed(frame, paused ? 'Pause()' : 'Unpause()', {});
    return '0x';
  };
}

function setListed(listed: boolean): TokenFunction {
  const event = listed ? 'Blacklisted(address)' : 'UnBlacklisted(address)';
  return (frame, args) => {
    const account = args.address(0);
    const isOwner = frame.caller === ownerOf(frame, 'USDC');
    requireOr(isOwner, 'Blacklistable: caller is not the blacklister');
    store(frame, listedKey('USDC', account), listed ? 1n : 0n);
    emitNamed(frame, event, { indexed: [account] });
    return '0x';
  };
}

function whenNotPaused(frame: Frame): void {
  requireOr(!isPaused(frame, 'USDC'), 'Pausable: paused');
}

function notBlacklisted(frame: Frame, account: Hex): void {
  const listed = load(frame, listedKey('USDC', account)) === 1n;
  requireOr(!listed, 'Blacklistable: account is blacklisted');
}

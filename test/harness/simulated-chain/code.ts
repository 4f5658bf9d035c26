import { readFileSync } from 'node:fs';
import { assert, present } from '../../../src/base/assert.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { State, StateView } from './state.ts';
import { addressWord, wordOf } from './words.ts';

/** What can lie at an account. The model knows these by heart, and runs no others. */
export type Code =
  | { readonly kind: 'none' }
  /** EIP-7702: it runs the code of another account. */
  | { readonly kind: 'delegation'; readonly to: Hex }
  | { readonly kind: 'treasury'; readonly self: Hex; readonly key: Hex }
  | { readonly kind: 'token'; readonly name: 'USDT' | 'USDC' }
  | { readonly kind: 'proxy' };

/** The codes of one chain. The state holds the number of each, zero for none. */
export interface CodeBook {
  numberOf(code: Code): bigint;
  codeOf(number: bigint): Code;
  /** As eth_getCode has it. */
  bytesOf(code: Code): Hex;
  /** What the deployment proxy would deploy; null for init code of anything but the treasury. */
  deployed(initCode: Hex, self: Hex): Code | null;
}

/** Pre-signed by nobody's key; the same bytes on every chain. Source: Arachnid's deployment proxy. */
export const PROXY_ADDRESS: Hex = '0x4e59b44847b379578588920ca78fbf26c0b4956c';
const PROXY_CODE: Hex =
  '0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3';

/** EIP-7702: 0xef0100, then the address. */
const DELEGATION_PREFIX = 0xef0100n << 160n;

export function codeAt(state: StateView, codes: CodeBook, address: Hex): Code {
  return codes.codeOf(state.word(codeKey(address)));
}

export function setCode(state: State, codes: CodeBook, where: { address: Hex; code: Code }): void {
  state.set(codeKey(where.address), codes.numberOf(where.code));
}

function codeKey(address: Hex): string {
  return `c${address}`;
}

export function createCodeBook(decimals: number): CodeBook {
  const known: Code[] = [{ kind: 'none' }];
  const artifacts = {
    treasury: artifact('Treasury'),
    USDT: artifact('TestUSDT'),
    USDC: artifact('TestUSDC'),
  };
  return {
    numberOf(code) {
      if (code.kind === 'delegation') return DELEGATION_PREFIX | BigInt(code.to);
      const found = known.findIndex((each) => JSON.stringify(each) === JSON.stringify(code));
      return BigInt(found === -1 ? known.push(code) - 1 : found);
    },
    codeOf(number) {
      if (number === 0n) return present(known[0], 'no code is a code');
      if (number >= DELEGATION_PREFIX) {
        return {
          kind: 'delegation',
          to: `0x${(number - DELEGATION_PREFIX).toString(16).padStart(40, '0')}`,
        };
      }
      return present(known[Number(number)], 'the state holds numbers of the book');
    },
    bytesOf(code) {
      switch (code.kind) {
        case 'none':
          return '0x';
        case 'delegation':
          return `0xef0100${code.to.slice(2)}`;
        case 'proxy':
          return PROXY_CODE;
        case 'token':
          return withImmutables(artifacts[code.name].deployedBytecode, () =>
            wordOf(BigInt(decimals)),
          );
        case 'treasury':
          // The key is read in one place, by signer(); the others compare with the code's own address.
          return withImmutables(artifacts.treasury.deployedBytecode, (place) =>
            addressWord(place === TREASURY_KEY_PLACE ? code.key : code.self),
          );
      }
    },
    deployed(initCode, self) {
      const { bytecode } = artifacts.treasury;
      if (!initCode.startsWith(bytecode) || initCode.length !== bytecode.length + 64) return null;
      const key = initCode.slice(-64);
      if (!key.startsWith('0'.repeat(24))) return null;
      return { kind: 'treasury', self, key: `0x${key.slice(24)}` };
    },
  };
}

/** Among the places of immutables in the treasury's code, in their order. */
const TREASURY_KEY_PLACE = 2;

interface CompiledContract {
  readonly bytecode: Hex;
  readonly deployedBytecode: Hex;
}

function artifact(name: string): CompiledContract {
  const file = new URL(`../../../contracts/artifacts/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as CompiledContract;
}

/** The compiler leaves PUSH32 0 for each use of an immutable; the constructor writes the values. */
function withImmutables(code: Hex, wordAt: (place: number) => string): Hex {
  let place = 0;
  const filled = code.replaceAll(/7f0{64}/g, () => {
    const word = wordAt(place);
    place += 1;
    return `7f${word}`;
  });
  assert(place > 0, 'the contract has immutables');
  return filled as Hex;
}

/** The code that calls lay over the treasury's account. */
export const PROBE_CODE = artifact('Probe').deployedBytecode;

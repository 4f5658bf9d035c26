import type { Address } from './address.ts';
import { emptyMap, getFrom, setIn, type PersistentMap } from './persistent-map.ts';

/** Everything that the chain knows after a block. Never changed: each block has its own. */
export interface ChainState {
  readonly accounts: PersistentMap<Account>;
  readonly contracts: PersistentMap<Contract>;
  /** By contract address and slot, 64 hex digits each of slot and word. */
  readonly storage: PersistentMap<string>;
  readonly parameters: Readonly<Record<string, number>>;
  /** Parameters that are in force and that nodes do not show. */
  readonly unshown: readonly string[];
}

export interface Account {
  readonly sun: bigint;
  readonly createdAtMs: number;
  readonly operatedAtMs: number;
  /** A day, from staking or delegation. */
  readonly energyLimit: number;
  readonly bandwidthLimit: number;
  readonly energy: Usage;
  readonly bandwidth: Usage;
  readonly freeBandwidth: Usage;
  /** Of a contract: how many it has created. */
  readonly nonce: bigint;
}

/** What was used of a limit when it was last used; it recovers with time. */
export interface Usage {
  readonly used: number;
  readonly slot: number;
}

export interface Contract {
  readonly name: string;
  readonly owner: Address;
  readonly code: Uint8Array;
  readonly abi: readonly unknown[];
  /** The dynamic energy penalty, in ten-thousandths on top of the plain energy. */
  readonly energyFactor: number;
}

export const EMPTY_STATE: ChainState = {
  accounts: emptyMap(),
  contracts: emptyMap(),
  storage: emptyMap(),
  parameters: {},
  unshown: [],
};

const UNUSED: Usage = { used: 0, slot: 0 };

export function newAccount(createdAtMs: number): Account {
  return {
    sun: 0n,
    createdAtMs,
    operatedAtMs: 0,
    energyLimit: 0,
    bandwidthLimit: 0,
    energy: UNUSED,
    bandwidth: UNUSED,
    freeBandwidth: UNUSED,
    nonce: 0n,
  };
}

export function accountOf(state: ChainState, address: Address): Account | undefined {
  return getFrom(state.accounts, address);
}

export function withAccount(state: ChainState, address: Address, account: Account): ChainState {
  return { ...state, accounts: setIn(state.accounts, address, account) };
}

export function contractOf(state: ChainState, address: Address): Contract | undefined {
  return getFrom(state.contracts, address);
}

export function withContract(state: ChainState, address: Address, contract: Contract): ChainState {
  return { ...state, contracts: setIn(state.contracts, address, contract) };
}

export function wordOf(state: ChainState, address: Address, slot: string): string {
  return getFrom(state.storage, address + slot) ?? '';
}

export function withWord(
  state: ChainState,
  address: Address,
  entry: { readonly slot: string; readonly word: string },
): ChainState {
  return { ...state, storage: setIn(state.storage, address + entry.slot, entry.word) };
}

/** Throws where the parameter is unknown: each is in the genesis. */
export function parameterOf(state: ChainState, name: string): number {
  const value = state.parameters[name];
  if (value === undefined) throw new Error(`the chain has no parameter ${name}`);
  return value;
}

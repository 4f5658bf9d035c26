import type { AccountFields, StateManagerInterface } from '@ethereumjs/common';
import { Account as MachineAccount, type Address as MachineAddress } from '@ethereumjs/util';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { addressOfBytes, type Address } from './address.ts';
import {
  accountOf,
  contractOf,
  newAccount,
  withAccount,
  withContract,
  withWord,
  wordOf,
  type ChainState,
} from './state.ts';

const NOTHING = new Uint8Array(0);
const CODE_OF_NOBODY = keccak_256(NOTHING);

/** The chain's state as the virtual machine wants it. One machine runs one call at a time on it. */
export class MachineState implements StateManagerInterface {
  private current: ChainState;
  private timestampMs = 0;
  private readonly earlier: ChainState[] = [];

  constructor(state: ChainState) {
    this.current = state;
  }

  /** Starts a run on that state; accounts that come to be do so at that time. */
  begin(state: ChainState, timestampMs: number): void {
    this.current = state;
    this.timestampMs = timestampMs;
    this.earlier.length = 0;
  }

  result(): ChainState {
    return this.current;
  }

  getAccount(address: MachineAddress): Promise<MachineAccount | undefined> {
    const key = keyOf(address);
    const account = accountOf(this.current, key);
    const code = contractOf(this.current, key)?.code;
    if (account === undefined && code === undefined) return Promise.resolve(undefined);
    const codeHash = code === undefined ? CODE_OF_NOBODY : keccak_256(code);
    const nonce = account?.nonce ?? 0n;
    return Promise.resolve(new MachineAccount(nonce, account?.sun ?? 0n, undefined, codeHash));
  }

  putAccount(address: MachineAddress, account?: MachineAccount): Promise<void> {
    const key = keyOf(address);
    const known = accountOf(this.current, key);
    const sun = account?.balance ?? 0n;
    const nonce = account?.nonce ?? 0n;
    // A call without coins brings no account into being.
    if (known === undefined && sun === 0n && nonce === 0n) return Promise.resolve();
    const next = { ...(known ?? newAccount(this.timestampMs)), sun, nonce };
    this.current = withAccount(this.current, key, next);
    return Promise.resolve();
  }

  /** Ethereum forgets empty accounts that were touched; Tron does not. */
  deleteAccount(): Promise<void> {
    return Promise.resolve();
  }

  async modifyAccountFields(address: MachineAddress, fields: AccountFields): Promise<void> {
    const account = (await this.getAccount(address)) ?? new MachineAccount();
    await this.putAccount(address, Object.assign(account, fields));
  }

  putCode(address: MachineAddress, code: Uint8Array): Promise<void> {
    const key = keyOf(address);
    const known = contractOf(this.current, key);
    const contract = known ?? { name: '', owner: key, abi: [], energyFactor: 0 };
    this.current = withContract(this.current, key, { ...contract, code });
    return Promise.resolve();
  }

  getCode(address: MachineAddress): Promise<Uint8Array> {
    return Promise.resolve(contractOf(this.current, keyOf(address))?.code ?? NOTHING);
  }

  async getCodeSize(address: MachineAddress): Promise<number> {
    return (await this.getCode(address)).length;
  }

  getStorage(address: MachineAddress, slot: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(hexToBytes(wordOf(this.current, keyOf(address), bytesToHex(slot))));
  }

  putStorage(address: MachineAddress, slot: Uint8Array, word: Uint8Array): Promise<void> {
    const entry = { slot: bytesToHex(slot), word: bytesToHex(word) };
    this.current = withWord(this.current, keyOf(address), entry);
    return Promise.resolve();
  }

  /** Asked for only where a contract is created anew, whose storage is empty. */
  clearStorage(): Promise<void> {
    return Promise.resolve();
  }

  checkpoint(): Promise<void> {
    this.earlier.push(this.current);
    return Promise.resolve();
  }

  commit(): Promise<void> {
    this.earlier.pop();
    return Promise.resolve();
  }

  revert(): Promise<void> {
    const before = this.earlier.pop();
    if (before === undefined) throw new Error('revert without a checkpoint');
    this.current = before;
    return Promise.resolve();
  }

  readonly originalStorageCache = {
    get: async (address: MachineAddress, slot: Uint8Array) => await this.getStorage(address, slot),
    clear: () => undefined,
  };

  clearCaches(): void {
    // Nothing is kept beside the state itself.
  }

  getStateRoot(): Promise<Uint8Array> {
    return Promise.reject(new Error('this state has no root'));
  }

  setStateRoot(): Promise<void> {
    return Promise.reject(new Error('this state has no root'));
  }

  hasStateRoot(): Promise<boolean> {
    return Promise.resolve(false);
  }

  shallowCopy(): StateManagerInterface {
    return new MachineState(this.current);
  }
}

function keyOf(address: MachineAddress): Address {
  return addressOfBytes(address.bytes);
}

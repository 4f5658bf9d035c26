import { base58 } from '@scure/base';
import { decodeAddress } from './address.ts';
import type { Block } from './block.ts';
import type { Commitment, Json, SolanaNodeFaults } from './chain-interface.ts';
import type { Core } from './core.ts';
import type { AccountsView } from './executor.ts';
import { withLess } from './lies.ts';
import { blockOf, upTo, type ForkView } from './lineage.ts';
import { invalidParams, minContextSlotNotReached } from './rpc-error.ts';

/** What a node knows when it is asked. */
export interface Knowledge {
  readonly core: Core;
  readonly view: ForkView;
  readonly faults: SolanaNodeFaults;
}

export type Params = readonly Json[];
export type Config = Readonly<Record<string, Json | undefined>>;

/** The fork up to the block of a commitment: what the validator calls a bank. */
export interface Bank {
  readonly block: Block;
  readonly view: ForkView;
  readonly accounts: AccountsView;
}

export function bankOf(knowledge: Knowledge, config: Config, otherwise: Commitment = 'finalized') {
  const commitment = readCommitment(config, otherwise);
  const bank = bankAt(knowledge, blockOf(knowledge.view, commitment));
  checkContextSlot(config, bank.block.slot);
  return bank;
}

export function bankAt({ core, view, faults }: Knowledge, block: Block): Bank {
  const own = upTo(view, block);
  const accounts = core.accounts(own);
  const isLiar = faults.lies.includes('other-balances');
  return { block, view: own, accounts: isLiar ? withLess(accounts) : accounts };
}

export function inContext(bank: Bank, value: Json): Json {
  return { context: { apiVersion: API_VERSION, slot: bank.block.slot }, value };
}

/** The version of the validator whose answers these are modelled on. */
export const API_VERSION = '3.1.8';

export function checkContextSlot(config: Config, slot: number): void {
  const least = config['minContextSlot'] ?? 0;
  if (typeof least !== 'number')
    throw invalidParams('Invalid params: minContextSlot is no number.');
  if (slot < least) throw minContextSlotNotReached(slot);
}

function readCommitment(config: Config, otherwise: Commitment): Commitment {
  const commitment = config['commitment'] ?? otherwise;
  switch (typeof commitment === 'string' ? commitment : '') {
    case 'processed':
    case 'confirmed':
    case 'finalized':
      return commitment as Commitment;
    default:
      throw invalidParams('Invalid params: unknown variant of commitment.');
  }
}

/** Of methods about blocks: `confirmed` or `finalized`. */
export function readHistoryCommitment(config: Config): 'confirmed' | 'finalized' {
  const commitment = readCommitment(config, 'finalized');
  if (commitment !== 'processed') return commitment;
  throw invalidParams('Method does not support commitment below `confirmed`');
}

export function readConfig(params: Params, index: number): Config {
  const config = params[index] ?? {};
  if (isRecord(config)) return config;
  throw invalidParams('Invalid params: invalid type, expected a configuration object.');
}

export function isRecord(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function readAddress(value: Json | undefined): string {
  if (typeof value !== 'string')
    throw invalidParams('Invalid params: invalid type, expected a string.');
  if (decodeAddress(value) !== null) return value;
  throw invalidParams('Invalid param: WrongSize');
}

export function readSignature(value: Json | undefined): string {
  if (typeof value !== 'string')
    throw invalidParams('Invalid params: invalid type, expected a string.');
  if (value.length <= 88 && bytesIn(value) === 64) return value;
  throw invalidParams('Invalid param: WrongSize');
}

function bytesIn(text: string): number {
  try {
    return base58.decode(text).length;
  } catch {
    throw invalidParams('Invalid param: Invalid');
  }
}

export function readCount(value: Json | undefined): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidParams('Invalid params: invalid type, expected u64.');
}

export function readList(value: Json | undefined, most: number): readonly Json[] {
  if (!Array.isArray(value))
    throw invalidParams('Invalid params: invalid type, expected a sequence.');
  const list = value as readonly Json[];
  if (list.length > most) throw invalidParams(`Too many inputs provided; max ${most}`);
  return list;
}

export function readText(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  throw invalidParams('Invalid params: invalid type, expected a string.');
}

import { hashBlock, type Block, type Executed } from './block.ts';
import type { ProduceOptions, SolanaAccount } from './chain-interface.ts';
import type { ControlStep } from './control-step.ts';
import { checkAge, lastHeightFor, type Core } from './core.ts';
import type { AccountsView } from './executor.ts';
import { feeOf } from './fees.ts';
import type { ForkView } from './lineage.ts';
import { loadKeys } from './load-keys.ts';
import type { Pooled } from './pool.ts';
import { writeMemo } from './programs.ts';
import { hasValidSignatures, signTransaction } from './sign-transaction.ts';
import { readTransaction, type WireTransaction } from './wire-transaction.ts';

/** What the next block is made with. */
export interface Recipe {
  readonly slot: number;
  /** Whole seconds since 1970. */
  readonly time: number;
  readonly confirmedAfterSlots: number;
  readonly finalizedAfterSlots: number;
  /** What has ever been final stays so. */
  readonly finalizedFloor: number;
  readonly transactionsPerBlock: number;
  readonly controls: readonly ControlStep[];
}

/** Makes a block on the newest one. Throws, once it is made, where the chain's owner failed in it. */
export function produceBlock(core: Core, recipe: Recipe, options: ProduceOptions): Block {
  const view = core.lineage.view();
  const work = openWork(core, view, recipe);
  const failures = recipe.controls.flatMap((step) => work.control(step));
  let room = recipe.transactionsPerBlock;
  for (const pooled of core.pool.all()) {
    if (room === 0) break;
    if (options.withhold?.(pooled.transaction.signature) === true) continue;
    if (work.take(pooled)) room -= 1;
  }
  const block = closeBlock(view, recipe, work.executed);
  core.lineage.append(block);
  core.archive.add(block, work.changes);
  if (failures.length > 0) throw new Error(`The chain's owner failed: ${failures.join('; ')}`);
  return block;
}

interface Work {
  readonly executed: readonly Executed[];
  readonly changes: ReadonlyMap<string, SolanaAccount | null>;
  /** Gives what went wrong. */
  control(step: ControlStep): readonly string[];
  /** Whether it is in the block. It leaves the pool if it is, or never can be in any. */
  take(pooled: Pooled): boolean;
}

function openWork(core: Core, view: ForkView, recipe: Recipe): Work {
  const executed: Executed[] = [];
  const changes = new Map<string, SolanaAccount | null>();
  const before = core.accounts(view);
  const accounts: AccountsView = {
    account(address) {
      const changed = changes.get(address);
      return changed === undefined ? before.account(address) : changed;
    },
  };
  const execute = (transaction: WireTransaction, byControl: boolean): Executed | null => {
    const result = run(core, { transaction, accounts, slot: recipe.slot, time: recipe.time });
    if (result === null) return null;
    for (const [address, account] of result.changes) changes.set(address, account);
    const done = { ...result.executed, byControl };
    executed.push(done);
    return done;
  };
  return {
    executed,
    changes,
    control(step) {
      if (step.kind === 'write') {
        changes.set(step.address, step.account);
        return [];
      }
      const done = execute(signStep(core, view, step), true);
      if (done === null) return ['a transaction could not be executed'];
      return done.outcome.error === null ? [] : [done.outcome.errorText];
    },
    take({ transaction, notBeforeHeight }) {
      const { signature } = transaction;
      if (canNeverLand(core, view, transaction)) {
        core.pool.remove(signature);
        return false;
      }
      if (view.head.height + 1 < notBeforeHeight) return false;
      // Whoever cannot pay the fee yet may be able to in a later block: nodes go on forwarding.
      if (execute(transaction, false) === null) return false;
      core.pool.remove(signature);
      return true;
    },
  };
}

function canNeverLand(core: Core, view: ForkView, transaction: WireTransaction): boolean {
  return checkAge(core, view, transaction) !== null || !isSigned(transaction);
}

const signed = new WeakSet<WireTransaction>();

/** Nodes do not look at the signatures where they skip the preflight; whoever makes a block does. */
export function isSigned(transaction: WireTransaction): boolean {
  if (signed.has(transaction)) return true;
  if (!hasValidSignatures(transaction)) return false;
  signed.add(transaction);
  return true;
}

interface Ran {
  readonly executed: Omit<Executed, 'byControl'>;
  readonly changes: ReadonlyMap<string, SolanaAccount | null>;
}

function run(
  core: Core,
  job: {
    readonly transaction: WireTransaction;
    readonly accounts: AccountsView;
    readonly slot: number;
    readonly time: number;
  },
): Ran | null {
  const { transaction, accounts } = job;
  const loaded = loadKeys(transaction, accounts);
  if ('error' in loaded) return null;
  const { keys } = loaded;
  const before = keys.all.map((address) => accounts.account(address));
  const { landed, outcome, changes } = core.executor.run({ ...job, keys });
  if (!landed) return null;
  const after = keys.all.map((address, index) => {
    const changed = changes.get(address);
    return changed === undefined ? (before[index] ?? null) : changed;
  });
  const { lamports: feeLamports, unitPrice } = feeOf(transaction);
  return {
    executed: { transaction, keys, outcome, feeLamports, unitPrice, before, after },
    changes,
  };
}

function signStep(
  core: Core,
  view: ForkView,
  step: Extract<ControlStep, { kind: 'transaction' }>,
): WireTransaction {
  const { signer, instructions } = step;
  const memo = writeMemo(`local ${core.nextSerial()}`);
  const { blockhash } = view.head;
  return readTransaction(
    signTransaction({ signers: [signer], instructions: [...instructions, memo], blockhash }),
  );
}

function closeBlock(view: ForkView, recipe: Recipe, transactions: readonly Executed[]): Block {
  const { head } = view;
  const { slot, time, controls, finalizedFloor } = recipe;
  const height = head.height + 1;
  const previousBlockhash = head.blockhash;
  const signatures = transactions.map(({ transaction }) => transaction.signature);
  const newestAt = (latestSlot: number, floor: number): number => {
    if (slot <= latestSlot) return height;
    let at = head;
    while (at.slot > latestSlot && at.height > floor) at = view.at(at.height - 1) ?? at;
    return Math.max(at.height, floor);
  };
  const finalizedHeight = newestAt(slot - recipe.finalizedAfterSlots, finalizedFloor);
  const confirmedHeight = newestAt(slot - recipe.confirmedAfterSlots, finalizedHeight);
  return {
    slot,
    parentSlot: head.slot,
    height,
    blockhash: hashBlock({ slot, height, previousBlockhash, time }, signatures),
    previousBlockhash,
    time,
    confirmedHeight,
    finalizedHeight,
    transactions,
    controls,
  };
}

/** The height of the first block that may take it: the next, one after so many others, or the last. */
export function heightForForwarding(
  core: Core,
  transaction: WireTransaction,
  when: 'at-once' | 'last' | number,
): number {
  const next = core.lineage.head().height + 1;
  if (when === 'at-once') return 0;
  if (when !== 'last') return next + when;
  const origin = core.archive.blockByHash(core.lineage.view(), transaction.recentBlockhash);
  return origin === null ? next : lastHeightFor(origin);
}

import { base58 } from '@scure/base';
import internal from 'litesvm/dist/internal.js';
import { addressBytes } from './address.ts';
import type { InnerCall, LoadedKeys, Outcome } from './block.ts';
import type { SolanaAccount } from './chain-interface.ts';
import { readNativeError } from './transaction-error.ts';
import type { WireTransaction } from './wire-transaction.ts';

/** Whatever accounts a transaction is to run on. */
export interface AccountsView {
  readonly account: (address: string) => SolanaAccount | null;
}

export interface Run {
  /** Whether it took effect and cost its fee. What did not is in no block. */
  readonly landed: boolean;
  readonly outcome: Outcome;
  /** Accounts that are other ones now. */
  readonly changes: ReadonlyMap<string, SolanaAccount | null>;
}

/**
 * The virtual machine. A transaction names every account that it touches, so the machine needs no forks:
 * before each run it is given those accounts as they are on the fork in question, where it does not hold
 * them already, and what it held before does not matter.
 *
 * Signatures, age and repetition are the caller's to check: of the many blockhashes of a fork the machine
 * would know only one.
 */
export interface Executor {
  run(job: Job): Run;
  /** As {@link Executor.run}, and nothing has happened. */
  simulate(job: Job): Run;
  /** As the machine was born with it: programs, sysvars. Null for all others. */
  native(address: string): SolanaAccount | null;
  minimumBalance(bytes: number): bigint;
}

export interface Job {
  readonly transaction: WireTransaction;
  readonly keys: LoadedKeys;
  readonly accounts: AccountsView;
  readonly slot: number;
  /** Whole seconds since 1970. */
  readonly time: number;
}

export const SLOTS_PER_EPOCH = 432_000;
/** What the RPC says of an account that pays no rent: all do. */
const EXEMPT_EPOCH = 2n ** 64n - 1n;

export function createExecutor(): Executor {
  const machine = new internal.LiteSvm();
  machine.setSigverify(false);
  machine.setBlockhashCheck(false);
  machine.setTransactionHistory(0n);
  const natives = new Map<string, SolanaAccount | null>();
  const held = new Map<string, SolanaAccount | null>();
  let slotOfClock = -1;

  const native = (address: string): SolanaAccount | null => {
    const known = natives.get(address);
    if (known !== undefined) return known;
    const account = fromMachine(machine.getAccount(addressBytes(address)));
    natives.set(address, account);
    held.set(address, account);
    return account;
  };
  const prepare = ({ transaction, keys, accounts, slot, time }: Job): void => {
    const tables = transaction.lookups.map(({ table }) => table);
    for (const address of [...keys.all, ...tables]) {
      native(address);
      const wanted = accounts.account(address);
      if (held.get(address) === wanted) continue;
      machine.setAccount(addressBytes(address), toMachine(wanted));
      held.set(address, wanted);
    }
    if (slot === slotOfClock) return;
    const epoch = BigInt(Math.floor(slot / SLOTS_PER_EPOCH));
    machine.setClock(new internal.Clock(BigInt(slot), 0n, epoch, epoch + 1n, BigInt(time)));
    slotOfClock = slot;
  };
  return {
    run(job) {
      prepare(job);
      const { bytes, version } = job.transaction;
      const result =
        version === 0
          ? machine.sendVersionedTransaction(bytes)
          : machine.sendLegacyTransaction(bytes);
      const outcome = readOutcome(result);
      const changes = new Map<string, SolanaAccount | null>();
      job.keys.all.forEach((address, index) => {
        // A transaction that failed has changed its payer at most.
        if (!job.keys.isWritable(index) || (outcome.error !== null && index > 0)) return;
        const account = fromMachine(machine.getAccount(addressBytes(address)));
        if (isSame(account, held.get(address) ?? null)) return;
        held.set(address, account);
        changes.set(address, account);
      });
      return { landed: outcome.error === null || changes.size > 0, outcome, changes };
    },
    simulate(job) {
      prepare(job);
      const { bytes, version } = job.transaction;
      const result =
        version === 0
          ? machine.simulateVersionedTransaction(bytes)
          : machine.simulateLegacyTransaction(bytes);
      const changes = new Map<string, SolanaAccount | null>();
      if (result instanceof internal.SimulatedTransactionInfo) {
        for (const each of result.postAccounts()) {
          changes.set(base58.encode(each.address), fromMachine(each.account()));
        }
        return { landed: true, outcome: readOutcome(result.meta()), changes };
      }
      return { landed: false, outcome: readOutcome(result), changes };
    },
    native,
    minimumBalance: (bytes) => machine.minimumBalanceForRentExemption(BigInt(bytes)),
  };
}

function fromMachine(account: internal.Account | null): SolanaAccount | null {
  if (account === null) return null;
  const lamports = account.lamports();
  if (lamports === 0n) return null;
  const owner = base58.encode(account.owner());
  return { lamports, data: account.data(), owner, executable: account.executable() };
}

/** An account without lamports is none. */
function toMachine(account: SolanaAccount | null): internal.Account {
  if (account === null) {
    return new internal.Account(0n, new Uint8Array(0), new Uint8Array(32), false, 0n);
  }
  const { lamports, data, owner, executable } = account;
  return new internal.Account(lamports, data, addressBytes(owner), executable, EXEMPT_EPOCH);
}

function isSame(left: SolanaAccount | null, right: SolanaAccount | null): boolean {
  if (left === null || right === null) return left === right;
  return (
    left.lamports === right.lamports &&
    left.owner === right.owner &&
    left.executable === right.executable &&
    Buffer.compare(left.data, right.data) === 0
  );
}

function readOutcome(
  result: internal.TransactionMetadata | internal.FailedTransactionMetadata,
): Outcome {
  const failed = result instanceof internal.FailedTransactionMetadata;
  const meta = failed ? result.meta() : result;
  const logs = meta.logs();
  const described = failed ? readNativeError(result.err(), logs) : null;
  return {
    error: described?.error ?? null,
    errorText: described?.text ?? '',
    logs,
    inner: meta.innerInstructions().map((calls) => calls.map(readCall)),
    unitsConsumed: meta.computeUnitsConsumed(),
    returned: readReturned(meta.returnData()),
  };
}

function readCall(call: internal.InnerInstruction): InnerCall {
  const instruction = call.instruction();
  return {
    program: instruction.programIdIndex(),
    accounts: [...instruction.accounts()],
    data: instruction.data(),
    stackHeight: call.stackHeight(),
  };
}

function readReturned(returned: internal.TransactionReturnData): Outcome['returned'] {
  const data = returned.data();
  return data.length === 0 ? null : { program: base58.encode(returned.programId()), data };
}

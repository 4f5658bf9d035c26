import type { Block, Executed, InnerCall } from './block.ts';
import type { SolanaAccount, TokenParty, TokenTransfer } from './chain-interface.ts';
import { memosOf } from './core.ts';
import type { ForkView } from './lineage.ts';
import { isTokenProgram, readTokenAccount } from './token-state.ts';

/** The transfers of a token in a block: what the machine executed, whatever nodes say of it. */
export function transfersIn(block: Block, mint: string, view: ForkView): readonly TokenTransfer[] {
  const canonical = view.holds(block);
  return block.transactions.flatMap((executed) =>
    movesOf(executed)
      .filter((move) => move.mint === mint)
      .map((move) => ({
        ...move,
        signature: executed.transaction.signature,
        memos: memosOf(executed.transaction),
        slot: block.slot,
        blockhash: block.blockhash,
        finalized: canonical && block.height <= view.finalized.height,
        canonical,
      })),
  );
}

type Move = Pick<TokenTransfer, 'mint' | 'from' | 'to' | 'units' | 'instruction'>;

const found = new WeakMap<Executed, readonly Move[]>();

function movesOf(executed: Executed): readonly Move[] {
  const known = found.get(executed);
  if (known !== undefined) return known;
  const moves = executed.outcome.error === null ? readMoves(executed) : [];
  found.set(executed, moves);
  return moves;
}

function readMoves(executed: Executed): readonly Move[] {
  const { transaction, outcome } = executed;
  return transaction.instructions.flatMap((outer, instruction) => {
    const calls: readonly Pick<InnerCall, 'program' | 'accounts' | 'data'>[] = [
      outer,
      ...(outcome.inner[instruction] ?? []),
    ];
    return calls.flatMap((call) => readCall(executed, call, instruction));
  });
}

/** TokenInstruction::Transfer and TransferChecked; TransferFeeExtension; p-token's Batch. */
const TRANSFER = 3;
const TRANSFER_CHECKED = 12;
const TRANSFER_FEE = 26;
const CHECKED_WITH_FEE = 1;
const BATCH = 255;
const NO_INSTRUCTION = -1;

function readCall(
  executed: Executed,
  call: Pick<InnerCall, 'program' | 'accounts' | 'data'>,
  instruction: number,
): readonly Move[] {
  if (!isTokenProgram(executed.keys.all[call.program] ?? '')) return [];
  const { accounts } = call;
  const data = Buffer.from(call.data);
  const move = (from: number | undefined, to: number | undefined, unitsAt: number): Move[] => {
    if (from === undefined || to === undefined || data.length < unitsAt + 8) return [];
    const units = data.readBigUInt64LE(unitsAt);
    const [source, target] = [partyOf(executed, from), partyOf(executed, to)];
    if (source === null || target === null) return [];
    return [{ mint: source.mint, from: source.party, to: target.party, units, instruction }];
  };
  switch (data.at(0) ?? NO_INSTRUCTION) {
    case TRANSFER:
      return move(accounts[0], accounts[1], 1);
    case TRANSFER_CHECKED:
      return move(accounts[0], accounts[2], 1);
    case TRANSFER_FEE:
      return data[1] === CHECKED_WITH_FEE ? move(accounts[0], accounts[2], 2) : [];
    case BATCH:
      return unbatch(data.subarray(1), accounts).flatMap((each) =>
        readCall(executed, { ...each, program: call.program }, instruction),
      );
    default:
      return [];
  }
}

/** Each: number of accounts, length of data, data. */
function unbatch(
  batch: Buffer,
  accounts: readonly number[],
): readonly Pick<InnerCall, 'accounts' | 'data'>[] {
  const [count, length] = batch;
  if (count === undefined || length === undefined) return [];
  const own = { accounts: accounts.slice(0, count), data: batch.subarray(2, 2 + length) };
  return [own, ...unbatch(batch.subarray(2 + length), accounts.slice(count))];
}

function partyOf(
  executed: Executed,
  index: number,
): { readonly mint: string; readonly party: TokenParty } | null {
  const state = readFirst([executed.before[index], executed.after[index]]);
  const tokenAccount = executed.keys.all[index];
  if (state === null || tokenAccount === undefined) return null;
  return { mint: state.mint, party: { tokenAccount, owner: state.owner } };
}

function readFirst(
  accounts: readonly (SolanaAccount | null | undefined)[],
): ReturnType<typeof readTokenAccount> {
  for (const account of accounts) {
    const state = readTokenAccount(account ?? null);
    if (state !== null) return state;
  }
  return null;
}

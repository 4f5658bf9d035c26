import { present } from '../../../src/base/assert.ts';
import type { Hex } from '../../../src/networks/evm/read-answer.ts';
import type { PrivatePool } from './private-pool.ts';
import { offer } from './private-pool.ts';
import type { Knowledge } from './question.ts';
import { REFUSED, RpcError } from './rpc-error.ts';
import type { NodeFaults } from './simulated-chain.ts';
import { readTransaction, TransactionRefusal, type ChainTransaction } from './transaction.ts';

/** What a node that is behind holds by itself, because the others will not have it. */
const STALE_BLOCKS = 3;

/** eth_sendRawTransaction: checked as the node sees the chain, then told to the others or not. */
export function sendRaw(
  known: Knowledge,
  raw: Hex,
  { own, hold }: { readonly own: PrivatePool; readonly hold: NodeFaults['pool'] },
): Hex {
  const { core, view } = known;
  const state = present(view.stateAt(view.head), 'the newest state is kept');
  const transaction = orRefusal(() => {
    const read = readOnce(known, raw);
    core.pool.check(read, state);
    own.pool.check(read, state);
    return read;
  });
  if (hold !== 'shared') own.hold(transaction, hold);
  else if (!offer(core, transaction)) {
    own.hold(transaction, { forBlocks: STALE_BLOCKS, afterwards: 'forgets' });
  }
  return transaction.hash;
}

/** The same bytes come again and again, from each node and at each attempt. */
function readOnce({ core }: Knowledge, raw: Hex): ChainTransaction {
  const remembered = core.read.get(raw);
  if (remembered !== undefined) return remembered;
  const read = readTransaction(raw, core);
  core.read.set(raw, read);
  return read;
}

function orRefusal<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TransactionRefusal) throw new RpcError(REFUSED, error.message);
    throw error;
  }
}

import { createHash } from 'node:crypto';
import { createArchive, type Archive } from './archive.ts';
import type { Block, LoadedKeys } from './block.ts';
import type { SolanaAccount } from './chain-interface.ts';
import { createExecutor, type AccountsView, type Executor, type Run } from './executor.ts';
import { createLineage, type ForkView, type Lineage } from './lineage.ts';
import { loadKeys } from './load-keys.ts';
import { createPool, type Pool } from './pool.ts';
import type { LocalSigner } from './sign-transaction.ts';
import type { TransactionErrorName } from './transaction-error.ts';
import type { WireMessage, WireTransaction } from './wire-transaction.ts';

/** What all parts of the chain share. */
export interface Core {
  readonly lineage: Lineage;
  readonly archive: Archive;
  readonly executor: Executor;
  readonly pool: Pool;
  readonly faucet: LocalSigner;
  readonly authority: LocalSigner;
  readonly genesisHash: string;
  readonly statusCacheSlots: number;
  /** The accounts as they are after the view's newest block. */
  accounts(view: ForkView): AccountsView;
  /** A number that no call got before: it makes like transactions of the chain's own differ. */
  nextSerial(): number;
}

export interface CoreParts {
  readonly genesis: Block;
  readonly accounts: ReadonlyMap<string, SolanaAccount>;
  readonly faucet: LocalSigner;
  readonly authority: LocalSigner;
  readonly genesisHash: string;
  readonly statusCacheSlots: number;
}

export function createCore(parts: CoreParts): Core {
  const { genesis, accounts, ...shared } = parts;
  const lineage = createLineage(genesis);
  const archive = createArchive(({ transaction }) => hashMessage(transaction));
  archive.add(genesis, accounts);
  const executor = createExecutor();
  let serial = 0;
  return {
    ...shared,
    lineage,
    archive,
    executor,
    pool: createPool(),
    accounts: (view) => ({
      account(address) {
        const known = archive.account(view, address);
        return known === undefined ? executor.native(address) : known;
      },
    }),
    nextSerial() {
      serial += 1;
      return serial;
    },
  };
}

/** A blockhash serves this many blocks after its own: MAX_PROCESSING_AGE. */
export const BLOCKHASH_BLOCKS = 150;

/**
 * The last block that takes a transaction with this block's hash. A validator measures the age by the
 * parent of the block that it makes: so it is one above `lastValidBlockHeight`.
 */
export function lastHeightFor(block: Block): number {
  return block.height + BLOCKHASH_BLOCKS + 1;
}

/** Null where the next block after the view's newest one may take it, by age and repetition. */
export function checkAge(
  core: Core,
  view: ForkView,
  transaction: WireTransaction,
): TransactionErrorName | null {
  const origin = core.archive.blockByHash(view, transaction.recentBlockhash);
  if (origin === null || view.head.height - origin.height > BLOCKHASH_BLOCKS) {
    return 'BlockhashNotFound';
  }
  return core.archive.findMessage(view, hashMessage(transaction)) ? 'AlreadyProcessed' : null;
}

/** A run on the accounts of a view, or why there was none. */
export type Attempt =
  | { readonly kind: 'refused'; readonly error: TransactionErrorName }
  | { readonly kind: 'ran'; readonly run: Run; readonly keys: LoadedKeys };

/** As a node does: nothing happens. */
export function tryTransaction(core: Core, view: ForkView, transaction: WireTransaction): Attempt {
  const accounts = core.accounts(view);
  const loaded = loadKeys(transaction, accounts);
  if ('error' in loaded) return { kind: 'refused', error: loaded.error };
  const { slot, time } = view.head;
  const run = core.executor.simulate({ transaction, keys: loaded.keys, accounts, slot, time });
  return { kind: 'ran', run, keys: loaded.keys };
}

const messageHashes = new WeakMap<Uint8Array, string>();

/** Of the message alone: other signatures of the same message are the same transaction. */
function hashMessage({ messageBytes }: WireTransaction): string {
  const known = messageHashes.get(messageBytes);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(messageBytes).digest('base64');
  messageHashes.set(messageBytes, hash);
  return hash;
}

/** The text of memos, as the programs that write them were given it. */
export function memosOf(message: WireMessage): readonly string[] {
  return message.instructions
    .filter(({ program }) => (message.keys[program] ?? '').startsWith('Memo'))
    .map(({ data }) => Buffer.from(data).toString('utf8'));
}

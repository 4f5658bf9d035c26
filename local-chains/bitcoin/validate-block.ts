import { bytesToHex } from '@noble/hashes/utils.js';
import type { Coin, StoredBlock } from './block-store.ts';
import {
  hasWork,
  isAmbiguous,
  merkleRootOf,
  REGTEST_BITS,
  witnessCommitment,
  type Block,
} from './block.ts';
import { coinsMadeBy, type Chainstate } from './chainstate.ts';
import {
  areSequencesPast,
  isFinal,
  sigopCost,
  spendProblem,
  transactionProblem,
} from './check-transaction.ts';
import { hashFromShown, shownHash } from './encoding.ts';
import { pushNumber } from './script.ts';
import type { SignatureBook } from './signature-book.ts';
import { hasWitness, isCoinbase, outpointKey, type Transaction } from './transaction.ts';

export const MAX_BLOCK_WEIGHT = 4_000_000;
const MAX_BLOCK_SIGOPS_COST = 80_000;
const TWO_HOURS_SECONDS = 7_200;
/** OP_RETURN, a push of 36 bytes, and the mark of BIP-141. */
const COMMITMENT_MARK = '6a24aa21a9ed';

export interface BlockRules {
  readonly signatures: SignatureBook;
  readonly halvingBlocks: number;
}

/** What is wrong with a block by itself and as a child of its parent, in bitcoind's words. */
export function blockProblem(
  block: Block,
  parent: StoredBlock,
  nowSeconds: number,
): string | undefined {
  if (!hasWork(block.hash)) return 'high-hash';
  const { transactions } = block;
  const leaves = transactions.map(({ txid }) => txid);
  if (shownHash(merkleRootOf(leaves.map(hashFromShown))) !== block.merkleRoot) {
    return 'bad-txnmrklroot';
  }
  if (isAmbiguous(leaves)) return 'bad-txns-duplicate';
  const [coinbase, ...others] = transactions;
  if (coinbase === undefined || !isCoinbase(coinbase)) return 'bad-cb-missing';
  if (others.some(isCoinbase)) return 'bad-cb-multiple';
  const broken = transactions.map(transactionProblem).find((problem) => problem !== undefined);
  if (broken !== undefined) return broken;
  if (block.bits !== REGTEST_BITS) return 'bad-diffbits';
  if (block.time <= parent.medianTime) return 'time-too-old';
  if (block.time > nowSeconds + TWO_HOURS_SECONDS) return 'time-too-new';
  if (transactions.some((each) => !isFinal(each, parent))) return 'bad-txns-nonfinal';
  const height = bytesToHex(pushNumber(parent.height + 1));
  if (!bytesToHex(coinbase.inputs[0]?.scriptSig ?? new Uint8Array()).startsWith(height)) {
    return 'bad-cb-height';
  }
  const witness = witnessProblem(block, coinbase);
  if (witness !== undefined) return witness;
  return block.weight > MAX_BLOCK_WEIGHT ? 'bad-blk-weight' : undefined;
}

/** What is wrong with what a block spends after its parent, which is `state`'s newest; or what it spent. */
export function connectionProblem(
  block: Block,
  state: Chainstate,
  rules: BlockRules,
): { readonly problem: string } | { readonly spent: readonly (readonly Coin[])[] } {
  const parent = state.tip();
  const height = parent.height + 1;
  const made = new Map<string, Coin>();
  const gone = new Set<string>();
  const spent: (readonly Coin[])[] = [];
  let fees = 0n;
  let sigops = 0;
  for (const [index, transaction] of block.transactions.entries()) {
    const isFirst = index === 0;
    const coins = isFirst ? [] : coinsOf(transaction, (key) => take(key, { made, gone, state }));
    if (coins === undefined) return { problem: 'bad-txns-inputs-missingorspent' };
    if (!isFirst) {
      const paid = paidFee(transaction, coins, { parent, rules });
      if (typeof paid === 'string') return { problem: paid };
      fees += paid;
    }
    sigops += sigopCost(transaction, coins);
    if (sigops > MAX_BLOCK_SIGOPS_COST) return { problem: 'bad-blk-sigops' };
    for (const [key, coin] of coinsMadeBy(transaction, height, isFirst)) {
      if (state.coin(key) !== undefined) return { problem: 'bad-txns-BIP30' };
      made.set(key, coin);
    }
    spent.push(coins);
  }
  const reward = block.transactions[0]?.outputs.reduce((sum, { units }) => sum + units, 0n) ?? 0n;
  if (reward > subsidyAt(height, rules.halvingBlocks) + fees) return { problem: 'bad-cb-amount' };
  return { spent };
}

/** Satoshis that a block of this height may make. */
export function subsidyAt(height: number, halvingBlocks: number): bigint {
  const halvings = Math.floor(height / halvingBlocks);
  return halvings >= 64 ? 0n : 5_000_000_000n >> BigInt(halvings);
}

/** The output that commits to all witnesses (BIP-141). */
export function commitmentScript(transactions: readonly Transaction[]): string {
  return `${COMMITMENT_MARK}${bytesToHex(witnessCommitment(transactions, new Uint8Array(32)))}`;
}

function paidFee(
  transaction: Transaction,
  coins: readonly Coin[],
  { parent, rules }: { readonly parent: StoredBlock; readonly rules: BlockRules },
): bigint | string {
  const verdict = spendProblem(transaction, coins, parent.height + 1);
  if ('reason' in verdict) return verdict.reason;
  if (!areSequencesPast(transaction, coins, parent)) return 'bad-txns-nonfinal';
  return rules.signatures.problemInBlock(transaction, coins) ?? verdict.feeUnits;
}

interface Overlay {
  readonly made: Map<string, Coin>;
  readonly gone: Set<string>;
  readonly state: Chainstate;
}

function take(key: string, { made, gone, state }: Overlay): Coin | undefined {
  if (gone.has(key)) return undefined;
  gone.add(key);
  return made.get(key) ?? state.coin(key);
}

function coinsOf(
  transaction: Transaction,
  takeCoin: (key: string) => Coin | undefined,
): readonly Coin[] | undefined {
  const coins = transaction.inputs.map((input) => takeCoin(outpointKey(input)));
  return coins.every((coin) => coin !== undefined) ? coins : undefined;
}

function witnessProblem(block: Block, coinbase: Transaction): string | undefined {
  const commitments = coinbase.outputs.filter(
    ({ scriptHex }) => scriptHex.startsWith(COMMITMENT_MARK) && scriptHex.length >= 76,
  );
  const commitment = commitments.at(-1);
  if (commitment === undefined) {
    return block.transactions.some(hasWitness) ? 'unexpected-witness' : undefined;
  }
  const [reserved, ...more] = coinbase.inputs[0]?.witness ?? [];
  if (reserved?.length !== 32 || more.length > 0) return 'bad-witness-nonce-size';
  const expected = bytesToHex(witnessCommitment(block.transactions, reserved));
  return commitment.scriptHex.slice(12, 76) === expected ? undefined : 'bad-witness-merkle-match';
}

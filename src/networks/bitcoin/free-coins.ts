import { RpcFailure } from '../nodes/json-rpc.ts';
import { hearQuorum } from '../nodes/hear-quorum.ts';
import { readHead } from './chain-state.ts';
import { parseOutpoint, type Coin } from './coin.ts';
import { finalHeightOf } from './finality.ts';
import type { BitcoinNode, UnspentOutput } from './node.ts';
import type { Payer } from './payer.ts';
import type { Transaction } from './transaction.ts';
import { MATURITY } from './wallet.ts';

/** What the treasury has, as one node's wallet tells it. */
export interface Holdings {
  /** In final blocks, spent by nothing, and not signed for. */
  readonly free: readonly Coin[];
  /** Unspent too, but not final yet: deposits and change. */
  readonly young: readonly Coin[];
  /**
   * A transaction that spends coins of the treasury, is not final, and of which no record is known: what it
   * pays may be what is about to be paid. Null: there is none.
   */
  readonly stranger: string | null;
}

/** `taken`: the coins of all open transactions, read from the database before this. */
export async function readHoldings(
  { wallets, confirmations }: Payer,
  node: BitcoinNode,
  taken: readonly string[],
): Promise<Holdings> {
  const wallet = wallets.of(node);
  const tip = await node.tip();
  const height = Math.max(finalHeightOf(tip.height, confirmations), 0);
  const finalHash = await node.hashAt(height);
  if (finalHash === null) throw new RpcFailure(`${node.label}: the chain has become shorter`);
  const isTaken = new Set(taken);
  // First the transactions, then the coins: what is spent in between is missing from the coins.
  const underWay = await wallet.spendsSince(finalHash);
  const coins = (await wallet.coins()).filter(({ outpoint }) => !isTaken.has(outpoint));
  return {
    free: coins.filter((coin) => coin.confirmations >= confirmations),
    young: coins.filter((coin) => coin.confirmations < confirmations),
    stranger: strangerAmong(underWay, isTaken),
  };
}

/** What is recorded has all of its coins taken, and so has each of its versions. */
function strangerAmong(
  underWay: readonly Transaction[],
  isTaken: ReadonlySet<string>,
): string | null {
  const found = underWay.find(({ spends }) => !spends.every((coin) => isTaken.has(coin)));
  return found?.txid ?? null;
}

/**
 * As {@link Holdings} has it, by any node's word: one that has just started, or whose mempool is full, knows
 * less than the others. Counted from the block that a quorum holds for final, so that one that is behind does
 * not take for young what has ended. Throws RpcFailure where fewer nodes than a quorum answer.
 */
export async function findStranger(
  { pool, wallets, confirmations }: Payer,
  taken: readonly string[],
): Promise<string | null> {
  const { final } = await readHead(pool, confirmations);
  const isTaken = new Set(taken);
  const heard = await hearQuorum(pool, async (node) => {
    const header = await node.header(final.hash);
    if (header === null || header.confirmations < 1) {
      throw new RpcFailure(`${node.label} has not come to block ${final.height}`);
    }
    return strangerAmong(await wallets.of(node).spendsSince(final.hash), isTaken);
  });
  return heard.find((txid) => txid !== null) ?? null;
}

/**
 * Of these coins those that a quorum of nodes shows as final and unspent, each by its set of unspent outputs
 * and by its mempool. One node's word is enough to leave a coin alone, and not enough to spend it.
 */
export async function confirmCoins(
  { pool, key, confirmations }: Payer,
  coins: readonly Coin[],
): Promise<ReadonlySet<string>> {
  const isGood = ({ units }: Coin, output: UnspentOutput | null): boolean =>
    output?.units === units &&
    output.script === key.script &&
    output.confirmations >= (output.isCoinbase ? Math.max(MATURITY, confirmations) : confirmations);
  const heard = await pool.hearAll(async (node) => {
    const good = new Set<string>();
    for (const coin of coins) {
      const output = await node.unspent(parseOutpoint(coin.outpoint), 'pool');
      if (isGood(coin, output)) good.add(coin.outpoint);
    }
    return good;
  });
  const voices = heard.flatMap((it) =>
    it.kind === 'heard' && pool.counts(it.node) ? [it.value] : [],
  );
  if (voices.length < pool.quorum) {
    const reasons = heard.flatMap((it) => (it.kind === 'failed' ? [it.reason] : []));
    throw new RpcFailure(`fewer nodes than a quorum answer: ${reasons.join('; ')}`);
  }
  const confirmed = coins.filter(
    ({ outpoint }) => voices.filter((good) => good.has(outpoint)).length >= pool.quorum,
  );
  return new Set(confirmed.map(({ outpoint }) => outpoint));
}

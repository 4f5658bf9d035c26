import type { BlockStore, Coin, StoredBlock } from './block-store.ts';
import { isUnspendable } from './script.ts';
import { outpointKey, type Transaction } from './transaction.ts';

/** The chain as one node sees it, up to its own newest block, and what is unspent there. */
export interface Chainstate {
  tip(): StoredBlock;
  blockAt(height: number): StoredBlock | undefined;
  isActive(stored: StoredBlock): boolean;
  /** The active block with this transaction. */
  blockWith(txid: string): StoredBlock | undefined;
  /** By "txid:vout". */
  coin(key: string): Coin | undefined;
  keysOf(scriptHex: string): Iterable<string>;
  count(): number;
  /** The next block, validated before. */
  connect(stored: StoredBlock): void;
  /** Takes the newest block off and answers it. */
  disconnect(): StoredBlock;
  save(): () => void;
}

export function createChainstate(store: BlockStore): Chainstate {
  let active: StoredBlock[] = [store.genesis];
  let coins = new Map<string, Coin>();
  let byScript = new Map<string, Set<string>>();
  const put = (key: string, coin: Coin): void => {
    coins.set(key, coin);
    const keys = byScript.get(coin.scriptHex);
    if (keys === undefined) byScript.set(coin.scriptHex, new Set([key]));
    else keys.add(key);
  };
  const remove = (key: string): void => {
    const coin = coins.get(key);
    if (coin === undefined) throw new Error(`${key} is not there to be spent`);
    coins.delete(key);
    byScript.get(coin.scriptHex)?.delete(key);
  };
  const tip = (): StoredBlock => active.at(-1) ?? store.genesis;
  const isActive = (stored: StoredBlock): boolean => active[stored.height] === stored;
  return {
    tip,
    isActive,
    blockAt: (height) => active[height],
    blockWith(txid) {
      return store
        .blocksWith(txid)
        .map((hash) => store.find(hash))
        .find((stored) => stored !== undefined && isActive(stored));
    },
    coin: (key) => coins.get(key),
    keysOf: (scriptHex) => byScript.get(scriptHex) ?? [],
    count: () => coins.size,
    connect(stored) {
      if (stored.parent !== tip()) throw new Error('a block that does not follow the newest one');
      stored.block.transactions.forEach((transaction, index) => {
        if (index > 0) for (const input of transaction.inputs) remove(outpointKey(input));
        for (const [key, coin] of coinsMadeBy(transaction, stored.height, index === 0)) {
          put(key, coin);
        }
      });
      active.push(stored);
    },
    disconnect() {
      const stored = active.pop();
      if (stored?.parent === undefined) throw new Error('the first block stays');
      const { transactions } = stored.block;
      for (let index = transactions.length - 1; index >= 0; index -= 1) {
        const transaction = transactions[index];
        if (transaction === undefined) continue;
        for (const [key] of coinsMadeBy(transaction, stored.height, index === 0)) remove(key);
        const spent = stored.spent?.[index] ?? [];
        spent.forEach((coin, place) => {
          const input = transaction.inputs[place];
          if (input !== undefined) put(outpointKey(input), coin);
        });
      }
      return stored;
    },
    save() {
      const keptActive = [...active];
      const keptCoins = new Map(coins);
      const keptScripts = copyOf(byScript);
      return () => {
        active = [...keptActive];
        coins = new Map(keptCoins);
        byScript = copyOf(keptScripts);
      };
    },
  };
}

/** What a transaction adds to the unspent outputs; what nobody can spend is not among them. */
export function coinsMadeBy(
  transaction: Transaction,
  height: number,
  isCoinbase: boolean,
): readonly (readonly [string, Coin])[] {
  const { txid } = transaction;
  return transaction.outputs.flatMap(({ units, scriptHex }, vout) =>
    isUnspendable(scriptHex)
      ? []
      : [[outpointKey({ txid, vout }), { units, scriptHex, height, isCoinbase }] as const],
  );
}

function copyOf(byScript: ReadonlyMap<string, ReadonlySet<string>>): Map<string, Set<string>> {
  return new Map(
    [...byScript]
      .filter(([, keys]) => keys.size > 0)
      .map(([script, keys]) => [script, new Set(keys)]),
  );
}

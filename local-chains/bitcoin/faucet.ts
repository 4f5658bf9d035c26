import { schnorr } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Coin } from './block-store.ts';
import type { Outpoint } from './bitcoin-chain.ts';
import type { Chainstate } from './chainstate.ts';
import { COINBASE_MATURITY } from './check-transaction.ts';
import { taprootHash } from './signature-hash.ts';
import { dustThreshold } from './standardness.ts';
import {
  completeTransaction,
  outpointKey,
  type Transaction,
  type TransactionFields,
  type TransactionOutput,
} from './transaction.ts';

/** Known to all: what it holds is worth nothing. */
const SECRET_KEY = sha256(new TextEncoder().encode('the faucet of a local Bitcoin chain'));
/** Its public key is an output key as it is, without a tweak. */
export const FAUCET_SCRIPT = `5120${bytesToHex(schnorr.getPublicKey(SECRET_KEY))}`;
const SAT_PER_VBYTE = 2n;

/** Pays in blocks, without the pools: what it owes is in the next block. */
export interface Faucet {
  pay(scriptHex: string, units: bigint): Outpoint;
  /** What it owes now, in order. */
  owed(): readonly Transaction[];
  /** After a block: what it holds is owed no more. */
  settle(state: Chainstate): void;
  /** What was owed in blocks that were left is owed again, but for the forgotten. */
  oweAgain(transactions: readonly Transaction[], forgotten: ReadonlySet<string>): void;
  isOwn(transaction: Transaction): boolean;
  save(): () => void;
}

interface FaucetCoin extends Outpoint {
  readonly coin: Pick<Coin, 'units' | 'scriptHex'>;
}

export function createFaucet(state: Chainstate): Faucet {
  let owed: readonly Transaction[] = [];
  let made: ReadonlySet<string> = new Set();
  return {
    pay(scriptHex, units) {
      const chosen = choose(spendable(state, owed), units);
      const transaction = signedPayment(chosen, { scriptHex, units });
      owed = [...owed, transaction];
      made = new Set([...made, transaction.txid]);
      return { txid: transaction.txid, vout: 0 };
    },
    owed: () => owed,
    settle(chain) {
      owed = owed.filter(({ txid }) => chain.blockWith(txid) === undefined);
    },
    oweAgain(transactions, forgotten) {
      const gone = new Set(forgotten);
      const again = [...transactions, ...owed].filter((transaction) => {
        const isGone =
          gone.has(transaction.txid) || transaction.inputs.some(({ txid }) => gone.has(txid));
        // What stood on a forgotten payment is forgotten with it.
        if (isGone) gone.add(transaction.txid);
        return !isGone;
      });
      owed = again;
    },
    isOwn: ({ txid }) => made.has(txid),
    save() {
      const kept = { owed, made };
      return () => {
        ({ owed, made } = kept);
      };
    },
  };
}

/** Largest first, its own change that is still owed last. */
function spendable(state: Chainstate, owed: readonly Transaction[]): readonly FaucetCoin[] {
  const taken = new Set(owed.flatMap(({ inputs }) => inputs.map(outpointKey)));
  const mined = [...state.keysOf(FAUCET_SCRIPT)].flatMap((key) => {
    const coin = state.coin(key);
    const [txid = '', vout = ''] = key.split(':');
    return coin === undefined ? [] : [{ txid, vout: Number(vout), coin }];
  });
  const next = state.tip().height + 1;
  const ripe = mined
    .filter(({ coin }) => !coin.isCoinbase || next - coin.height >= COINBASE_MATURITY)
    .toSorted((a, b) => Number(b.coin.units - a.coin.units));
  const change = owed.flatMap(({ txid, outputs }) =>
    outputs.flatMap((coin, vout) =>
      coin.scriptHex === FAUCET_SCRIPT ? [{ txid, vout, coin }] : [],
    ),
  );
  return [...ripe, ...change].filter((each) => !taken.has(outpointKey(each)));
}

function choose(coins: readonly FaucetCoin[], units: bigint): readonly FaucetCoin[] {
  const chosen: FaucetCoin[] = [];
  for (const coin of coins) {
    chosen.push(coin);
    if (unitsOf(chosen) >= units + feeOf(chosen.length) + 10_000n) return chosen;
  }
  throw new Error(`the faucet has less than ${units} satoshis that can be spent now`);
}

function unitsOf(coins: readonly FaucetCoin[]): bigint {
  return coins.reduce((sum, { coin }) => sum + coin.units, 0n);
}

function feeOf(inputs: number): bigint {
  return SAT_PER_VBYTE * BigInt(11 + 58 * inputs + 43 + 43);
}

function signedPayment(coins: readonly FaucetCoin[], payment: TransactionOutput): Transaction {
  if (payment.units < dustThreshold(payment)) throw new Error('the faucet pays no dust');
  const change = unitsOf(coins) - payment.units - feeOf(coins.length);
  const inputs = coins.map(({ txid, vout }) => ({
    txid,
    vout,
    scriptSig: new Uint8Array(),
    sequence: 0xfffffffd,
    witness: [],
  }));
  const outputs = [payment, { units: change, scriptHex: FAUCET_SCRIPT }];
  const transaction: TransactionFields = { version: 2, inputs, outputs, lockTime: 0 };
  const spent = coins.map(({ coin }) => coin);
  const signed = inputs.map((input, index) => {
    const digest = taprootHash({ transaction, index, spent }, 0);
    // No fresh randomness: the same calls give the same bytes.
    return { ...input, witness: [schnorr.sign(digest, SECRET_KEY, new Uint8Array(32))] };
  });
  return completeTransaction({ ...transaction, inputs: signed });
}

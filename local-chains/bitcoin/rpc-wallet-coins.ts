import { addressOfScript, scriptOfAddress } from './address.ts';
import { BitcoinRpcError } from './bitcoin-chain.ts';
import { COINBASE_MATURITY } from './check-transaction.ts';
import { withChecksum } from './descriptor.ts';
import { amount, isDenied, isRecord, readAmount, type Methods, type Question } from './question.ts';
import { familyOf } from './rpc-pool.ts';
import { outpointKey } from './transaction.ts';
import { walletOf } from './wallet-of.ts';
import { coinOf, isSpentFor, type OwnOutput, type Wallet, type WalletGround } from './wallet.ts';

/** What a wallet may spend. */
export const WALLET_COIN_METHODS: Methods = {
  listunspent: {
    names: ['minconf', 'maxconf', 'addresses', 'include_unsafe', 'query_options'],
    answer: listUnspent,
  },
  getbalances: { names: [], answer: getBalances },
  getbalance: {
    names: ['dummy', 'minconf', 'include_watchonly', 'avoid_reuse'],
    answer: getBalance,
  },
  getwalletinfo: { names: [], answer: getWalletInfo },
};

interface WalletCoin extends OwnOutput {
  readonly confirmations: number;
  readonly isImmature: boolean;
  readonly isSafe: boolean;
}

function listUnspent(question: Question): unknown {
  const { params } = question;
  const wallet = walletOf(question);
  const least = params.integerOr(0, 1);
  const most = params.integerOr(1, 9_999_999);
  const scripts = readAddresses(question);
  const unsafeToo = params.flagOr(3, true);
  const fits = readOptions(question);
  return walletCoins(question, wallet)
    .filter(
      (coin) =>
        !coin.isImmature &&
        coin.confirmations >= least &&
        coin.confirmations <= most &&
        (scripts === undefined || scripts.has(coin.scriptHex)) &&
        (unsafeToo || coin.isSafe) &&
        fits(coin.units),
    )
    .map((coin) => renderCoin(coin, wallet, question.core));
}

/** All that is unspent for the wallet, on the node's chain or in its pool. */
function walletCoins(question: Question, wallet: Wallet): readonly WalletCoin[] {
  const { core } = question;
  return [...wallet.outputs()].flatMap(([key, output]) => {
    if (isDenied(question, output.txid)) return [];
    const coin = coinOf(output, core);
    if (coin === undefined || isSpentFor(wallet, key, core)) return [];
    const { confirmations } = coin;
    const isImmature = coin.isCoinbase && confirmations <= COINBASE_MATURITY;
    const isSafe = confirmations > 0 || isTrusted(output.txid, wallet, core);
    return [{ ...output, confirmations, isImmature, isSafe }];
  });
}

/** Whether all that an unconfirmed transaction spends is the wallet's own, back to what is confirmed. */
export function isTrusted(txid: string, wallet: Wallet, ground: WalletGround): boolean {
  if (ground.state.blockWith(txid) !== undefined) return true;
  const transaction = ground.pool.entry(txid)?.transaction;
  return (
    transaction?.inputs.every(
      (input) =>
        wallet.output(outpointKey(input)) !== undefined && isTrusted(input.txid, wallet, ground),
    ) ?? false
  );
}

function renderCoin(coin: WalletCoin, wallet: Wallet, ground: WalletGround): unknown {
  const { txid, vout, scriptHex, units, confirmations } = coin;
  const watched = wallet.watched(scriptHex);
  const address = addressOfScript(scriptHex);
  const { pool } = ground;
  const entry = confirmations === 0 ? pool.entry(txid) : undefined;
  const family =
    entry === undefined
      ? undefined
      : familyOf([txid, ...pool.ancestorsOf(entry.transaction)], pool);
  return {
    txid,
    vout,
    ...(address === undefined ? {} : { address, label: watched?.label ?? '' }),
    scriptPubKey: scriptHex,
    amount: amount(units),
    confirmations,
    ...(family === undefined
      ? {}
      : {
          ancestorcount: family.count,
          ancestorsize: family.vsize,
          ancestorfees: Number(family.feeUnits),
        }),
    spendable: true,
    solvable: watched?.descriptor.isSolvable ?? false,
    ...(watched?.descriptor.isSolvable === true ? { desc: watched.descriptor.told } : {}),
    parent_descs: watched === undefined ? [] : [withChecksum(watched.descriptor.text)],
    safe: coin.isSafe,
  };
}

function readAddresses({ params }: Question): ReadonlySet<string> | undefined {
  if (!params.has(2) || params.list(2).length === 0) return undefined;
  const scripts = params.list(2).map((each) => {
    const script = typeof each === 'string' ? scriptOfAddress(each) : undefined;
    if (script === undefined) {
      throw new BitcoinRpcError(-5, `Invalid Bitcoin address: ${String(each)}`);
    }
    return script;
  });
  return new Set(scripts);
}

function readOptions({ params }: Question): (units: bigint) => boolean {
  const options = params.raw(4);
  if (!isRecord(options)) return () => true;
  const { minimumAmount, maximumAmount } = options;
  const least = minimumAmount === undefined ? 0n : readAmount(minimumAmount);
  const most = maximumAmount === undefined ? undefined : readAmount(maximumAmount);
  return (units) => units >= least && (most === undefined || units <= most);
}

interface Balances {
  readonly trusted: bigint;
  readonly pending: bigint;
  readonly immature: bigint;
}

function balancesOf(question: Question, wallet: Wallet): Balances {
  let [trusted, pending, immature] = [0n, 0n, 0n];
  for (const coin of walletCoins(question, wallet)) {
    if (coin.isImmature) immature += coin.units;
    else if (coin.isSafe) trusted += coin.units;
    else pending += coin.units;
  }
  return { trusted, pending, immature };
}

function lastProcessed({ core }: Question): unknown {
  const { block, height } = core.state.tip();
  return { hash: block.hash, height };
}

function getBalances(question: Question): unknown {
  const balances = balancesOf(question, walletOf(question));
  return {
    mine: {
      trusted: amount(balances.trusted),
      untrusted_pending: amount(balances.pending),
      immature: amount(balances.immature),
    },
    lastprocessedblock: lastProcessed(question),
  };
}

function getBalance(question: Question): unknown {
  const least = question.params.integerOr(1, 0);
  const coins = walletCoins(question, walletOf(question)).filter(
    ({ isSafe, isImmature, confirmations }) => isSafe && !isImmature && confirmations >= least,
  );
  return amount(coins.reduce((sum, { units }) => sum + units, 0n));
}

function getWalletInfo(question: Question): unknown {
  const wallet = walletOf(question);
  const balances = balancesOf(question, wallet);
  const timestamps = wallet.scripts().map(({ timestamp }) => timestamp);
  return {
    walletname: wallet.name,
    walletversion: 169_900,
    format: 'sqlite',
    balance: amount(balances.trusted),
    unconfirmed_balance: amount(balances.pending),
    immature_balance: amount(balances.immature),
    txcount: [...wallet.transactions()].length,
    keypoolsize: 0,
    keypoolsize_hd_internal: 0,
    paytxfee: amount(0n),
    private_keys_enabled: false,
    avoid_reuse: false,
    scanning: false,
    descriptors: true,
    external_signer: false,
    blank: true,
    ...(timestamps.length === 0 ? {} : { birthtime: Math.min(...timestamps) }),
    lastprocessedblock: lastProcessed(question),
  };
}

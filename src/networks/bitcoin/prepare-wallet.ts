import type { Clock } from '../../base/clock.ts';
import { RpcErrorAnswer, RpcFailure, type RpcEndpoint } from '../nodes/json-rpc.ts';
import type { BitcoinNode } from './node.ts';
import { readCount, readHash, readList, readRecord, readText } from './read-answer.ts';
import type { TreasuryKey } from './treasury-key.ts';

/** What a wallet watches, and how it is called on every node. */
export type Watched = Pick<TreasuryKey, 'descriptor' | 'script'>;

/** So long does a question wait for a wallet that is being prepared; the preparation goes on after it. */
const PATIENCE_MS = 10_000;

/** Once the wallet knows all that the treasury has, its descriptor has this label. */
const READY_LABEL = 'knit';
const READING_LABEL = 'knit, reading history';

/** bitcoind's codes: no such wallet; loaded already; any other trouble with wallets (it exists, say). */
export const NO_WALLET = -18;
const LOADED_ALREADY = -35;
const WALLET_TROUBLE = -4;
/** Not in the wallet. */
const NOT_FOUND = -5;

/** One word for the treasury, so that a node can serve several installations. */
export function walletNameOf({ script }: Pick<Watched, 'script'>): string {
  return `knit-${script.slice(4, 20)}`;
}

/** A wallet on a node that watches the treasury and knows all of its coins. */
export interface WalletPreparation {
  /**
   * Makes sure that it is there. Any number of processes may do so at once, and each may end anywhere in it.
   * Throws RpcFailure while the wallet is not ready; the next call goes on from there.
   */
  ready(): Promise<void>;
  /** The node has said that it has no such wallet: it was put away, or the node begins anew. */
  forget(): void;
}

export function createWalletPreparation(
  node: BitcoinNode,
  watched: Watched,
  clock: Clock,
): WalletPreparation {
  let isReady = false;
  let job: Promise<void> | null = null;
  const ready = async (): Promise<void> => {
    if (isReady) return;
    job ??= prepare(node, watched).finally(() => {
      job = null;
    });
    const done = job.then(() => 'ready' as const);
    const stop = new AbortController();
    const tired = clock.sleep(PATIENCE_MS, stop.signal).then(() => 'later' as const);
    try {
      if ((await Promise.race([done, tired])) === 'later') {
        // It fails or ends by itself; whoever asks next hears of it.
        done.catch(() => undefined);
        throw new RpcFailure(`${node.label} is still looking for the treasury's coins`);
      }
      isReady = true;
    } finally {
      stop.abort();
    }
  };
  const forget = (): void => {
    isReady = false;
  };
  return { ready, forget };
}

async function prepare(node: BitcoinNode, watched: Watched): Promise<void> {
  await node.checkChain();
  await loadWallet(node, watched);
  const ask = askWallet(node, walletNameOf(watched));
  const info = readRecord(await ask('getwalletinfo', []), 'wallet info');
  if (info['scanning'] !== false) {
    throw new RpcFailure(`${node.label} is still looking for the treasury's coins`);
  }
  const labels = readList(await ask('listlabels', []), 'labels');
  if (labels.includes(READY_LABEL)) return;
  await readHistory(node, watched, ask);
}

/** A question to the wallet, as long as it may take. */
type Ask = RpcEndpoint['request'];

function askWallet({ patient }: BitcoinNode, name: string): Ask {
  return async (method, params) => await patient.request(method, params, `wallet/${name}`);
}

/** Watches only: it never holds a key. bitcoind loads it again when it starts. */
async function loadWallet({ patient }: BitcoinNode, watched: Watched): Promise<void> {
  const name = walletNameOf(watched);
  const loaded = readList(await patient.request('listwallets', []), 'wallets');
  if (loaded.includes(name)) return;
  const load = async (): Promise<void> => {
    await patient.request('loadwallet', [name, true]);
  };
  try {
    await unless([LOADED_ALREADY], load);
  } catch (error) {
    if (!(error instanceof RpcErrorAnswer) || error.code !== NO_WALLET) throw error;
    // Another process may make it at this moment.
    const create = [name, true, true, '', false, true, true];
    await unless([WALLET_TROUBLE], async () => await patient.request('createwallet', create));
    await unless([LOADED_ALREADY, WALLET_TROUBLE], load);
  }
}

async function unless(codes: readonly number[], work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RpcErrorAnswer) || !codes.includes(error.code)) throw error;
  }
}

interface FoundCoin {
  readonly txid: string;
  readonly height: number;
}

/**
 * The treasury may have been paid before the wallet was there. What is unspent of that shows in the node's
 * set of unspent outputs (one to three minutes on the main network), and the wallet reads the blocks from
 * the oldest of them on. Older ones hold nothing that can still be spent.
 */
async function readHistory(node: BitcoinNode, watched: Watched, ask: Ask): Promise<void> {
  const tip = await node.tip();
  const coins = await findCoins(node, watched);
  const text = await withChecksum(node, watched.descriptor);
  if (coins.length === 0 || !(await knowsAll(ask, coins))) {
    const oldest = coins.reduce((least, { height }) => Math.min(least, height), tip.height);
    const timestamp = await timeOf(node, oldest);
    await importDescriptor(ask, { desc: text, timestamp, label: READING_LABEL });
    if (!(await knowsAll(ask, coins))) {
      throw new RpcFailure(
        `${node.label} cannot read the blocks since ${oldest}, where the treasury's oldest coin lies: has it pruned them?`,
      );
    }
  }
  const newest = await timeOf(node, tip.height);
  await importDescriptor(ask, { desc: text, timestamp: newest, label: READY_LABEL });
}

async function findCoins({ patient, label }: BitcoinNode, watched: Watched): Promise<FoundCoin[]> {
  const params = ['start', [`raw(${watched.script})`]];
  const found = readRecord(await patient.request('scantxoutset', params), 'scan');
  if (found['success'] !== true) throw new RpcFailure(`${label}: the scan was not finished`);
  return readList(found['unspents'], 'unspent outputs').map((each) => {
    const coin = readRecord(each, 'unspent output');
    return {
      txid: readHash(coin['txid'], 'transaction id'),
      height: readCount(coin['height'], 'height'),
    };
  });
}

async function knowsAll(ask: Ask, coins: readonly FoundCoin[]): Promise<boolean> {
  for (const txid of new Set(coins.map((coin) => coin.txid))) {
    try {
      await ask('gettransaction', [txid, true]);
    } catch (error) {
      if (error instanceof RpcErrorAnswer && error.code === NOT_FOUND) return false;
      throw error;
    }
  }
  return true;
}

async function timeOf(node: BitcoinNode, height: number): Promise<number> {
  const hash = await node.hashAt(height);
  const header = hash === null ? null : await node.header(hash);
  if (header === null) throw new RpcFailure(`${node.label} has no block ${height}`);
  return header.time;
}

async function withChecksum({ patient }: BitcoinNode, descriptor: string): Promise<string> {
  const info = readRecord(await patient.request('getdescriptorinfo', [descriptor]), 'descriptor');
  return `${descriptor}#${readText(info['checksum'], 'checksum')}`;
}

/** The node reads the blocks since two hours before the time, and answers when it has. */
async function importDescriptor(
  ask: Ask,
  wish: { readonly desc: string; readonly timestamp: number; readonly label: string },
): Promise<void> {
  const [answer] = readList(await ask('importdescriptors', [[wish]]), 'imports');
  const said = readRecord(answer, 'import');
  if (said['success'] === true) return;
  const { message } = readRecord(said['error'] ?? {}, 'error of the import');
  throw new RpcFailure(`the wallet refuses the treasury's descriptor: ${String(message)}`);
}

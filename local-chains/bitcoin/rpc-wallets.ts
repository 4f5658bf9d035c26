import { BitcoinRpcError } from './bitcoin-chain.ts';
import { parseDescriptor, withChecksum } from './descriptor.ts';
import { isRecord, wrongType, type Methods, type Question } from './question.ts';
import { walletOf } from './wallet-of.ts';
import { createWallet, type Wallet } from './wallet.ts';

/** What makes wallets and tells them what to watch. */
export const WALLET_METHODS: Methods = {
  createwallet: {
    names: [
      'wallet_name',
      'disable_private_keys',
      'blank',
      'passphrase',
      'avoid_reuse',
      'descriptors',
      'load_on_startup',
      'external_signer',
    ],
    answer: makeWallet,
  },
  loadwallet: { names: ['filename', 'load_on_startup'], answer: loadWallet },
  unloadwallet: { names: ['wallet_name', 'load_on_startup'], answer: unloadWallet },
  listwallets: { names: [], answer: ({ core }) => [...core.loaded] },
  listwalletdir: {
    names: [],
    answer: ({ core }) => ({ wallets: [...core.wallets.keys()].map((name) => ({ name })) }),
  },
  importdescriptors: { names: ['requests'], answer: importDescriptors },
  listdescriptors: { names: ['private'], answer: listDescriptors },
  listlabels: { names: ['purpose'], answer: listLabels },
  abandontransaction: { names: ['txid'], answer: abandonTransaction },
  rescanblockchain: { names: ['start_height', 'stop_height'], answer: rescanBlockchain },
};

/** Blocks this much older than a descriptor are looked at all the same: clocks differ. */
const WINDOW_SECONDS = 7_200;

function makeWallet({ core, params }: Question): unknown {
  const name = params.text(0);
  if (core.wallets.has(name)) {
    const message = `Wallet file verification failed. Failed to create database path '${name}'. Database already exists.`;
    throw new BitcoinRpcError(-4, message);
  }
  if (!params.flagOr(1, false)) {
    throw new BitcoinRpcError(-4, 'A wallet of this local chain holds no private keys.');
  }
  if (!params.flagOr(5, true)) {
    throw new BitcoinRpcError(-4, 'A wallet of this local chain is one of descriptors.');
  }
  core.wallets.set(name, createWallet(name));
  core.loaded.add(name);
  return { name };
}

function loadWallet(question: Question): unknown {
  const { core, params } = question;
  const name = params.text(0);
  if (core.loaded.has(name)) throw new BitcoinRpcError(-35, `Wallet "${name}" is already loaded.`);
  const wallet = core.wallets.get(name);
  if (wallet === undefined) {
    const message = `Wallet file verification failed. Failed to load database path '${name}'. Path does not exist.`;
    throw new BitcoinRpcError(-18, message);
  }
  core.loaded.add(name);
  const timestamps = wallet.scripts().map(({ timestamp }) => timestamp);
  if (timestamps.length > 0) rescan(wallet, question, Math.min(...timestamps));
  return { name };
}

function unloadWallet({ core, params, wallet }: Question): unknown {
  const name = params.textOr(0, wallet ?? '');
  if (!core.loaded.delete(name)) {
    throw new BitcoinRpcError(-18, 'Requested wallet does not exist or is not loaded');
  }
  return {};
}

function importDescriptors(question: Question): unknown {
  const { core, params } = question;
  const wallet = walletOf(question);
  const { medianTime, block } = core.state.tip();
  let since = block.time;
  const answers = params.list(0).map((request) => {
    try {
      const script = readRequest(request, medianTime);
      wallet.watch(script);
      since = Math.min(since, script.timestamp);
      return { success: true };
    } catch (error) {
      if (!(error instanceof BitcoinRpcError)) throw error;
      return { success: false, error: { code: error.code, message: error.message } };
    }
  });
  if (answers.some(({ success }) => success)) rescan(wallet, question, since);
  return answers;
}

function readRequest(request: unknown, now: number): Parameters<Wallet['watch']>[0] {
  if (!isRecord(request)) throw wrongType(request, 'object');
  const { desc, timestamp, label } = request;
  if (typeof desc !== 'string') throw new BitcoinRpcError(-8, 'Descriptor not found.');
  if (timestamp !== 'now' && typeof timestamp !== 'number') {
    const problem = 'Missing required timestamp field for key';
    throw new BitcoinRpcError(-3, problem);
  }
  if (request['active'] === true) {
    throw new BitcoinRpcError(-8, 'Active descriptors must be ranged');
  }
  const descriptor = parseDescriptor(desc, 'needed');
  return {
    descriptor,
    label: typeof label === 'string' ? label : '',
    timestamp: Math.max(1, timestamp === 'now' ? now : timestamp),
  };
}

/** Looks at all blocks of the node's chain since then, and at what waits. */
function rescan(wallet: Wallet, { core, world }: Question, since: number): void {
  const { state, pool } = core;
  for (let height = 0; height <= state.tip().height; height += 1) {
    const block = state.blockAt(height)?.block;
    if (block === undefined || block.time < since - WINDOW_SECONDS) continue;
    for (const transaction of block.transactions) wallet.notice(transaction, block.time);
  }
  for (const { transaction } of pool.entries()) wallet.notice(transaction, world.nowSeconds());
}

function listDescriptors(question: Question): unknown {
  const wallet = walletOf(question);
  const descriptors = wallet.scripts().map(({ descriptor, timestamp }) => ({
    desc: withChecksum(descriptor.text),
    timestamp,
    active: false,
  }));
  descriptors.sort((a, b) => (a.desc < b.desc ? -1 : 1));
  return { wallet_name: wallet.name, descriptors };
}

function listLabels(question: Question): readonly string[] {
  const labels = walletOf(question).scripts();
  return [...new Set(labels.map(({ label }) => label))].toSorted();
}

function abandonTransaction(question: Question): null {
  const wallet = walletOf(question);
  const txid = question.params.hash(0, 'txid');
  if (wallet.find(txid) === undefined) {
    throw new BitcoinRpcError(-5, 'Invalid or non-wallet transaction id');
  }
  const { state, pool } = question.core;
  if (state.blockWith(txid) !== undefined || pool.entry(txid) !== undefined) {
    throw new BitcoinRpcError(-5, 'Transaction not eligible for abandonment');
  }
  wallet.abandon(txid);
  return null;
}

function rescanBlockchain(question: Question): unknown {
  const { core, params } = question;
  const start = params.integerOr(0, 0);
  const since = core.state.blockAt(start)?.block.time ?? 0;
  rescan(walletOf(question), question, since);
  return { start_height: start, stop_height: core.state.tip().height };
}

import { ChainMismatch } from '../network.ts';
import { RpcErrorAnswer, RpcFailure, type RpcEndpoint } from '../nodes/json-rpc.ts';
import { createActivityCache, type ActivityCache } from './block-activity.ts';
import { parseOutpoint, type Outpoint } from './coin.ts';
import {
  readCount,
  readHash,
  readInteger,
  readRecord,
  readScript,
  readUnits,
} from './read-answer.ts';

/** A block by its header. */
export interface Header {
  readonly hash: string;
  readonly height: number;
  /** Unix time in seconds. */
  readonly time: number;
  /** Null of the first block. */
  readonly parentHash: string | null;
  /** 1 for the newest block; below 1: the block is not on the node's chain. */
  readonly confirmations: number;
}

/** An output that no block has spent. */
export interface UnspentOutput {
  readonly units: bigint;
  readonly script: string;
  /** 0: the output itself is in no block. */
  readonly confirmations: number;
  readonly isCoinbase: boolean;
}

/** What a mempool says of a transaction in it. */
export interface MempoolEntry {
  readonly feeUnits: bigint;
  /** With those that spend its outputs. */
  readonly packageFeeUnits: bigint;
}

/** What a node asks of transactions, in satoshis per 1,000 virtual bytes. */
export interface RelayRules {
  readonly leastSatPerKvb: bigint;
  /** What a replacement pays beyond what it replaces. */
  readonly incrementSatPerKvb: bigint;
}

/** A node's transport. */
export interface BitcoinEndpoint extends RpcEndpoint {
  /** The same node, for questions that it answers only after minutes or hours. Default: this one. */
  readonly patient?: RpcEndpoint | undefined;
}

/** One node of one chain, each question in a type. Every answer is read strictly. */
export interface BitcoinNode {
  readonly label: string;
  /** For the wallet, which is reached at a path of its own. */
  readonly endpoint: RpcEndpoint;
  /** The same for what takes minutes or hours. */
  readonly patient: RpcEndpoint;
  /** Throws {@link ChainMismatch} where the node is of another chain. */
  checkChain(): Promise<void>;
  /** The newest block. Throws while the node is still loading the chain. */
  tip(): Promise<Header>;
  /** Null where the node knows no such block. */
  header(hash: string): Promise<Header | null>;
  /** Null where the chain is shorter. */
  hashAt(height: number): Promise<string | null>;
  /** What of a block concerns the script. A block is read once. */
  readonly activities: ActivityCache;
  /**
   * Of these outputs the first that no block leaves unspent; null: none. While the newest block stays the
   * same, what was unspent is not asked for again.
   */
  firstSpent(outpoints: readonly string[], tip: Header): Promise<string | null>;
  /** Null where a block has spent it, or where it never was; `pool`: or a transaction in the mempool. */
  unspent(outpoint: Outpoint, seen: 'blocks' | 'pool'): Promise<UnspentOutput | null>;
  /** Null where the mempool does not hold it. */
  mempoolEntry(txid: string): Promise<MempoolEntry | null>;
  relayRules(): Promise<RelayRules>;
  /** What is expected to be mined within so many blocks; null where the node does not know yet. */
  estimate(blocks: number): Promise<bigint | null>;
  /** Gives the id that the node says it accepted. */
  send(rawHex: string): Promise<string>;
}

/** What bitcoind says of what it does not know: no such block, transaction or entry. */
const NOT_FOUND = -5;
/** A height beyond the newest block. */
const OUT_OF_RANGE = -8;

/** A node that has shown its chain once is trusted to stay on that chain. */
export function createBitcoinNode(endpoint: BitcoinEndpoint, genesis: string | null): BitcoinNode {
  const { label } = endpoint;
  let checked = genesis === null;
  const checkChain = async (): Promise<void> => {
    if (checked) return;
    const found = readHash(await endpoint.request('getblockhash', [0]), 'hash of the first block');
    if (found !== genesis) {
      throw new ChainMismatch(`${label} is of the chain that begins with ${found}`);
    }
    checked = true;
  };
  const ask: Ask = async (method, params) => {
    await checkChain();
    return await endpoint.request(method, params);
  };
  const activities = createActivityCache(async (hash) => await ask('getblock', [hash, 3]));
  return {
    label,
    endpoint,
    patient: endpoint.patient ?? endpoint,
    checkChain,
    tip: async () => await readTip(ask, label),
    header: async (hash) => await orNull(NOT_FOUND, async () => await readHeader(ask, hash)),
    hashAt: async (height) =>
      await orNull(OUT_OF_RANGE, async () =>
        readHash(await ask('getblockhash', [height]), 'block hash'),
      ),
    activities,
    firstSpent: createFirstSpent(ask),
    unspent: async (outpoint, seen) => await readUnspent(ask, outpoint, seen),
    mempoolEntry: async (txid) =>
      await orNull(NOT_FOUND, async () => await readMempoolEntry(ask, txid)),
    relayRules: async () => await readRelayRules(ask),
    estimate: async (blocks) => await readEstimate(ask, blocks),
    send: async (rawHex) => readHash(await ask('sendrawtransaction', [rawHex]), 'transaction id'),
  };
}

type Ask = RpcEndpoint['request'];

async function orNull<T>(code: number, question: () => Promise<T>): Promise<T | null> {
  try {
    return await question();
  } catch (error) {
    if (error instanceof RpcErrorAnswer && error.code === code) return null;
    throw error;
  }
}

async function readTip(ask: Ask, label: string): Promise<Header> {
  const info = readRecord(await ask('getblockchaininfo', []), 'chain info');
  if (info['initialblockdownload'] !== false) {
    throw new RpcFailure(`${label} is still loading the chain`);
  }
  const header = await readHeader(ask, readHash(info['bestblockhash'], 'newest block'));
  // A reorganisation between the two questions: the answer is of a block that is the newest no more.
  if (header.confirmations < 1) throw new RpcFailure(`${label}: the newest block has changed`);
  return header;
}

async function readHeader(ask: Ask, hash: string): Promise<Header> {
  const header = readRecord(await ask('getblockheader', [hash, true]), 'block header');
  if (readHash(header['hash'], 'block hash') !== hash) {
    throw new RpcFailure('the node gave another block');
  }
  const parent = header['previousblockhash'] ?? null;
  return {
    hash,
    height: readCount(header['height'], 'block height'),
    time: readCount(header['time'], 'block time'),
    parentHash: parent === null ? null : readHash(parent, 'parent block'),
    confirmations: readInteger(header['confirmations'], 'confirmations'),
  };
}

async function readUnspent(
  ask: Ask,
  { txid, vout }: Outpoint,
  seen: 'blocks' | 'pool',
): Promise<UnspentOutput | null> {
  const answer = await ask('gettxout', [txid, vout, seen === 'pool']);
  if (answer === null) return null;
  const output = readRecord(answer, 'output');
  return {
    units: readUnits(output['value'], 'output value'),
    script: readScript(output, 'output script'),
    confirmations: readCount(output['confirmations'], 'output confirmations'),
    isCoinbase: output['coinbase'] !== false,
  };
}

function createFirstSpent(ask: Ask): BitcoinNode['firstSpent'] {
  let tipHash = '';
  let unspent = new Set<string>();
  return async (outpoints, tip) => {
    if (tip.hash !== tipHash) {
      tipHash = tip.hash;
      unspent = new Set();
    }
    // A later block may come meanwhile: what was seen before it is kept apart.
    const seen = unspent;
    for (const outpoint of outpoints) {
      if (seen.has(outpoint)) continue;
      if ((await readUnspent(ask, parseOutpoint(outpoint), 'blocks')) === null) return outpoint;
      seen.add(outpoint);
    }
    return null;
  };
}

async function readMempoolEntry(ask: Ask, txid: string): Promise<MempoolEntry> {
  const entry = readRecord(await ask('getmempoolentry', [txid]), 'mempool entry');
  const fees = readRecord(entry['fees'], 'mempool fees');
  return {
    feeUnits: readUnits(fees['base'], 'fee'),
    packageFeeUnits: readUnits(fees['descendant'], 'fee of a package'),
  };
}

async function readRelayRules(ask: Ask): Promise<RelayRules> {
  const info = readRecord(await ask('getmempoolinfo', []), 'mempool info');
  const pool = readUnits(info['mempoolminfee'], 'least fee of the mempool');
  const relay = readUnits(info['minrelaytxfee'], 'least fee to relay');
  return {
    leastSatPerKvb: pool > relay ? pool : relay,
    incrementSatPerKvb: readUnits(info['incrementalrelayfee'], 'increment of fees'),
  };
}

async function readEstimate(ask: Ask, blocks: number): Promise<bigint | null> {
  const answer = await ask('estimatesmartfee', [blocks, 'economical']);
  const estimate = readRecord(answer, 'fee estimate');
  if (estimate['feerate'] === undefined) return null;
  return readUnits(estimate['feerate'], 'fee rate');
}

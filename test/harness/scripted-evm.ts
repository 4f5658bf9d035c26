import { parseTransaction } from 'viem';
import type { Asset } from '../../src/money/asset.ts';
import { addressTopic, TRANSFER_TOPIC } from '../../src/networks/evm/token.ts';
import { digestOf, hashOf, signedBytesOf, type Transfer } from '../../src/networks/evm/transfer.ts';
import type { AttemptToFollow, Sighting } from '../../src/networks/network.ts';
import { createEvmReader } from '../../src/networks/evm/reader.ts';
import { createMnemonicSigner } from '../../src/treasury/mnemonic-signer.ts';
import type { Script, ScriptedAnswer, ScriptedRpc } from './scripted-rpc.ts';

/**
 * One transfer of 0.02 USDT with nonce 7, and a scripted Ethereum node that tells the truth about
 * it: mined in block 100, finalized up to 110. Tests replace single answers by lies.
 */
export const SENDER = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
export const RECIPIENT = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
export const TOKEN = '0xdac17f958d2ee523a2206206994597c13d831ec7';
export const NONCE = 7n;
export const UNITS = 20_000n;
export const asset: Asset = {
  network: 'ETHEREUM_MAINNET',
  token: 'USDT',
  contract: '0xdAC17F958D2ee523a2206206994597C13D831ec7',
  decimals: 6,
  minimumUnits: 10_000n,
  payoutsEnabled: true,
};
const signer = createMnemonicSigner({
  mnemonic: 'test test test test test test test test test test test junk',
}).for('ETHEREUM_MAINNET');
/** Somebody else, who has nothing to do with the transfer. */
export const strangerSigner = createMnemonicSigner({
  mnemonic: 'legal winner thank year wave sausage worth useful legal winner thank yellow',
}).for('ETHEREUM_MAINNET');

async function sign(changes: Partial<Transfer> = {}, by = signer): Promise<Uint8Array> {
  const transfer: Transfer = {
    chainId: 1,
    nonce: NONCE,
    token: TOKEN,
    to: RECIPIENT,
    units: UNITS,
    gasLimit: 76_250n,
    maxFeeWei: 20n,
    tipWei: 2n,
    ...changes,
  };
  return signedBytesOf(transfer, await by.sign(digestOf(transfer)));
}

export async function attemptOf(changes: Partial<AttemptToFollow> = {}): Promise<AttemptToFollow> {
  const rawTransaction = await sign();
  return {
    fence: `${SENDER}:${NONCE}`,
    sender: '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
    sequence: NONCE,
    transactionHash: hashOf(rawTransaction),
    rawTransaction,
    orders: [{ payoutId: 'p1', asset, units: UNITS, toAddress: RECIPIENT }],
    ...changes,
  };
}

/** The hash of a made-up block: its number on one of two branches. */
export function blockHash(number: number, branch = 'a'): string {
  return `0x${branch.repeat(56)}${number.toString(16).padStart(8, '0')}`;
}

export const hex = (value: number): string => `0x${value.toString(16)}`;
export const result = (value: unknown) => (): ScriptedAnswer => ({ result: value });

export interface World {
  /** Where our transaction is: its block, or null. */
  includedAt: number | null;
  finalized: number;
  /** Our sender's count passes the nonce in this block. */
  consumedAt: number | null;
  /** Whole transactions of block `consumedAt`. */
  transactions: readonly Record<string, unknown>[];
}

/** An honest node that knows block 100 with our transfer in it, finalized at 110. */
export function honest(hash: string, changes: Partial<World> = {}): Script {
  const world: World = {
    includedAt: 100,
    finalized: 110,
    consumedAt: 100,
    transactions: [],
    ...changes,
  };
  const numberOf = (tag: unknown): number =>
    tag === 'finalized' ? world.finalized : tag === 'latest' ? 200 : Number(tag);
  return {
    eth_chainId: result('0x1'),
    eth_getTransactionReceipt: result(world.includedAt === null ? null : receipt(hash)),
    eth_getTransactionByHash: result(
      world.includedAt === null ? null : known(hash, world.includedAt),
    ),
    eth_getBlockByNumber: ([tag, whole]) => {
      const number = numberOf(tag);
      const hashes = number === world.includedAt ? [hash] : [];
      const own = number === world.consumedAt ? world.transactions : [];
      return {
        result: {
          number: hex(number),
          hash: blockHash(number),
          transactions: whole === true ? own : hashes,
        },
      };
    },
    eth_getTransactionCount: ([, tag]) => {
      const consumed = world.consumedAt !== null && numberOf(tag) >= world.consumedAt;
      return { result: hex(Number(NONCE) + (consumed ? 1 : 0)) };
    },
    eth_getLogs: result([]),
    eth_call: () => ({ error: { code: 3, message: 'execution reverted', data: '0x' } }),
  };
}

export function known(hash: string, number: number | null): Record<string, unknown> {
  return {
    hash,
    from: SENDER,
    nonce: hex(Number(NONCE)),
    blockNumber: number === null ? null : hex(number),
    blockHash: number === null ? null : blockHash(number),
  };
}

export function transferLog(
  hash: string,
  changes: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    address: asset.contract,
    topics: [TRANSFER_TOPIC, addressTopic(SENDER), addressTopic(RECIPIENT)],
    data: `0x${UNITS.toString(16).padStart(64, '0')}`,
    logIndex: '0x5',
    transactionHash: hash,
    blockHash: blockHash(100),
    removed: false,
    ...changes,
  };
}

export function receipt(
  hash: string,
  changes: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    transactionHash: hash,
    blockNumber: hex(100),
    blockHash: blockHash(100),
    from: SENDER,
    to: asset.contract,
    status: '0x1',
    gasUsed: '0xc350',
    effectiveGasPrice: '0xa',
    logs: [transferLog(hash)],
    ...changes,
  };
}

/** A transaction of our sender with our nonce, but another one, as a block shows it. */
export async function replacement(
  changes: Partial<Transfer> = {},
  by = signer,
): Promise<Record<string, unknown>> {
  const raw = await sign({ units: 1n, ...changes }, by);
  const text = Buffer.from(raw).toString('hex');
  const it = parseTransaction(`0x${text}` as `0x02${string}`);
  return {
    hash: hashOf(raw),
    from: SENDER,
    type: '0x2',
    chainId: hex(it.chainId),
    nonce: hex(it.nonce ?? 0),
    gas: hex(Number(it.gas)),
    maxFeePerGas: hex(Number(it.maxFeePerGas)),
    maxPriorityFeePerGas: hex(Number(it.maxPriorityFeePerGas)),
    to: it.to,
    value: '0x0',
    input: it.data,
    accessList: [],
    r: it.r,
    s: it.s,
    yParity: hex(it.yParity ?? 0),
    v: hex(it.yParity ?? 0),
  };
}

/** The attempt that all scripts speak of, and its hash. */
export const attempt = await attemptOf();
export const hash = attempt.transactionHash;

/** What a reader over these nodes says of an attempt. */
export async function statusOn(
  nodes: readonly ScriptedRpc[],
  options: { attempt?: AttemptToFollow; timeoutMs?: number } = {},
): Promise<Sighting> {
  return await createEvmReader({
    network: 'ETHEREUM_MAINNET',
    chainId: 1,
    rpcUrls: nodes.map((node) => node.url),
    timeoutMs: options.timeoutMs ?? 10_000,
  }).status(options.attempt ?? attempt);
}

import { TronWeb, utils } from 'tronweb';
import type { TronNode } from '../node.ts';
import { createTronChain, type TronChain, type TronChainOptions } from '../tron-chain.ts';

/** A chain for one test, with a clock that the test moves. */
export interface World {
  readonly chain: TronChain;
  readonly node: TronNode;
  readonly usdt: string;
  readonly usdc: string;
  /** Lets a slot pass before each block. */
  produce(count?: number): Promise<void>;
  passMs(ms: number): void;
}

export const ALICE = walletOf('11'.repeat(32));
export const BOB = walletOf('22'.repeat(32));
export const CAROL = walletOf('33'.repeat(32));

export interface Wallet {
  readonly secretKey: string;
  readonly address: string;
}

export const TRX = 1_000_000n;
const BEGAN_MS = 1_700_000_001_000;

/** Alice has 1,000 TRX, 100 USDT and 100 USDC; nobody else has anything. One block is made. */
export async function createWorld(options: Partial<TronChainOptions> = {}): Promise<World> {
  let nowMs = BEGAN_MS;
  const holders = [{ address: ALICE.address, units: 100_000_000n }];
  const chain = await createTronChain({
    now: () => nowMs,
    accounts: [{ address: ALICE.address, sun: 1_000n * TRX }],
    tokens: [
      { symbol: 'USDT', holders },
      { symbol: 'USDC', holders },
    ],
    ...options,
  });
  const produce = async (count = 1): Promise<void> => {
    for (let made = 0; made < count; made += 1) {
      nowMs += options.blockTimeMs ?? 3_000;
      await chain.produceBlock();
    }
  };
  await produce();
  return {
    chain,
    node: chain.openNode('main'),
    usdt: chain.truth.tokenAddress('USDT'),
    usdc: chain.truth.tokenAddress('USDC'),
    produce,
    passMs: (ms) => {
      nowMs += ms;
    },
  };
}

export interface TransferOptions {
  readonly from?: Wallet;
  readonly to?: string;
  readonly units?: bigint;
  readonly feeLimit?: number;
  /** From the head's time. */
  readonly livesMs?: number;
  readonly timestamp?: number;
  readonly memo?: string;
  /** The block to refer to; the head by default. */
  readonly reference?: { readonly blockId: string; readonly timestampMs: number };
}

/** A token transfer built and signed by tronweb without a node: the chain's own code has no part in it. */
export async function tokenTransfer(
  world: World,
  token: string,
  options: TransferOptions = {},
): Promise<SignedJson> {
  const from = options.from ?? ALICE;
  const client = offlineClient(from);
  const built = await client.transactionBuilder.triggerSmartContract(
    token,
    'transfer(address,uint256)',
    {
      txLocal: true,
      feeLimit: options.feeLimit ?? 20_000_000,
      blockHeader: blockHeader(world, options),
    },
    [
      { type: 'address', value: options.to ?? BOB.address },
      { type: 'uint256', value: String(options.units ?? 1_000_000n) },
    ],
    from.address,
  );
  const { transaction } = built;
  const noted =
    options.memo === undefined
      ? transaction
      : await client.transactionBuilder.addUpdateData(transaction, options.memo, 'utf8', {
          txLocal: true,
        });
  return (await client.trx.sign(noted)) as unknown as SignedJson;
}

/** A transfer of TRX, likewise. */
export async function sunTransfer(
  world: World,
  sun: bigint,
  options: TransferOptions = {},
): Promise<SignedJson> {
  const from = options.from ?? ALICE;
  const client = offlineClient(from);
  const transaction = await client.transactionBuilder.sendTrx(
    options.to ?? BOB.address,
    Number(sun),
    from.address,
    { blockHeader: blockHeader(world, options) },
  );
  return (await client.trx.sign(transaction)) as unknown as SignedJson;
}

/** What tronweb posts to /wallet/broadcasttransaction. */
export interface SignedJson {
  readonly txID: string;
  readonly raw_data: Readonly<Record<string, unknown>> & {
    readonly contract: readonly Readonly<Record<string, unknown>>[];
  };
  readonly raw_data_hex: string;
  readonly signature: readonly string[];
}

/** The same with other raw data, its txID made and signed anew by tronweb. */
export function resigned(
  transaction: SignedJson,
  rawData: Readonly<Record<string, unknown>>,
  wallet: Wallet = ALICE,
): SignedJson {
  const changed = { ...transaction, raw_data: { ...transaction.raw_data, ...rawData } };
  const { txJsonToPb, txPbToTxID, txPbToRawDataHex } = utils.transaction;
  const pb: unknown = txJsonToPb(changed);
  const txID = txPbToTxID(pb).replace(/^0x/, '');
  const unsigned = { ...changed, txID, raw_data_hex: txPbToRawDataHex(pb), signature: [] };
  const signed = utils.crypto.signTransaction(wallet.secretKey, structuredClone(unsigned));
  return signed as unknown as SignedJson;
}

/** The bytes of the whole signed transaction, by tronweb's protobuf. */
export function wholeHex(transaction: SignedJson): string {
  const { txJsonToPb } = utils.transaction;
  const pb = txJsonToPb(transaction) as ProtobufTransaction;
  for (const signature of transaction.signature) pb.addSignature(Buffer.from(signature, 'hex'));
  return Buffer.from(pb.serializeBinary()).toString('hex');
}

export async function broadcast(
  node: TronNode,
  transaction: SignedJson,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await node.post('/wallet/broadcasttransaction', transaction);
  return answer as Readonly<Record<string, unknown>>;
}

export async function infoOf(
  node: TronNode,
  txid: string,
  view: 'wallet' | 'walletsolidity' = 'wallet',
): Promise<TransactionInfo> {
  const answer = await node.post(`/${view}/gettransactioninfobyid`, { value: txid });
  return answer as TransactionInfo;
}

/** What of a transaction's info the tests read. */
export interface TransactionInfo {
  readonly id?: string;
  readonly blockNumber?: number;
  readonly fee?: number;
  readonly result?: string;
  readonly resMessage?: string;
  readonly contractResult?: readonly string[];
  readonly log?: readonly { readonly address: string; readonly topics: readonly string[] }[];
  readonly receipt?: Readonly<Record<string, number | string>>;
}

interface ProtobufTransaction {
  addSignature(bytes: Uint8Array): void;
  serializeBinary(): Uint8Array;
}

function walletOf(secretKey: string): Wallet {
  const address = TronWeb.address.fromPrivateKey(secretKey);
  if (address === false) throw new Error('no address');
  return { secretKey, address };
}

/** It is never asked for anything: its port is one that nobody listens on. */
function offlineClient(wallet: Wallet): TronWeb {
  return new TronWeb({ fullHost: 'http://127.0.0.1:9', privateKey: wallet.secretKey });
}

function blockHeader(world: World, options: TransferOptions) {
  const head = world.chain.truth.head();
  const reference = options.reference ?? head;
  return {
    ref_block_bytes: reference.blockId.slice(12, 16),
    ref_block_hash: reference.blockId.slice(16, 32),
    expiration: head.timestampMs + (options.livesMs ?? 60_000),
    timestamp: options.timestamp ?? head.timestampMs,
  };
}

/** The token as tronweb makes it from the ABI that the node gives. */
export interface ReadToken {
  balanceOf(address: string): { call(): Promise<unknown> };
  symbol(): { call(): Promise<unknown> };
  decimals(): { call(): Promise<unknown> };
  transfer(to: string, units: number): { send(options: { feeLimit: number }): Promise<unknown> };
}

export async function readToken(client: TronWeb, address: string): Promise<ReadToken> {
  // tronweb types contracts by a literal ABI alone, which one that a node gives is not.
  const contracts = client.contract() as unknown as { at(address: string): Promise<ReadToken> };
  return await contracts.at(address);
}

import { secp256k1 } from '@noble/curves/secp256k1.js';
import { createTronChain, type TronChain } from '../../local-chains/tron/tron-chain.ts';
import { later, systemClock, type Clock } from '../../src/base/clock.ts';
import { silentLog, type Log } from '../../src/base/log.ts';
import type { Asset } from '../../src/money/asset.ts';
import type {
  AttemptToFollow,
  NetworkDriver,
  SignedAttempt,
  TransferOrder,
} from '../../src/networks/network.ts';
import type { Signer } from '../../src/networks/signer.ts';
import { createTronDriver, type TronDriverOptions } from '../../src/networks/tron/driver.ts';
import { addressOfPublicKey, base58Address } from '../../src/networks/tron/hex-address.ts';
import { tronEndpointOf, type LyingTronNode } from './tron-endpoint.ts';

/** The token's units for one whole token. */
export const UNIT = 1_000_000n;

/** Account number `index` of the tests: 1 is the treasury. */
export function tronKey(index: number): { readonly address: string; readonly signer: Signer } {
  const secretKey = new Uint8Array(32).fill(index);
  const publicKey = secp256k1.getPublicKey(secretKey, false);
  const options = { prehash: false, lowS: true, format: 'recovered' } as const;
  return {
    address: base58Address(addressOfPublicKey(publicKey)),
    signer: {
      curve: 'secp256k1',
      publicKey,
      sign: async (digest) => {
        const signed = secp256k1.sign(digest, secretKey, options);
        return await Promise.resolve(Uint8Array.of(...signed.subarray(1), signed[0] ?? 9));
      },
    },
  };
}

/** A local chain with a funded treasury, its driver over some of its nodes, and time that a test moves. */
export interface TronWorld {
  readonly chain: TronChain;
  readonly clock: Clock;
  readonly driver: NetworkDriver;
  readonly nodes: readonly LyingTronNode[];
  readonly usdt: Asset;
  readonly usdc: Asset;
  readonly treasury: string;
  /** What was logged as an alarm. */
  readonly alarms: string[];
  /** The treasury's own driver with other options, over the same nodes. */
  driverWith(options: Partial<TronDriverOptions>): NetworkDriver;
  /** Makes blocks, each a slot after the one before. */
  blocks(count: number): Promise<void>;
  /** Lets time pass without a block. */
  pass(ms: number): void;
  order(payoutId: string, order: Partial<TransferOrder>): TransferOrder;
  /** Inspects and signs for one order. */
  sign(order: TransferOrder, number: bigint): Promise<SignedAttempt>;
}

/** Blocks come every 3 s, and are solidified by 18 more. */
export const SOLID_BLOCKS = 18;
const BLOCK_MS = 3_000;

export async function openTronWorld(options: { readonly nodes?: number } = {}): Promise<TronWorld> {
  let now = new Date('2026-11-20T12:00:00Z');
  const clock: Clock = { ...systemClock, now: () => now };
  const { address: treasury, signer } = tronKey(1);
  const stranger = tronKey(2).address;
  const holders = [treasury, stranger].map((address) => ({ address, units: 1_000n * UNIT }));
  const chain = await createTronChain({
    now: () => now.getTime(),
    accounts: [treasury, stranger].map((address) => ({ address, sun: 10_000_000_000n })),
    tokens: [
      { symbol: 'USDT', holders },
      { symbol: 'USDC', holders },
    ],
  });
  const nodes = Array.from({ length: options.nodes ?? 1 }, (_, index) =>
    tronEndpointOf(chain.openNode(`node ${index + 1}`)),
  );
  const alarms: string[] = [];
  const [usdt, usdc] = (['USDT', 'USDC'] as const).map((token) => assetOf(chain, token));
  if (usdt === undefined || usdc === undefined) throw new Error('there are two tokens');
  const log = listeningLog(alarms);
  const common = { expectedGenesis: chain.truth.block(0)?.blockId ?? null, signer, clock, log };
  const driverWith = (changes: Partial<TronDriverOptions>): NetworkDriver =>
    createTronDriver({ ...common, endpoints: nodes, assets: [usdt, usdc], ...changes });
  const pass = (ms: number): void => {
    now = later(now, ms);
  };
  const blocks = async (count: number): Promise<void> => {
    for (let made = 0; made < count; made += 1) {
      pass(BLOCK_MS);
      await chain.produceBlock();
    }
  };
  const driver = driverWith({});
  await blocks(SOLID_BLOCKS + 3);
  return {
    chain,
    clock,
    driver,
    nodes,
    usdt,
    usdc,
    treasury,
    alarms,
    driverWith,
    blocks,
    pass,
    order: (payoutId, order) => ({
      payoutId,
      asset: usdt,
      units: 5n * UNIT,
      toAddress: tronKey(9).address,
      ...order,
    }),
    async sign(order, number) {
      const known = { unitsOnTheWay: 0n, taken: [] };
      const { plan, waiting, refused } = await driver.inspect([order], known);
      if (plan === null) throw new Error(JSON.stringify({ waiting, refused }));
      const lane = { sender: treasury, sequence: number };
      return await driver.sign({ orders: [order], number, plan, lane });
    },
  };
}

function assetOf(chain: TronChain, token: 'USDT' | 'USDC'): Asset {
  return {
    network: 'TRON_MAINNET',
    token,
    contract: chain.truth.tokenAddress(token),
    decimals: 6,
    minimumUnits: 10_000n,
    payoutsEnabled: true,
  };
}

function listeningLog(alarms: string[]): Log {
  const error = (fields: object, message: string): void => {
    if ('alarm' in fields) alarms.push(message);
  };
  return { ...silentLog, error };
}

/** The attempt as settlement asks about it later. */
export function followed(signed: SignedAttempt, order: TransferOrder): AttemptToFollow {
  const { fence, payer, authority, authorityHash, validUntil, sinceBlock } = signed;
  const transactionHashes = [signed.transaction.transactionHash];
  const what = { fence, payer, authority, authorityHash, validUntil, sinceBlock };
  return { ...what, validUntilBlock: null, orders: [order], transactionHashes };
}

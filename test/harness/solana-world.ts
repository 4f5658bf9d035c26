import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { base58 } from '@scure/base';
import type {
  SolanaChain,
  SolanaChainOptions,
  SolanaNode,
} from '../../local-chains/solana/chain-interface.ts';
import { createSolanaChain } from '../../local-chains/solana/solana-chain.ts';
import { present } from '../../src/base/assert.ts';
import type { Asset } from '../../src/money/asset.ts';
import type {
  AttemptToFollow,
  Inspection,
  NetworkDriver,
  SignedAttempt,
  TransferOrder,
} from '../../src/networks/network.ts';
import type { Signer } from '../../src/networks/signer.ts';
import { createSolanaDriver } from '../../src/networks/solana/driver.ts';
import { connectNodes, type SolanaPool } from '../../src/networks/solana/nodes.ts';
import { associatedTokenAddress } from '../../src/networks/solana/programs.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { solanaEndpoint, type SolanaEndpoint } from './solana-endpoint.ts';

/** A treasury on a local chain in this process, with a driver over its nodes. */
export interface SolanaWorld {
  readonly chain: SolanaChain;
  readonly clock: ManualClock;
  readonly nodes: readonly SolanaNode[];
  readonly endpoints: readonly SolanaEndpoint[];
  readonly driver: NetworkDriver;
  /** Other nodes of the same chain, asked as the driver asks its own. */
  readonly pool: SolanaPool;
  readonly treasury: string;
  readonly signer: Signer;
  readonly usdt: Asset;
  readonly usdc: Asset;
  /** Makes blocks, 400 ms apart; one unless said. */
  produce(blocks?: number): void;
  /** Until what is in the newest block is final. */
  finalize(): void;
  /** Until no blockhash that is known now can be used, and that is final. */
  expire(): void;
  tokenAccount(owner: string, asset?: Asset): string;
  order(fields?: Partial<TransferOrder>): TransferOrder;
  inspect(...orders: TransferOrder[]): Promise<Inspection>;
  /** Inspects and signs; fails where not all of them are payable. */
  sign(...orders: TransferOrder[]): Promise<SignedAttempt>;
  follow(signed: SignedAttempt, orders: readonly TransferOrder[]): AttemptToFollow;
}

export interface SolanaWorldOptions {
  readonly nodes?: number;
  readonly quorum?: number;
  readonly chain?: Partial<SolanaChainOptions>;
  /** Without token accounts of the treasury's. */
  readonly bare?: boolean;
}

const SOL = 1_000_000_000n;

export function createSolanaWorld(options: SolanaWorldOptions = {}): SolanaWorld {
  const clock = createManualClock();
  const chain = createSolanaChain({
    now: () => clock.now().getTime(),
    skipEvery: 7,
    ...options.chain,
  });
  const count = options.nodes ?? 1;
  const nodes = Array.from({ length: count }, (_, index) =>
    chain.openNode(`node ${index + 1} of ${count}`),
  );
  const endpoints = nodes.map((node) => solanaEndpoint(node));
  const [usdt, usdc] = (['USDT', 'USDC'] as const).map((token): Asset => {
    const { address, decimals } = chain.tokens[token];
    const fields = { minimumUnits: 10_000n, payoutsEnabled: true };
    return { network: 'SOL_MAINNET', token, contract: address, decimals, ...fields };
  }) as [Asset, Asset];
  const signer = keySigner('treasury');
  const treasury = base58.encode(signer.publicKey);
  const connection = {
    expectedGenesis: chain.genesisHash,
    endpoints,
    clock,
    ...(options.quorum === undefined ? {} : { quorum: options.quorum }),
  };
  const driver = createSolanaDriver({
    ...connection,
    network: 'SOL_MAINNET',
    signer,
    assets: [usdt, usdc],
  });
  const produce = (blocks = 1): void => {
    for (let made = 0; made < blocks; made += 1) {
      clock.advance(400);
      chain.produceBlock();
    }
  };
  const finalize = (): void => produce(40);
  chain.control.fund(treasury, 10n * SOL);
  if (options.bare !== true) {
    chain.control.mintTo(chain.tokens.USDT.address, treasury, 1_000_000_000n);
    chain.control.mintTo(chain.tokens.USDC.address, treasury, 1_000_000_000n);
  }
  finalize();
  let orders = 0;
  let numbers = 0n;
  const inspect: SolanaWorld['inspect'] = async (...asked) =>
    await driver.inspect(asked, { unitsOnTheWay: 0n, taken: [] });
  return {
    chain,
    clock,
    nodes,
    endpoints,
    driver,
    pool: connectNodes(connection),
    treasury,
    signer,
    usdt,
    usdc,
    produce,
    finalize,
    expire: () => produce(200),
    tokenAccount: (owner, asset = usdt) =>
      associatedTokenAddress(owner, present(asset.contract, 'a token has a mint')),
    order(fields = {}) {
      orders += 1;
      return {
        payoutId: payoutId(orders),
        asset: usdt,
        units: 1_000_000n + BigInt(orders),
        toAddress: wallet(`recipient ${orders}`),
        ...fields,
      };
    },
    inspect,
    async sign(...asked) {
      const inspection = await inspect(...asked);
      const plan = present(inspection.plan, JSON.stringify(inspection.waiting));
      if (inspection.payable.length !== asked.length) throw new Error('not all are payable');
      numbers += 1n;
      const lane = { sender: treasury, sequence: numbers };
      return await driver.sign({ orders: inspection.payable, number: numbers, plan, lane });
    },
    follow: (signed, followed) => ({
      ...signed,
      orders: followed,
      transactionHashes: [signed.transaction.transactionHash],
    }),
  };
}

/** In the shape of a UUID, as payouts have it. */
export function payoutId(number: number): string {
  return `01890a5d-ac96-774b-bcce-${number.toString().padStart(12, '0')}`;
}

/** A key that is made of a name. */
export function keySigner(name: string): Signer {
  const secret = sha256(utf8ToBytes(`test key: ${name}`));
  return {
    curve: 'ed25519',
    publicKey: ed25519.getPublicKey(secret),
    sign: async (payload) => await Promise.resolve(ed25519.sign(payload, secret)),
  };
}

/** The address of a wallet whose key is made of a name. */
export function wallet(name: string): string {
  return base58.encode(keySigner(name).publicKey);
}

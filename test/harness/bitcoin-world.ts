import { createBitcoinChain } from '../../local-chains/bitcoin/create-bitcoin-chain.ts';
import type { BitcoinChain, BitcoinNode } from '../../local-chains/bitcoin/bitcoin-chain.ts';
import type { Asset } from '../../src/money/asset.ts';
import type {
  AttemptToFollow,
  NetworkDriver,
  SignedAttempt,
  TransferOrder,
} from '../../src/networks/network.ts';
import {
  createBitcoinDriver,
  type BitcoinDriverOptions,
} from '../../src/networks/bitcoin/driver.ts';
import type { BitcoinEndpoint } from '../../src/networks/bitcoin/node.ts';
import { readExactJson } from '../../src/networks/bitcoin/read-answer.ts';
import { addressOfScript, scriptOfAddress } from '../../src/networks/bitcoin/script.ts';
import { createRpcEndpoint } from '../../src/networks/nodes/json-rpc.ts';
import { taprootSigner } from './bitcoin-keys.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { seededBytes } from './seeded-bytes.ts';

export const BTC: Asset = {
  network: 'BITCOIN_MAINNET',
  token: 'BTC',
  contract: null,
  decimals: 8,
  minimumUnits: 1_000n,
  payoutsEnabled: true,
};

/** A node of a chain in this process, as the driver asks any node: by text. */
export function endpointOf(node: BitcoinNode, label = node.name): BitcoinEndpoint {
  return createRpcEndpoint({
    label,
    readJson: readExactJson,
    connection: {
      async post(body, path = '') {
        const exchange = await Promise.resolve(node.exchange(`/${path}`, body));
        return exchange.kind === 'silence'
          ? { kind: 'silent', reason: 'no answer' }
          : { kind: 'answered', status: exchange.status, text: exchange.body };
      },
    },
  });
}

export interface BitcoinWorld {
  readonly chain: BitcoinChain;
  readonly clock: ManualClock;
  readonly nodes: readonly BitcoinNode[];
  readonly driver: NetworkDriver;
  /** The treasury's output script. */
  readonly script: string;
  /** Another driver of the same treasury and nodes. */
  readonly another: (options?: Partial<BitcoinDriverOptions>) => NetworkDriver;
  /** Coins for the treasury, final. */
  readonly fund: (...units: readonly bigint[]) => void;
  /** Blocks, ten minutes apart. */
  readonly mine: (count?: number) => void;
  readonly order: (index: number, units: bigint, toAddress?: string) => TransferOrder;
  /** Inspects and signs; throws where not all is payable. */
  readonly sign: (
    orders: readonly TransferOrder[],
    known?: { taken?: readonly string[] },
  ) => Promise<SignedAttempt>;
}

/** A treasury on a chain of its own, asked through `nodes` nodes. */
export async function startBitcoinWorld(
  options: Partial<BitcoinDriverOptions> & { readonly nodeCount?: number } = {},
): Promise<BitcoinWorld> {
  const clock = createManualClock();
  const chain = createBitcoinChain({ now: () => clock.now().getTime() });
  const names = Array.from({ length: options.nodeCount ?? 1 }, (_, index) => `node ${index + 1}`);
  const nodes = names.map((name) => chain.openNode(name));
  const another: BitcoinWorld['another'] = (more = {}) =>
    createBitcoinDriver({
      expectedGenesis: null,
      endpoints: nodes.map((node) => endpointOf(node)),
      signer: taprootSigner('treasury'),
      assets: [BTC],
      random: seededBytes(1),
      clock,
      ...options,
      ...more,
    });
  const driver = another();
  const script = scriptOfAddress(driver.treasury);
  const mine = (count = 1): void => {
    for (let block = 0; block < count; block += 1) {
      clock.advance(600_000);
      chain.produceBlock();
    }
  };
  await driver.verifyAssets();
  let number = 0n;
  return {
    chain,
    clock,
    nodes,
    driver,
    script,
    another,
    mine,
    fund(...units) {
      for (const each of units) chain.fund(script, each);
      mine(6);
    },
    order: (index, units, toAddress = recipient(index)) => ({
      payoutId: `payout-${index}`,
      asset: BTC,
      units,
      toAddress,
    }),
    async sign(orders, { taken = [] } = {}) {
      const inspection = await driver.inspect(orders, { unitsOnTheWay: 0n, taken });
      if (inspection.plan === null || inspection.payable.length !== orders.length) {
        throw new Error(
          `not payable: ${JSON.stringify(inspection, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))}`,
        );
      }
      number += 1n;
      const lane = { sender: driver.treasury, sequence: number };
      return await driver.sign({ orders: inspection.payable, number, plan: inspection.plan, lane });
    },
  };
}

/** A P2WPKH address of nobody's, by a number. */
export function recipient(index: number): string {
  const address = addressOfScript(`0014${(index + 1).toString(16).padStart(40, '0')}`);
  if (address === null) throw new Error('the script has an address');
  return address;
}

/** The attempt as settlement would ask about it, with the versions given, newest first. */
export function toFollow(
  attempt: SignedAttempt,
  orders: readonly TransferOrder[],
  versions: readonly string[] = [attempt.transaction.transactionHash],
): AttemptToFollow {
  return { ...attempt, orders, transactionHashes: versions };
}

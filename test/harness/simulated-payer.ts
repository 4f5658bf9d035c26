import { getCreate2Address, keccak256, type Hex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { readArtifact } from '../../src/sandbox/deploy-tokens.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createSimulatedChain } from './simulated-chain/create-chain.ts';
import type {
  NodeFaults,
  SimulatedChain,
  SimulatedChainOptions,
  SimulatedNode,
} from './simulated-chain/simulated-chain.ts';
import { executeData, signBatch, testKey, type Batch } from './treasury-contract.ts';

/** A chain in memory with an installed treasury, and the short ways to pay from it. */
export interface SimulatedPayer {
  readonly chain: SimulatedChain;
  readonly node: SimulatedNode;
  readonly treasury: PrivateKeyAccount;
  /** A plain account with coins. */
  readonly lane: PrivateKeyAccount;
  readonly advance: (seconds: number) => void;
  /** A transfer of coins by the lane, at its next nonce but for the changes. */
  readonly coins: (changes?: Partial<LaneOrder>) => Promise<Hex>;
  /** Signed by the treasury and by the lane: the raw transaction. */
  readonly batch: (batchId: bigint, changes?: Partial<Batch & LaneOrder>) => Promise<Hex>;
  /** Sends to a node, by default the healthy one. */
  readonly send: (raw: Hex, node?: SimulatedNode) => Promise<Hex>;
  readonly another: (label: string, faults: Partial<NodeFaults>) => SimulatedNode;
}

export interface LaneOrder {
  readonly by: PrivateKeyAccount;
  readonly nonce: number;
  readonly to: Hex;
  readonly value: bigint;
  readonly data: Hex;
  readonly gas: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

export const RECIPIENT: Hex = `0x${'b0b'.padStart(40, '0')}`;
export const PROXY: Hex = '0x4e59b44847b379578588920ca78fbf26c0b4956c';
const GWEI = 10n ** 9n;

export async function createSimulatedPayer(
  options: Partial<SimulatedChainOptions> & { readonly seed?: string } = {},
): Promise<SimulatedPayer> {
  const [treasury, lane] = [testKey(0x11), testKey(0x22)];
  let now = 1_800_000_000;
  const chain = createSimulatedChain({
    chainId: 1,
    decimals: 6,
    treasury: treasury.address,
    clock: { now: () => new Date(now * 1_000) },
    random: createSeededRandom(options.seed ?? 'payer'),
    finalizedBehind: 4,
    ...options,
  });
  const node = chain.node('healthy');
  const order = async (changes: Partial<LaneOrder>): Promise<LaneOrder> => ({
    by: lane,
    nonce: Number(
      await node.request('eth_getTransactionCount', [(changes.by ?? lane).address, 'pending']),
    ),
    to: RECIPIENT,
    value: 0n,
    data: '0x',
    gas: 500_000n,
    maxFeePerGas: 20n * GWEI,
    maxPriorityFeePerGas: GWEI,
    ...changes,
  });
  const signed = async (changes: Partial<LaneOrder>): Promise<Hex> => {
    const { by, ...rest } = await order(changes);
    return await by.signTransaction({ type: 'eip1559', chainId: 1, ...rest });
  };
  const payer: SimulatedPayer = {
    chain,
    node,
    treasury,
    lane,
    advance: (seconds) => {
      now += seconds;
    },
    coins: async (changes = {}) => await signed({ value: 1n, ...changes }),
    batch: async (batchId, changes = {}) => {
      const {
        deadline = 2n ** 40n,
        gasPerItem = 60_000n,
        token = chain.tokens.USDT.address,
      } = changes;
      const { items = [{ to: RECIPIENT, units: 5n }] } = changes;
      const what = { batchId, deadline, gasPerItem, token, items };
      const place = { chainId: 1, treasury: treasury.address };
      const data = executeData(what, await signBatch(treasury, what, place));
      const { by = lane, ...rest } = changes;
      return await signed({ ...laneOnly(rest), by, to: treasury.address, data });
    },
    send: async (raw, at = node) => (await at.request('eth_sendRawTransaction', [raw])) as Hex,
    another: (label, faults) => chain.node(label, faults),
  };
  chain.fund(treasury.address, { wei: 10n ** 18n, USDT: 1_000_000n, USDC: 1_000_000n });
  chain.fund(lane.address, { wei: 10n ** 18n });
  chain.mine();
  await install(payer);
  return payer;
}

function laneOnly(changes: Partial<Batch & LaneOrder>): Partial<LaneOrder> {
  const { batchId: _i, deadline: _d, token: _t, gasPerItem: _g, items: _s, ...rest } = changes;
  return rest;
}

/** The code by the proxy, then the treasury's delegation to it. */
async function install(payer: SimulatedPayer): Promise<void> {
  const { chain, lane, treasury } = payer;
  const { bytecode } = await readArtifact('Treasury');
  const salt = `0x${'0'.repeat(64)}` as const;
  const init = `${bytecode as Hex}${'0'.repeat(64)}` as const;
  const data = `${salt}${init.slice(2)}` as const;
  await payer.send(await payer.coins({ to: PROXY, value: 0n, data, gas: 1_000_000n }));
  chain.mine();
  const address = getCreate2Address({ from: PROXY, salt, bytecodeHash: keccak256(init) });
  const authorization = await treasury.signAuthorization({ address, chainId: 1, nonce: 0 });
  const raw = await lane.signTransaction({
    type: 'eip7702',
    chainId: 1,
    nonce: 1,
    to: lane.address,
    gas: 100_000n,
    maxFeePerGas: 20n * GWEI,
    maxPriorityFeePerGas: GWEI,
    authorizationList: [authorization],
  });
  await payer.send(raw);
  chain.mine();
}

import { encodeFunctionData, getCreate2Address, keccak256, parseAbi, type Hex } from 'viem';
import type { PrivateKeyAccount } from 'viem/accounts';
import { expect } from 'vitest';
import type { Json } from '../../src/base/json.ts';
import { RpcErrorAnswer } from '../../src/networks/nodes/json-rpc.ts';
import { readArtifact } from '../../src/sandbox/deploy-tokens.ts';
import { createSeededRandom, type SeededRandom } from './seeded-random.ts';
import { startTestChain, type TestChain, type TestToken } from './chain.ts';
import { createSimulatedChain } from './simulated-chain/create-chain.ts';
import type { SimulatedChain, SimulatedNode } from './simulated-chain/simulated-chain.ts';
import { testKey } from './treasury-contract.ts';

/** A real chain and the chain in memory, led through the same blocks. Each block compares them. */
export interface TwinChains {
  readonly real: TestChain;
  readonly model: SimulatedChain;
  readonly node: SimulatedNode;
  readonly random: SeededRandom;
  readonly chainId: number;
  readonly treasury: PrivateKeyAccount;
  readonly lanes: readonly PrivateKeyAccount[];
  readonly implementation: Hex;
  readonly tokens: Readonly<Record<TestToken, Hex>>;
  /** Asks both and expects the same; gives the answer. An error counts by its kind. */
  readonly same: (method: string, ...params: Json[]) => Promise<unknown>;
  /** Sends the same bytes to both; expects both to take them, or to refuse them for the same reason. */
  readonly send: (raw: Hex) => Promise<Hex | null>;
  /** One block on both; compares what is in it. `act` does something as the tokens' owner. */
  readonly mine: (act?: OwnerAct) => Promise<void>;
  /** Unix time of the block that `mine` makes next. */
  readonly nextTime: () => bigint;
  /** For each transaction in the blocks so far: gas of the model over gas of the real chain. */
  readonly gas: GasSample[];
  /** How often each kind of refusal was the same on both. */
  readonly refusals: Record<string, number>;
  readonly stop: () => Promise<void>;
}

export interface OwnerAct {
  readonly onReal: () => Promise<void>;
  readonly onModel: () => void;
}

export interface GasSample {
  readonly label: string;
  readonly real: number;
  readonly model: number;
}

const GWEI = 10n ** 9n;
const PROXY: Hex = '0x4e59b44847b379578588920ca78fbf26c0b4956c';
const SALT: Hex = `0x${'0'.repeat(64)}`;
const MUCH_WEI = 10n ** 21n;

export async function startTwinChains(seed: string): Promise<TwinChains> {
  const real = await startTestChain({ network: 'ETHEREUM_MAINNET', finalizedBehind: 8 });
  const treasury = testKey(0x11);
  const lanes = [0x22, 0x33, 0x44].map(testKey);
  let time = await newestTime(real);
  const random = createSeededRandom(seed);
  const model = createSimulatedChain({
    chainId: real.chainId,
    decimals: 6,
    treasury: treasury.address,
    clock: { now: () => new Date(Number(time) * 1_000) },
    random: random.fork('model'),
  });
  const node = model.node('model');
  // The real chain has made a block for the tokens by now.
  model.mine();
  time += 3n;
  const gas: GasSample[] = [];
  const refusals: Record<string, number> = {};
  const mine = async (act: OwnerAct = ordinaryBlock(real)): Promise<void> => {
    time += BigInt(random.between(1, 12));
    await real.rpc('evm_setNextBlockTimestamp', Number(time));
    await real.rpc('anvil_setNextBlockBaseFeePerGas', hex(GWEI));
    await act.onReal();
    model.setBaseFee(GWEI);
    act.onModel();
    model.mine();
    await compareNewest({ real, node, gas });
  };
  const same = async (method: string, ...params: Json[]): Promise<unknown> => {
    const ours = await tried(async () => await node.request(method, params));
    const theirs = await tried(async () => await real.rpc(method, ...params));
    expect(ours, `${method} ${JSON.stringify(params).slice(0, 300)}`).toEqual(theirs);
    return ours;
  };
  const twins = {
    real,
    model,
    node,
    random,
    chainId: real.chainId,
    treasury,
    lanes,
    implementation: await implementationAddress(),
    tokens: { USDT: real.tokens.USDT.address as Hex, USDC: real.tokens.USDC.address as Hex },
    same,
    send: async (raw: Hex) => {
      const outcome = (await same('eth_sendRawTransaction', raw)) as Hex | { kind: string };
      if (typeof outcome === 'string') return outcome;
      refusals[outcome.kind] = (refusals[outcome.kind] ?? 0) + 1;
      return null;
    },
    mine,
    nextTime: () => time,
    gas,
    refusals,
    stop: async () => await real.stop(),
  };
  await fundAll(twins);
  await installTreasury(twins);
  // What is final has the tokens in it.
  for (let block = 0; block < 8; block += 1) await mine();
  return twins;
}

async function fundAll({ real, model, treasury, lanes, mine }: TwinChains): Promise<void> {
  for (const { address } of [treasury, ...lanes]) {
    const units = 1_000_000_000n;
    await mine({
      onReal: async () => await real.fund(address, { units, wei: MUCH_WEI }),
      onModel: () => model.fund(address, { USDT: units, USDC: units, wei: MUCH_WEI }),
    });
  }
}

async function installTreasury(twins: TwinChains): Promise<void> {
  const [lane] = twins.lanes;
  if (lane === undefined) throw new RangeError('there is a lane');
  const data: Hex = `${SALT}${(await initCode()).slice(2)}`;
  const fees = { maxFeePerGas: 10n * GWEI, maxPriorityFeePerGas: GWEI };
  const common = { chainId: twins.chainId, ...fees, gas: 3_000_000n };
  const deploy = { ...common, type: 'eip1559', nonce: 0, to: PROXY, data } as const;
  await twins.send(await lane.signTransaction(deploy));
  await twins.mine();
  const authorization = await twins.treasury.signAuthorization({
    address: twins.implementation,
    chainId: twins.chainId,
    nonce: 0,
  });
  const delegate = { ...common, nonce: 1, to: lane.address, authorizationList: [authorization] };
  await twins.send(await lane.signTransaction({ ...delegate, type: 'eip7702' }));
  await twins.mine();
}

async function initCode(): Promise<Hex> {
  const { bytecode } = await readArtifact('Treasury');
  return `${bytecode as Hex}${'0'.repeat(64)}`;
}

async function implementationAddress(): Promise<Hex> {
  const bytecodeHash = keccak256(await initCode());
  return getCreate2Address({ from: PROXY, salt: SALT, bytecodeHash }).toLowerCase() as Hex;
}

function ordinaryBlock(real: TestChain): OwnerAct {
  return { onReal: async () => await real.mine(), onModel: () => undefined };
}

async function newestTime(real: TestChain): Promise<bigint> {
  const block = (await real.rpc('eth_getBlockByNumber', 'latest', false)) as { timestamp: Hex };
  return BigInt(block.timestamp);
}

interface RawBlock {
  readonly number: Hex;
  readonly timestamp: Hex;
  readonly transactions: readonly RawTransaction[];
}

interface RawTransaction {
  readonly hash: Hex;
  readonly from: Hex;
  readonly to: Hex;
  readonly nonce: Hex;
  readonly input: Hex;
  readonly value: Hex;
}

/** The newest blocks: the same transactions in the same order, with the same outcomes. */
async function compareNewest(twins: Pick<TwinChains, 'real' | 'node' | 'gas'>): Promise<void> {
  const { real, node, gas } = twins;
  const [theirs, ours] = (await Promise.all([
    real.rpc('eth_getBlockByNumber', 'latest', true),
    node.request('eth_getBlockByNumber', ['latest', true]),
  ])) as [RawBlock, RawBlock];
  expect(ours.number).toBe(theirs.number);
  expect(ours.timestamp).toBe(theirs.timestamp);
  const signed = (block: RawBlock): RawTransaction[] =>
    block.transactions.filter(({ from, value }) => !isKeyless(from) || value === '0x0');
  // Coins come by a cheat code on the one and from a faucet on the other.
  const ourSigned = signed(ours).filter(({ input, from }) => input !== '0x' || !isKeyless(from));
  expect(ourSigned.map(essenceOf)).toEqual(signed(theirs).map(essenceOf));
  for (const [index, transaction] of signed(theirs).entries()) {
    const label = transaction.input.slice(0, 10);
    const mine = await receiptAt(
      async (hash) => await node.request('eth_getTransactionReceipt', [hash]),
      ourSigned[index],
    );
    const truth = await receiptAt(
      async (hash) => await real.rpc('eth_getTransactionReceipt', hash),
      transaction,
    );
    expect(outcomeOf(mine, isKeyless(transaction.from)), label).toEqual(
      outcomeOf(truth, isKeyless(transaction.from)),
    );
    gas.push({ label, real: Number(truth.gasUsed), model: Number(mine.gasUsed) });
  }
}

function isKeyless(from: string): boolean {
  return from.startsWith('0x00000000000000000000');
}

/** Impersonated transactions differ in how they are fed and hashed; all others are the same bytes. */
function essenceOf({ hash, from, to, nonce, input }: RawTransaction): unknown {
  return isKeyless(from) ? { from, to, nonce, input } : { hash, from, to, nonce, input };
}

interface RawReceipt {
  readonly status: Hex;
  readonly gasUsed: Hex;
  readonly effectiveGasPrice: Hex;
  readonly logs: readonly { address: Hex; topics: Hex[]; data: Hex; logIndex: Hex }[];
}

async function receiptAt(
  ask: (hash: Hex) => Promise<unknown>,
  transaction: RawTransaction | undefined,
): Promise<RawReceipt> {
  return (await ask(transaction?.hash ?? '0x')) as RawReceipt;
}

function outcomeOf({ status, logs, effectiveGasPrice }: RawReceipt, isOwners: boolean): unknown {
  const shown = logs.map(({ address, topics, data, logIndex }) => ({
    address,
    topics,
    data,
    ...(isOwners ? {} : { logIndex }),
  }));
  return { status, logs: shown, ...(isOwners ? {} : { effectiveGasPrice }) };
}

/** An answer, or the kind of its error: the words of the two differ, and what they mean does not. */
async function tried(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof RpcErrorAnswer)) throw error;
    return { kind: kindOf(error) };
  }
}

const KINDS: readonly (readonly [RegExp, string])[] = [
  [/already (known|imported)/i, 'already known'],
  [/nonce too low/i, 'nonce too low'],
  [/replacement transaction underpriced/i, 'replacement underpriced'],
  [/insufficient funds/i, 'insufficient funds'],
  [/intrinsic gas too low|floor data gas|gas floor/i, 'intrinsic gas too low'],
  [/gas limit too high|tx_gas_limit_cap/i, 'gas cap'],
  [/exceeds block gas limit|exceeds the block/i, 'block gas limit'],
  [/max priority fee per gas higher/i, 'tip above fee'],
  [/chain id/i, 'other chain'],
  [/invalid sender|signature|decode|rlp|type not supported|unsupported/i, 'not a transaction'],
  [/out ?of ?gas/i, 'out of gas'],
  [/invalid ?(fe)? ?opcode/i, 'invalid opcode'],
  [/header not found|out of ?range|missing trie node|not available/i, 'no such state'],
];

function kindOf(error: RpcErrorAnswer): string {
  if (error.code === 3) return `reverted ${String(error.data)}`;
  return KINDS.find(([pattern]) => pattern.test(error.nodeMessage))?.[1] ?? error.nodeMessage;
}

function hex(value: bigint): Hex {
  return `0x${value.toString(16)}`;
}

const viewAbi = parseAbi([
  'function name() view returns (string)',
  'function symbol() view returns (string)',
  'function decimals() view returns (uint8)',
  'function owner() view returns (address)',
  'function totalSupply() view returns (uint256)',
  'function paused() view returns (bool)',
  'function basisPointsRate() view returns (uint256)',
  'function maximumFee() view returns (uint256)',
  'function balanceOf(address owner) view returns (uint256)',
  'function isBlackListed(address account) view returns (bool)',
  'function isBlacklisted(address account) view returns (bool)',
  'function isBlocked(address account) view returns (bool)',
  'function getBlackListStatus(address account) view returns (bool)',
  'function transfer(address to, uint256 units)',
  'function isSpent(uint256 batchId) view returns (bool)',
  'function signer() view returns (address)',
]);

/** Calldata of the views that are compared, and of transfer. */
export function viewData(functionName: string, ...args: readonly unknown[]): Hex {
  return encodeFunctionData({ abi: viewAbi, functionName, args } as unknown as Parameters<
    typeof encodeFunctionData<typeof viewAbi>
  >[0]);
}

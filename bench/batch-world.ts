import { encodeFunctionData, keccak256, parseAbi, stringToHex, type Hex } from 'viem';
import { createBatchPayer, type BatchPayer } from '../test/harness/batch-payer.ts';
import { startTestChain, type TestChain, type TestToken } from '../test/harness/chain.ts';
import {
  deployContract,
  executeData,
  packItem,
  readReport,
  send,
  testKey,
  type BatchItem,
  type Transaction,
} from '../test/harness/treasury-contract.ts';

/** EIP-7825: no transaction above this. */
export const TRANSACTION_CAP = 16_777_216n;
/** Above what one transfer of either token uses, the first of a transaction to a fresh recipient too. */
export const GAS_PER_ITEM = 60_000n;

/** 0.25 of a token: an amount as payouts have it, three bytes long. */
const UNITS = 250_000n;

const abi = parseAbi([
  'function transfer(address to, uint256 value)',
  'function approve(address spender, uint256 value)',
  'function disperse(address token, address[] recipients, uint256[] values)',
  'function pay(bytes32[] items)',
  'function mint(uint256 units)',
  'function words(address token, bytes32[] items)',
]);

/** One chain with the treasury and everybody that it is measured against, all of them funded. */
export interface BatchWorld {
  readonly chain: TestChain;
  readonly payer: BatchPayer;
  readonly disperse: Hex;
  readonly bare: Hex;
  readonly shapes: Hex;
  /** New recipients that have nothing; no byte of them is zero, so that all calldata costs the same. */
  recipients(count: number): BatchItem[];
  /** Gives each recipient the smallest amount of the token, so that it exists. */
  seed(token: TestToken, items: readonly BatchItem[]): Promise<void>;
  /** Sends one transaction and gives the gas that it used; throws where it failed. */
  gasOf(transaction: Transaction & { readonly by?: Sender }): Promise<bigint>;
  stop(): Promise<void>;
}

type Sender = BatchPayer['key'];

/** A plain account with tokens: what a payout costs without any of this. */
export const plainPayer = testKey(0x44);

export async function startBatchWorld(): Promise<BatchWorld> {
  const chain = await startTestChain({ network: 'ETHEREUM_MAINNET' });
  try {
    return await prepare(chain);
  } catch (error) {
    await chain.stop();
    throw error;
  }
}

async function prepare(chain: TestChain): Promise<BatchWorld> {
  const payer = await createBatchPayer(chain);
  const { submitter } = payer;
  const [disperse, bare, shapes] = [
    await deployContract(chain, submitter, { name: 'Disperse' }),
    await deployContract(chain, submitter, { name: 'BareWrites' }),
    await deployContract(chain, submitter, { name: 'BatchShapes' }),
  ];
  await chain.fund(plainPayer.address);
  await chain.fund(shapes);
  let last = 0;
  const world: BatchWorld = {
    chain,
    payer,
    disperse,
    bare,
    shapes,
    recipients: (count) =>
      Array.from({ length: count }, () => {
        last += 1;
        const digits = keccak256(stringToHex(`recipient ${last}`)).slice(-40);
        return {
          to: `0x${digits.replaceAll(/00/g, '11').replaceAll(/0(?=.)/g, '1')}`,
          units: UNITS,
        };
      }),
    seed: async (token, items) => await seed(world, token, items),
    gasOf: async ({ by = submitter, ...transaction }) => {
      const { succeeded, gasUsed } = await send(chain, by, transaction);
      if (!succeeded) throw new Error('a measured transaction failed');
      return gasUsed;
    },
    stop: async () => await chain.stop(),
  };
  const mint = encodeFunctionData({ abi, functionName: 'mint', args: [10n ** 12n] });
  await world.gasOf({ to: bare, data: mint });
  for (const token of ['USDT', 'USDC'] as const) {
    const data = encodeFunctionData({
      abi,
      functionName: 'approve',
      args: [disperse, 2n ** 256n - 1n],
    });
    await world.gasOf({ by: plainPayer, to: addressOf(world, token), data });
    // The first batch of 256 pays for the word of its ids; the figures are of those that follow.
    await payOurs(world, token, world.recipients(1));
  }
  return world;
}

export function addressOf(world: BatchWorld, token: TestToken): Hex {
  return world.chain.tokens[token].address as Hex;
}

async function seed(
  world: BatchWorld,
  token: TestToken,
  items: readonly BatchItem[],
): Promise<void> {
  for (let at = 0; at < items.length; at += 250) {
    const part = items.slice(at, at + 250).map(({ to }) => ({ to, units: 1n }));
    await payUnguarded(world, token, part);
    await payBare(world, part);
  }
}

/** The gas of one plain transfer to each, in all. */
export async function payPlain(
  world: BatchWorld,
  token: TestToken,
  items: readonly BatchItem[],
): Promise<bigint> {
  let gas = 0n;
  for (const { to, units } of items) {
    const data = encodeFunctionData({ abi, functionName: 'transfer', args: [to, units] });
    gas += await world.gasOf({ by: plainPayer, to: addressOf(world, token), data });
  }
  return gas;
}

export async function payDisperse(
  world: BatchWorld,
  token: TestToken,
  items: readonly BatchItem[],
): Promise<bigint> {
  const args = [
    addressOf(world, token),
    items.map(({ to }) => to),
    items.map(({ units }) => units),
  ] as const;
  const data = encodeFunctionData({ abi, functionName: 'disperse', args });
  return await world.gasOf({ by: plainPayer, to: world.disperse, data });
}

export async function payBare(world: BatchWorld, items: readonly BatchItem[]): Promise<bigint> {
  const data = encodeFunctionData({ abi, functionName: 'pay', args: [items.map(packItem)] });
  return await world.gasOf({ to: world.bare, data });
}

export async function payUnguarded(
  world: BatchWorld,
  token: TestToken,
  items: readonly BatchItem[],
): Promise<bigint> {
  const args = [addressOf(world, token), items.map(packItem)] as const;
  const data = encodeFunctionData({ abi, functionName: 'words', args });
  return await world.gasOf({ to: world.shapes, data });
}

/** The gas of one batch by the treasury; throws unless every item was paid. */
export async function payOurs(
  world: BatchWorld,
  token: TestToken,
  items: readonly BatchItem[],
): Promise<bigint> {
  const { chain, payer } = world;
  const batch = payer.batchOf({
    token: addressOf(world, token),
    gasPerItem: GAS_PER_ITEM,
    items,
  });
  const data = executeData(batch, await payer.sign(batch));
  const receipt = await send(chain, payer.submitter, { to: payer.treasury, data });
  const report = readReport(receipt, payer.treasury);
  if (report?.failed !== 0n) throw new Error(`a batch of ${items.length} was not paid`);
  return receipt.gasUsed;
}

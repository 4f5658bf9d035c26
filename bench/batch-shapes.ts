import { concat, encodeFunctionData, parseAbi, toHex, type Hex } from 'viem';
import type { TestToken } from '../test/harness/chain.ts';
import { packItem, type BatchItem } from '../test/harness/treasury-contract.ts';
import { compare, type BenchResult } from './bench-result.ts';
import {
  addressOf,
  payOurs,
  payUnguarded,
  startBatchWorld,
  type BatchWorld,
} from './batch-world.ts';

const abi = parseAbi([
  'struct Item { address to; uint256 units; }',
  'function structs(address token, Item[] items)',
  'function tight(address token, bytes items)',
  'function eventEach(address token, bytes32[] items)',
  'function apart(address token, bytes32[] items)',
  'function mixed(address[] tokens, bytes32[] items)',
]);

const SIZE = 50;
const HALF = SIZE / 2;

/**
 * What each choice in the shape of a batch costs: gas per payout to 50 existing recipients. The first
 * five are loops without signature and spent id that differ in one thing each. The last is the whole
 * of two batches with a token each, against one batch that could hold both.
 */
export async function measureBatchShapes(tell: (progress: string) => void): Promise<BenchResult> {
  const world = await startBatchWorld();
  try {
    const ours = new Map<string, number>();
    const baselines = new Map<string, number>();
    for (const token of ['USDT', 'USDC'] as const) {
      const key = `existing/${token}/${SIZE}`;
      ours.set(key, await perPayout(world, token, (items) => payUnguarded(world, token, items)));
      for (const [shape, dataOf] of Object.entries(shapesOf(addressOf(world, token)))) {
        const pay = async (items: readonly BatchItem[]): Promise<bigint> =>
          await world.gasOf({ to: world.shapes, data: dataOf(items) });
        baselines.set(`${shape}/${key}`, await perPayout(world, token, pay));
      }
    }
    const [apart, together] = await twoTokens(world);
    ours.set(`existing/USDT+USDC/${SIZE}`, apart);
    baselines.set(`one-mixed-batch/existing/USDT+USDC/${SIZE}`, together);
    for (const [key, figure] of [...ours, ...baselines]) tell(`${key}: ${figure.toFixed(1)}`);
    return compare({ name: 'batch-shapes', unit: 'gas per payout', runs: 1 }, ours, baselines);
  } finally {
    await world.stop();
  }
}

type DataOf = (items: readonly BatchItem[]) => Hex;

function shapesOf(token: Hex): Record<string, DataOf> {
  const words =
    (functionName: 'eventEach' | 'apart'): DataOf =>
    (items) =>
      encodeFunctionData({ abi, functionName, args: [token, items.map(packItem)] });
  return {
    'event-each': words('eventEach'),
    'call-of-its-own': words('apart'),
    structs: (items) =>
      encodeFunctionData({ abi, functionName: 'structs', args: [token, [...items]] }),
    'tight-bytes': (items) => {
      const bytes = concat(items.map(({ to, units }) => concat([to, toHex(units, { size: 5 })])));
      return encodeFunctionData({ abi, functionName: 'tight', args: [token, bytes] });
    },
    'token-index': (items) =>
      mixedData(
        [token],
        items.map((item) => ({ ...item, token: 0 })),
      ),
  };
}

function mixedData(tokens: readonly Hex[], items: readonly (BatchItem & { token: number })[]): Hex {
  const words = items.map(({ to, units, token }) =>
    concat([to, toHex(token, { size: 1 }), toHex(units, { size: 11 })]),
  );
  return encodeFunctionData({ abi, functionName: 'mixed', args: [[...tokens], words] });
}

async function perPayout(
  world: BatchWorld,
  token: TestToken,
  pay: (items: readonly BatchItem[]) => Promise<bigint>,
): Promise<number> {
  const items = world.recipients(SIZE);
  await world.seed(token, items);
  return Number(await pay(items)) / SIZE;
}

/** Two batches of 25 as they are, and one mixed loop of 50 with what one batch adds to a loop. */
async function twoTokens(world: BatchWorld): Promise<[apart: number, together: number]> {
  const fresh = async (token: TestToken, count: number): Promise<BatchItem[]> => {
    const items = world.recipients(count);
    await world.seed(token, items);
    return items;
  };
  const apart =
    (await payOurs(world, 'USDT', await fresh('USDT', HALF))) +
    (await payOurs(world, 'USDC', await fresh('USDC', HALF)));
  const guard =
    (await payOurs(world, 'USDT', await fresh('USDT', SIZE))) -
    (await payUnguarded(world, 'USDT', await fresh('USDT', SIZE)));
  const items = [
    ...(await fresh('USDT', HALF)).map((item) => ({ ...item, token: 0 })),
    ...(await fresh('USDC', HALF)).map((item) => ({ ...item, token: 1 })),
  ];
  const tokens = [addressOf(world, 'USDT'), addressOf(world, 'USDC')];
  const loop = await world.gasOf({ to: world.shapes, data: mixedData(tokens, items) });
  return [Number(apart) / SIZE, Number(loop + guard) / SIZE];
}

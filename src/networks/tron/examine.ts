import type { Asset } from '../../money/asset.ts';
import {
  examineNodes,
  fine,
  messageOfNode,
  warning,
  wrong,
  type Ability,
  type Finding,
  type NetworkExaminer,
} from '../examination.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { mostBurned, showTrx } from './fees.ts';
import { FEW_TRANSFERS, FRESH_TRANSFER_ENERGY } from './find-upkeep.ts';
import { hexAddress, type HexAddress } from './hex-address.ts';
import type { TronNode } from './node.ts';
import { connectNodes, type TronConnection } from './nodes.ts';
import { contractOf, readUnits } from './token.ts';

const LAG_BLOCKS = 20n;
const OLDEST_NEWEST_MS = 5 * 60_000;

/** About two hours of blocks: a worker that was stopped for so long reads them all. */
const OLD_BLOCKS = 2_400n;

export function createTronExaminer(
  options: TronConnection & { readonly assets: readonly Asset[] },
): NetworkExaminer {
  const pool = connectNodes(options);
  return {
    lagBlocks: LAG_BLOCKS,
    oldestNewestMs: OLDEST_NEWEST_MS,
    examineNodes: async () =>
      await examineNodes(
        pool.all,
        async (node) => {
          const { number, timeMs } = await node.head('newest');
          return { number, time: new Date(Number(timeMs)) };
        },
        (node) => abilitiesOf(node, options.assets),
      ),
    examineTreasury: async ({ treasury }) => {
      try {
        const address = hexAddress(treasury);
        return await pool.onOne(async (node) => [await examineCoins(node, address, treasury)]);
      } catch (error) {
        return [wrong(messageOfNode(error), 'see what is said of the nodes')];
      }
    },
  };
}

function abilitiesOf(node: TronNode, assets: readonly Asset[]): Ability[] {
  const solidity = 'use a full node that serves /walletsolidity/ under the same URL';
  const solid = async (): Promise<bigint> => (await node.head('solid')).number;
  const asset = assets.find(({ payoutsEnabled }) => payoutsEnabled);
  const contract = asset && contractOf(asset);
  return [
    { of: 'the newest solidified block', without: 'fail', mend: solidity, tryOut: solid },
    {
      of: 'the transactions of a solidified block',
      without: 'fail',
      mend: `${solidity}, and keeps transaction infos (storage.transHistory.switch = on)`,
      tryOut: async () => await requireInfos(node, await solid()),
    },
    {
      of: 'blocks that are about two hours old',
      without: 'warn',
      mend: 'use a node with the history of the last hours, not one started from a light snapshot',
      tryOut: async () => {
        const newest = await solid();
        // A chain that began later has no older block than its first.
        const first = newest === 0n ? 0n : 1n;
        const old = newest > OLD_BLOCKS ? newest - OLD_BLOCKS : first;
        await requireInfos(node, old);
      },
    },
    ...(contract === undefined
      ? []
      : [
          {
            of: 'calls of contracts that change nothing, newest and solidified',
            without: 'fail',
            mend: 'switch them on at the node (vm.supportConstant = true)',
            tryOut: async () =>
              await Promise.all(
                (['newest', 'solid'] as const).map(
                  async (view) => await readUnits(node, { contract, owner: contract }, view),
                ),
              ),
          } as const,
        ]),
    {
      of: "the chain's parameters, of which fees are made",
      without: 'fail',
      mend: 'use a node that serves wallet/getchainparameters',
      tryOut: async () => await node.prices(),
    },
  ];
}

/** A node that keeps none answers with an empty list: the block's header tells whether that can be. */
async function requireInfos(node: TronNode, number: bigint): Promise<void> {
  const block = await node.blockAt(number);
  if (block === null) throw new RpcFailure(`${node.label} has no block ${number}`);
  const infos = await node.infosOf(number);
  if (infos.length > 0 || block.isEmpty) return;
  throw new RpcFailure(`${node.label} keeps no transaction infos of block ${number}`);
}

async function examineCoins(
  node: TronNode,
  treasury: HexAddress,
  address: string,
): Promise<Finding> {
  const [sun, own, prices] = await Promise.all([
    node.balance(treasury),
    node.resources(treasury),
    node.prices(),
  ]);
  const fund = `send TRX to ${address}, or stake them or rent energy for it`;
  if (sun === null) return wrong('the treasury account is not active', `send TRX to ${address}`);
  const held = `the treasury holds ${showTrx(sun)} and ${own.freeEnergy} energy`;
  const costOf = (transfers: bigint): bigint =>
    mostBurned(transfers, { energy: FRESH_TRANSFER_ENERGY, prices, own });
  if (costOf(1n) > sun) return wrong(`${held}, not enough for one payout`, fund);
  if (costOf(FEW_TRANSFERS) > sun) {
    return warning(`${held}, enough for fewer than ${FEW_TRANSFERS} payouts`, fund);
  }
  return fine(held);
}

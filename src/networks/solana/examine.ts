import type { Asset } from '../../money/asset.ts';
import { formatUnits } from '../../money/amount.ts';
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
import type { SolanaNode } from './node.ts';
import { connectNodes, type SolanaConnection } from './nodes.ts';
import { TOKEN_PROGRAM } from './programs.ts';
import type { SolanaNetworkId } from './solana-network.ts';
import { findOnNode } from './upkeep.ts';

const LAG_SLOTS = 150n;
const OLDEST_NEWEST_MS = 5 * 60_000;
const COIN_DECIMALS = 9;

/** About two hours of slots: a worker that was stopped for so long looks back so far. */
const OLD_SLOTS = 18_000n;

export function createSolanaExaminer(
  options: SolanaConnection & {
    readonly network: SolanaNetworkId;
    readonly assets: readonly Asset[];
  },
): NetworkExaminer {
  const pool = connectNodes(options);
  return {
    lagBlocks: LAG_SLOTS,
    oldestNewestMs: OLDEST_NEWEST_MS,
    examineNodes: async () => await examineNodes(pool.all, newestOf, abilitiesOf),
    examineTreasury: async ({ treasury }) => {
      try {
        return await pool.onOne(async (node) => await examineAccounts(node, options, treasury));
      } catch (error) {
        return [wrong(messageOfNode(error), 'see what is said of the nodes')];
      }
    },
  };
}

/** The newest block may have no time yet; the finalized one has. */
async function newestOf(node: SolanaNode): Promise<{ number: bigint; time: Date }> {
  await node.checkChain();
  const newest = await node.latestBlock();
  const time = newest.time ?? (await node.finalizedBlock()).time;
  if (time === null) throw new RpcFailure(`${node.label}: its finalized block has no time`);
  return { number: newest.number, time };
}

function abilitiesOf(node: SolanaNode): Ability[] {
  const history = 'use a node with history (--enable-rpc-transaction-history)';
  /** Every block holds transactions that name it. */
  const signatures = async (): Promise<string | undefined> =>
    (await node.signaturesOf(TOKEN_PROGRAM, null))[0]?.signature;
  return [
    {
      of: 'the newest finalized block',
      without: 'fail',
      mend: 'use a node that serves getBlock',
      tryOut: async () => await node.finalizedBlock(),
    },
    {
      of: 'the finalized transactions of an address',
      without: 'fail',
      mend: history,
      tryOut: async () => {
        const signature = await signatures();
        if (signature === undefined) {
          throw new RpcFailure(`${node.label} knows no transaction of the token program`);
        }
        if ((await node.transaction(signature)) === null) {
          throw new RpcFailure(`${node.label} lists a transaction and does not have it`);
        }
        if ((await node.signatureStatus(signature)).value === null) {
          throw new RpcFailure(`${node.label} has no status of a transaction that it has`);
        }
      },
    },
    {
      of: 'blocks that are about two hours old',
      without: 'warn',
      mend: `${history} and a ledger of some hours (--limit-ledger-size)`,
      tryOut: async () => {
        const [first, newest] = await Promise.all([
          node.firstAvailableSlot(),
          node.finalizedBlock(),
        ]);
        const old = newest.number > OLD_SLOTS ? newest.number - OLD_SLOTS : 0n;
        // A chain that began later has no older block than its first.
        if (first <= old || first <= 1n) return;
        throw new RpcFailure(`${node.label} begins at slot ${first}`);
      },
    },
    {
      of: 'what recent blocks took for compute',
      without: 'fail',
      mend: 'use a node that serves getRecentPrioritizationFees',
      tryOut: async () => await node.recentUnitPrices([]),
    },
  ];
}

async function examineAccounts(
  node: SolanaNode,
  chain: { readonly network: SolanaNetworkId; readonly assets: readonly Asset[] },
  treasury: string,
): Promise<Finding[]> {
  const { chores, alarms } = await findOnNode(
    { treasury, network: chain.network },
    node,
    chain.assets,
  );
  const [wallet] = (await node.accounts([treasury], 'confirmed')).value;
  const lamports = wallet?.lamports ?? 0n;
  const fund = `send SOL to ${treasury}`;
  if (lamports === 0n) return [wrong('the treasury holds no SOL', fund)];
  const opening = 'nothing: a running worker does it, with coins of the treasury';
  return [
    fine(`the treasury holds ${formatUnits(lamports, COIN_DECIMALS)} SOL`),
    ...alarms.map((what) => warning(what, `${fund}, or see what the issuer says`)),
    ...chores.map(({ what }) => warning(`a worker still ${what}`, opening)),
  ];
}

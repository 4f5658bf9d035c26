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
import { RpcErrorAnswer, RpcFailure } from '../nodes/json-rpc.ts';
import type { BitcoinNode } from './node.ts';
import { connectNodes, type BitcoinConnection } from './nodes.ts';
import { walletNameOf } from './prepare-wallet.ts';
import { readCount, readHex, readList, readRecord, readUnits } from './read-answer.ts';
import { scriptOfAddress } from './script.ts';

const LAG_BLOCKS = 1n;
/** Blocks come by chance; three hours without one happen once in many centuries. */
const OLDEST_NEWEST_MS = 3 * 3_600_000;
const COIN_DECIMALS = 8;

/** Bitcoin Core 28 and Knots 28, as getnetworkinfo writes it. */
const LEAST_VERSION = 280_000;

/** A week: how long a worker may be stopped before it misses blocks that the node has thrown away. */
const OLD_BLOCKS = 1_008;

/** One coin pays one batch, and its change can be spent when it is final: more of them pay side by side. */
const FEW_COINS = 4;

export function createBitcoinExaminer(
  options: BitcoinConnection & { readonly confirmations: number },
): NetworkExaminer {
  const pool = connectNodes(options);
  return {
    lagBlocks: LAG_BLOCKS,
    oldestNewestMs: OLDEST_NEWEST_MS,
    examineNodes: async () =>
      await examineNodes(
        pool.all,
        async (node) => {
          await node.checkChain();
          const { height, time } = await node.tip();
          return { number: BigInt(height), time: new Date(time * 1_000) };
        },
        abilitiesOf,
      ),
    examineTreasury: async ({ treasury }) => {
      try {
        return await pool.onOne(async (node) => [
          await examineCoins(node, treasury, options.confirmations),
        ]);
      } catch (error) {
        return [wrong(messageOfNode(error), 'see what is said of the nodes')];
      }
    },
  };
}

function abilitiesOf(node: BitcoinNode): Ability[] {
  const { label } = node;
  const ask = async (method: string): Promise<unknown> => await node.endpoint.request(method, []);
  return [
    {
      of: 'what this version of Knit needs of bitcoind',
      without: 'fail',
      mend: 'use Bitcoin Core 28 or Knots 28, or a newer one',
      tryOut: async () => {
        const info = readRecord(await ask('getnetworkinfo'), 'network info');
        const version = readCount(info['version'], 'version');
        if (version < LEAST_VERSION) throw new RpcFailure(`${label} is of version ${version}`);
      },
    },
    {
      of: 'wallets, of which one watches the treasury',
      without: 'fail',
      mend: 'start bitcoind without disablewallet=1; the worker makes a wallet that holds no key',
      tryOut: async () => await ask('listwallets'),
    },
    {
      of: 'blocks of the last week',
      without: 'warn',
      mend: 'let it keep more blocks (prune=0, or at least 10000)',
      tryOut: async () => {
        const info = readRecord(await ask('getblockchaininfo'), 'chain info');
        if (info['pruned'] !== true) return;
        const [from, tip] = [readCount(info['pruneheight'], 'prune height'), await node.tip()];
        if (from > tip.height - OLD_BLOCKS) {
          throw new RpcFailure(`${label} has thrown away what is before block ${from}`);
        }
      },
    },
    {
      of: 'the rules of its mempool',
      without: 'fail',
      mend: 'use a node that is no blocks-only one (blocksonly=0)',
      tryOut: async () => await node.relayRules(),
    },
  ];
}

async function examineCoins(
  node: BitcoinNode,
  treasury: string,
  confirmations: number,
): Promise<Finding> {
  const coins = await listOwnCoins(node, treasury);
  if (coins === null) {
    return warning(
      `${node.label} has no wallet that watches the treasury yet`,
      'nothing: a running worker makes it',
    );
  }
  const final = coins.filter((coin) => coin.depth >= confirmations);
  const units = final.reduce((sum, coin) => sum + coin.units, 0n);
  const held = `the treasury holds ${formatUnits(units, COIN_DECIMALS)} BTC in ${final.length} final coins`;
  const fund = `send BTC to ${treasury}`;
  if (final.length === 0) return wrong(held, `${fund}, or wait until what was sent is final`);
  if (final.length >= FEW_COINS) return fine(held);
  return warning(held, `${fund} in several outputs: so many payouts can be paid side by side`);
}

/** bitcoind: the wallet is not loaded, or not there. */
const NO_WALLET = -18;

/** What the wallet that a worker has made on the node knows; null where there is none yet. */
async function listOwnCoins(
  node: BitcoinNode,
  treasury: string,
): Promise<{ readonly units: bigint; readonly depth: number }[] | null> {
  const script = scriptOfAddress(treasury);
  const path = `wallet/${walletNameOf({ script })}`;
  try {
    const answer = await node.endpoint.request('listunspent', [0, 9_999_999, [], true], path);
    return readList(answer, 'unspent outputs').flatMap((each) => {
      const coin = readRecord(each, 'unspent output');
      if (readHex(coin['scriptPubKey'], 'script') !== script) return [];
      const depth = readCount(coin['confirmations'], 'confirmations');
      return [{ units: readUnits(coin['amount'], 'amount'), depth }];
    });
  } catch (error) {
    if (error instanceof RpcErrorAnswer && error.code === NO_WALLET) return null;
    throw error;
  }
}

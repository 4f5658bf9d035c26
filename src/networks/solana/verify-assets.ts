import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { ChainMismatch } from '../network.ts';
import { askQuorum, type QuorumAnswer } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import { mintOf } from './mint-of.ts';
import type { SolanaNode } from './node.ts';
import type { SolanaPool } from './nodes.ts';
import { TOKEN_2022_PROGRAM } from './programs.ts';
import type { SolanaNetworkId } from './solana-network.ts';
import { readMint } from './token-account.ts';

/** What the configuration says of the network. */
export interface ConfiguredNetwork {
  readonly network: SolanaNetworkId;
  readonly assets: readonly Asset[];
}

/**
 * Compares the configuration with the chain. Every node that answers has to be of the chain, and a quorum
 * has to agree that the assets are as configured. Throws {@link ChainMismatch} where it agrees that they are
 * not, and RpcFailure where there is no quorum for either.
 */
export async function verifyAssets(
  pool: SolanaPool,
  { network, assets }: ConfiguredNetwork,
): Promise<void> {
  await checkChains(pool, network);
  for (const asset of assets) {
    assert(asset.network === network, `the asset is not of ${network}`);
    const { token, contract, decimals } = asset;
    const name = `${token} on ${network}`;
    if (contract === null) throw new ChainMismatch(`${name} has no mint`, network);
    const found = agreed(
      name,
      await askQuorum(pool, async (node) => await lookAt(node, asset), Object.is),
    );
    if (typeof found === 'string') {
      throw new ChainMismatch(`${name}: ${contract} ${found}`, network);
    }
    if (found !== decimals) {
      throw new ChainMismatch(
        `${name} has ${found} decimals on chain, ${decimals} configured`,
        network,
      );
    }
  }
}

/**
 * A node that does not answer is none of another chain: it is asked again before it is believed. Where any
 * chain will do, the nodes have to be of the same one.
 */
async function checkChains(pool: SolanaPool, network: SolanaNetworkId): Promise<void> {
  const checks = await Promise.allSettled(
    pool.all.map(async (node) => {
      await node.checkChain();
    }),
  );
  for (const check of checks) {
    if (check.status === 'rejected' && check.reason instanceof ChainMismatch) {
      throw new ChainMismatch(check.reason.message, network);
    }
  }
  const said = await askQuorum(pool, async (node) => await node.genesisHash(), Object.is);
  agreed(`the genesis of ${network}`, said);
  if (said.kind === 'agreed' && said.against.length > 0) {
    const strangers = said.against.map(({ node }) => node.label).join(' and ');
    throw new ChainMismatch(`${strangers} is of another chain than the others`, network);
  }
}

function agreed<T>(what: string, said: QuorumAnswer<SolanaNode, T>): T {
  switch (said.kind) {
    case 'agreed':
      return said.value;
    case 'contradicted':
      throw new RpcFailure(
        `${what}: ${said.answers.map(({ by }) => by.join(', ')).join(' against ')}`,
      );
    case 'not enough':
      throw new RpcFailure(said.reasons.join('; '));
  }
}

/** The decimals, or why it is no token that is paid here. */
async function lookAt(node: SolanaNode, asset: Asset): Promise<number | string> {
  const [account] = (await node.accounts([mintOf(asset)], 'confirmed')).value;
  if (account === null || account === undefined) return 'does not exist';
  // Its transfers may cost a fee, be taken back or run a program: none of that is an exact payment.
  if (account.owner === TOKEN_2022_PROGRAM) return 'is of Token-2022, which is not paid';
  return readMint(account)?.decimals ?? 'is no mint of the token program';
}

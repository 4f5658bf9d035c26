import { assert } from '../../base/assert.ts';
import type { Asset } from '../../money/asset.ts';
import { ChainMismatch } from '../network.ts';
import { askQuorum } from '../nodes/ask-quorum.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';
import type { TronPool } from './nodes.ts';
import { contractOf, nameOf, readDecimals } from './token.ts';

const NETWORK = 'TRON_MAINNET';

/**
 * Compares the configuration with the chain. Every node that answers has to be of the chain, and a
 * quorum has to agree that the assets are as configured. Throws {@link ChainMismatch} where it
 * agrees that they are not, and RpcFailure where there is no quorum for either.
 */
export async function verifyAssets(pool: TronPool, assets: readonly Asset[]): Promise<void> {
  await checkChains(pool);
  await checkViews(pool);
  for (const asset of assets) {
    assert(asset.network === NETWORK, 'the asset is not of TRON_MAINNET');
    const contract = contractOf(asset);
    const found = await askQuorum(
      pool,
      async (node) => await readDecimals(node, contract),
      Object.is,
    );
    if (found.kind === 'not enough') throw new RpcFailure(found.reasons.join('; '));
    if (found.kind === 'contradicted') {
      const sides = found.answers.map(({ by }) => by.join(', ')).join(' against ');
      throw new RpcFailure(`${nameOf(asset)}: ${sides}`);
    }
    if (found.value === BigInt(asset.decimals)) continue;
    const words =
      found.value === 'no contract'
        ? `: there is no contract at ${asset.contract ?? 'null'}`
        : ` has ${found.value ?? 'no readable'} decimals on chain, ${asset.decimals} configured`;
    throw new ChainMismatch(`${nameOf(asset)}${words}`, NETWORK);
  }
}

/** A node that does not answer is none of another chain: it is asked again before it is believed. */
async function checkChains(pool: TronPool): Promise<void> {
  const checks = await Promise.allSettled(
    pool.all.map(async (node) => {
      await node.checkChain();
    }),
  );
  for (const check of checks) {
    if (check.status === 'rejected' && check.reason instanceof ChainMismatch) {
      throw new ChainMismatch(check.reason.message, NETWORK);
    }
  }
}

/** A chain that is younger may have no block between the two. */
const OLD_BLOCKS = 100n;

/**
 * The two views have a port each (8090, 8091), so that a proxy is between them and us, which may show the
 * newest block as the solidified one. On such a node everything would seem final that a fork can take back:
 * 19 witnesses build on a block before it is solidified, so the newest never is.
 */
async function checkViews(pool: TronPool): Promise<void> {
  const heard = await pool.hearAll(async (node) => {
    const solid = await node.head('solid');
    return { solid, newest: await node.head('newest') };
  });
  for (const it of heard) {
    if (it.kind === 'failed' || it.value.newest.number < OLD_BLOCKS) continue;
    if (it.value.solid.number < it.value.newest.number) continue;
    const words = `${it.node.label} shows its newest block as solidified: is /walletsolidity/ its own view?`;
    throw new ChainMismatch(words, NETWORK);
  }
}

import { formatUnits } from '../../money/amount.ts';
import type { Asset } from '../../money/asset.ts';
import type { Chore, Upkeep } from '../network.ts';
import { placeOf } from './movements.ts';
import type { SolanaNode } from './node.ts';
import type { Payer } from './payer.ts';
import type { Account } from './read-answer.ts';
import { readTokenAccount, TOKEN_ACCOUNT_BYTES } from './token-account.ts';
import { SYSTEM_PROGRAM } from './programs.ts';

/** A person is told where the treasury's coins open fewer accounts than this. */
const FEW_OPENINGS = 100n;

/** A fee at the ceiling is far below it. */
const OPENING_FEE_LAMPORTS = 10_000_000n;

/**
 * What the treasury needs in the newest confirmed state: a token account of its own for each asset, and coins
 * for fees and rents. Throws RpcFailure where no node tells.
 */
export async function findUpkeep(payer: Payer, assets: readonly Asset[]): Promise<Upkeep> {
  return await payer.pool.onOne(async (node) => await findOnNode(payer, node, assets));
}

/** As {@link findUpkeep}, on one node, for whoever knows the treasury's address alone. */
export async function findOnNode(
  { treasury, network }: Pick<Payer, 'treasury' | 'network'>,
  node: SolanaNode,
  assets: readonly Asset[],
): Promise<Upkeep> {
  const rent = await node.rentOf(TOKEN_ACCOUNT_BYTES);
  const addresses = [treasury, ...assets.map((asset) => placeOf(asset, treasury).account)];
  const [wallet, ...accounts] = (await node.accounts(addresses, 'confirmed')).value;
  const held = wallet?.lamports ?? 0n;
  const alarms: string[] = [];
  if (held < FEW_OPENINGS * rent) {
    const openings = held / rent;
    alarms.push(
      `the treasury account ${treasury} is low on coins: ${formatUnits(held, 9)} SOL, enough for about ${openings} payouts to wallets that never had the token`,
    );
  }
  const chores: Chore[] = [];
  for (const [index, asset] of assets.entries()) {
    const found = judge(asset, accounts[index] ?? null, treasury);
    if (found === 'ready') continue;
    if (found !== 'absent')
      alarms.push(`the treasury's ${asset.token} account on ${network} ${found}`);
    else if (held >= rent + OPENING_FEE_LAMPORTS) chores.push(opening(asset, treasury));
    else alarms.push(`the treasury cannot pay for its ${asset.token} account on ${network}`);
  }
  return { chores, alarms };
}

function judge(asset: Asset, account: Account | null, treasury: string): string {
  // Coins that somebody has sent there do not keep it from being opened.
  if (account === null || account.owner === SYSTEM_PROGRAM) return 'absent';
  const token = readTokenAccount(account);
  const isOwn = token?.owner === treasury && token.mint === placeOf(asset, treasury).mint;
  if (token === null || !isOwn) return 'is not its own';
  return token.state === 'frozen' ? 'is frozen by the issuer' : 'ready';
}

function opening(asset: Asset, treasury: string): Chore {
  const { mint, account } = placeOf(asset, treasury);
  const what = `opens the treasury's ${asset.token} account ${account}`;
  return { purpose: 'OPEN_ACCOUNT', what, takes: 1n, fills: null, details: { mint } };
}

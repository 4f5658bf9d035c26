import type { TokenTransfer } from '../../local-chains/solana/chain-interface.ts';
import type { LocalChain } from '../../src/sandbox/start-local-chain.ts';
import type { PaidOut } from './paying-chain.ts';

/** 1,000 SOL, and 1,000,000 of each token. */
export async function fundSolana(world: {
  readonly chain: LocalChain;
  readonly treasury: string;
  readonly finalAfter: number;
}): Promise<void> {
  const { chain, treasury: owner, finalAfter } = world;
  await chain.control('fund', { owner, lamports: String(10n ** 12n) });
  for (const token of ['USDT', 'USDC']) {
    await chain.control('mintTo', { token, owner, units: String(10n ** 12n) });
  }
  for (let slot = 0; slot <= finalAfter; slot += 1) await chain.control('produceBlock', {});
}

/** By the transfers that the chain has executed; to whom: the owner of the account that got them. */
export async function paidOnSolana(about: {
  readonly control: LocalChain['control'];
  readonly treasury: string;
  readonly contract: string;
}): Promise<PaidOut[]> {
  const { control, treasury, contract } = about;
  const transfers = (await control('transfers', { mint: contract })) as readonly (Omit<
    TokenTransfer,
    'units'
  > & { readonly units: string })[];
  return transfers
    .filter(({ from }) => from.owner === treasury)
    .map(({ to, units, signature }) => ({
      to: to.owner,
      units: BigInt(units),
      transactionHash: signature,
    }));
}

import type { TokenTransfer } from '../../local-chains/tron/truth.ts';
import type { LocalChain } from '../../src/sandbox/start-local-chain.ts';
import type { PaidOut } from './paying-chain.ts';

const DECIMALS = 6;

/** A treasury with 100,000 TRX and 1,000,000 USDT; it has staked nothing and burns TRX for its energy. */
export function genesisOfTron(treasury: string): string {
  const holders = [{ address: treasury, units: String(10n ** 12n) }];
  return JSON.stringify({
    accounts: [{ address: treasury, sun: String(10n ** 11n) }],
    tokens: ['USDT', 'USDC'].map((symbol) => ({ symbol, decimals: DECIMALS, holders })),
  });
}

/** By what the token has logged. */
export async function paidOnTron(about: {
  readonly control: LocalChain['control'];
  readonly treasury: string;
  readonly contract: string;
}): Promise<PaidOut[]> {
  const { control, treasury, contract } = about;
  const transfers = (await control('transfers', { token: contract })) as readonly (Omit<
    TokenTransfer,
    'units'
  > & { readonly units: string })[];
  return transfers
    .filter(({ from }) => from === treasury)
    .map(({ to, units, txid }) => ({ to, units: BigInt(units), transactionHash: txid }));
}

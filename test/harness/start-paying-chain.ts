import type { Json } from '../../src/base/json.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Token } from '../../src/money/asset.ts';
import { createGuard } from '../../src/sandbox/guard.ts';
import { startLocalChain, type LocalChain } from '../../src/sandbox/start-local-chain.ts';
import { createMnemonicSigner } from '../../src/treasury/mnemonic-signer.ts';
import { treasuryAddressOf } from '../../src/treasury/treasury-address.ts';
import { fundBitcoin, paidOnBitcoin } from './paying-bitcoin.ts';
import { fundSolana, paidOnSolana } from './paying-solana.ts';
import { genesisOfTron, paidOnTron } from './paying-tron.ts';
import type { LocalNetworkId, LocalPayingChain, PaidOut, RehearsedTimes } from './paying-chain.ts';

export interface PayingChainOptions {
  readonly network: LocalNetworkId;
  readonly mnemonic: string;
  /** From block to block; null: by control alone. */
  readonly blockMs: number | null;
  /** A block is final so many blocks later (Bitcoin: with so many confirmations). */
  readonly finalAfter: number;
  readonly times: RehearsedTimes;
}

export async function startPayingChain(options: PayingChainOptions): Promise<LocalPayingChain> {
  const { network, finalAfter, mnemonic } = options;
  const guard = createGuard();
  const keys = createMnemonicSigner({ mnemonic });
  const treasury = treasuryAddressOf(network, keys, 'p2tr');
  const chain = await startLocalChain({ guard, log: silentLog, ...processOf(options, treasury) });
  const { announced, rpcUrl } = chain;
  const control: LocalChain['control'] = async (what, body) => await chain.control(what, body);
  const ledgerTokens = await fund(network, { chain, treasury, finalAfter });
  const decimals = network === 'BITCOIN_MAINNET' ? 8 : 6;
  const tokens = announced['tokens'] as Record<string, { address: string }> | undefined;
  const genesis = (announced['genesisHash'] ?? announced['genesisBlockId']) as string;
  const entries = ledgerTokens.map((token) => [
    token,
    { address: tokens?.[token]?.address ?? null, decimals },
  ]);
  return {
    network,
    rpcUrl,
    registryEntry: { genesis, tokens: Object.fromEntries(entries) as Json },
    tokens: ledgerTokens,
    decimals,
    treasury,
    settings: {
      KNIT_TEST_TIMES: JSON.stringify(options.times),
      KNIT_BITCOIN_CONFIRMATIONS: String(finalAfter),
    },
    paidOut: async (token) => {
      const contract = tokens?.[token]?.address ?? '';
      return await paidOutOf(network, { control, treasury, contract });
    },
    nodeUrl: (name) => `${rpcUrl}/nodes/${name}`,
    control,
    stop: async () => {
      await chain.stop();
      await guard.dispose();
    },
  };
}

/** What to start, and with which words. */
function processOf(
  { network, blockMs, finalAfter }: PayingChainOptions,
  treasury: string,
): Pick<Parameters<typeof startLocalChain>[0], 'chain' | 'args' | 'input'> {
  switch (network) {
    case 'TRON_MAINNET':
      return {
        chain: 'tron',
        args: [
          // By control alone the blocks still have times: the chain's own, so far apart.
          `--block-time=${blockMs ?? 100}`,
          `--solidified-after=${finalAfter}`,
          '--config=-',
          ...(blockMs === null ? ['--manual'] : []),
        ],
        input: genesisOfTron(treasury),
      };
    case 'SOL_MAINNET':
      return {
        chain: 'solana',
        args: [`--slot-ms=${blockMs ?? 0}`, `--finalized-after=${finalAfter}`],
      };
    case 'BITCOIN_MAINNET':
      return { chain: 'bitcoin', args: [`--block-ms=${blockMs ?? 0}`] };
  }
}

/** Gives the tokens that the treasury holds from then on. */
async function fund(
  network: LocalNetworkId,
  world: { chain: LocalChain; treasury: string; finalAfter: number },
): Promise<readonly Token[]> {
  switch (network) {
    case 'TRON_MAINNET':
      // Its genesis has the funds.
      for (let block = 0; block < world.finalAfter; block += 1) {
        await world.chain.control('produceBlock', {});
      }
      return ['USDT'];
    case 'SOL_MAINNET':
      await fundSolana(world);
      return ['USDT', 'USDC'];
    case 'BITCOIN_MAINNET':
      await fundBitcoin(world);
      return ['BTC'];
  }
}

async function paidOutOf(
  network: LocalNetworkId,
  about: { control: LocalChain['control']; treasury: string; contract: string },
): Promise<readonly PaidOut[]> {
  switch (network) {
    case 'TRON_MAINNET':
      return await paidOnTron(about);
    case 'SOL_MAINNET':
      return await paidOnSolana(about);
    case 'BITCOIN_MAINNET':
      return await paidOnBitcoin(about);
  }
}

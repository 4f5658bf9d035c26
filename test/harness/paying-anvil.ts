import { evmAddressOfPublicKey } from '../../src/networks/evm/address-of-public-key.ts';
import { createMnemonicSigner } from '../../src/treasury/mnemonic-signer.ts';
import { startTestChain, type TestChain } from './chain.ts';
import type { PayingChain } from './paying-chain.ts';

/** The treasury of these keys gets coins and tokens there. */
export async function payOnAnvil(chain: TestChain, mnemonic: string): Promise<PayingChain> {
  const { network, rpcUrl, chainId, tokens } = chain;
  const { USDT, USDC } = tokens;
  const keys = createMnemonicSigner({ mnemonic });
  const treasury = evmAddressOfPublicKey(keys.for(network).publicKey).toLowerCase();
  await chain.fund(treasury);
  return {
    network,
    rpcUrl,
    registryEntry: { chainId, tokens: { USDT: { ...USDT }, USDC: { ...USDC } } },
    tokens: ['USDT', 'USDC'],
    decimals: USDT.decimals,
    treasury,
    settings: {},
    paidOut: async (token) => {
      const logs = await chain.transferLogs(token);
      return logs.filter(({ from }) => from === treasury);
    },
    stop: async () => await chain.stop(),
  };
}

/** With a block each fifth of a second. */
export async function startPayingAnvil(mnemonic: string): Promise<PayingChain> {
  return await payOnAnvil(await startTestChain({ blockTimeSeconds: 0.2 }), mnemonic);
}
